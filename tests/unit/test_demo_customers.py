"""The generated crowd: seeded, and as many as the rule states."""

from collections import Counter

from inventory_stream.demo.customers import Intent, crowd, refreshers


def test_the_same_seed_draws_the_same_crowd() -> None:
    """What is generated follows from the seed alone, so that two people can compare their runs."""
    assert crowd(7, 500, 10.0) == crowd(7, 500, 10.0)
    assert crowd(7, 500, 10.0) != crowd(8, 500, 10.0)


def test_a_crowd_wants_what_was_asked_and_comes_in_time() -> None:
    """Together they want the units asked (one more at most), inside the sale, ever more of them."""
    customers = crowd(1, 20_000, 10.0)
    wanted = sum(customer.units for customer in customers)
    assert wanted in {20_000, 20_001}
    arrivals = [customer.at_seconds for customer in customers]
    assert arrivals == sorted(arrivals)
    assert arrivals[-1] <= 10.0
    assert sum(at < 5.0 for at in arrivals) / len(arrivals) < 0.3


def test_shares_of_intents_are_the_stated_ones() -> None:
    """The shares in the source are those in the crowd, within what chance allows (three sigma)."""
    customers = crowd(1, 30_000, 10.0)
    intents = Counter(customer.intent for customer in customers)
    for intent in Intent:
        assert abs(intents[intent] / len(customers) - intent.value / 100) < 0.012, intent


def test_refreshers_take_exactly_what_is_left() -> None:
    """Each wants one unit and pays; names differ from wave to wave, or ids would repeat."""
    first, second = refreshers(1, 1, 5), refreshers(1, 2, 5)
    assert {customer.units for customer in first} == {1}
    assert len(first) == 5
    assert not {customer.name for customer in first} & {customer.name for customer in second}
