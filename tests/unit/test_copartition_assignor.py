"""Who gets which partitions."""

from types import SimpleNamespace
from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.adapters.kafka.copartition_assignor import CopartitionAssignor, share

TOPICS = ["order-events", "stock-events"]
members = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.frozensets(st.integers(0, 11)), min_size=1, max_size=5
)


def cluster(**partitions: int) -> Any:  # noqa: ANN401  # stands for aiokafka's ClusterMetadata
    """Make a cluster with so many partitions of each topic (`_` for `-`)."""
    counts = {topic.replace("_", "-"): set(range(count)) for topic, count in partitions.items()}
    return SimpleNamespace(partitions_for_topic=counts.get)


@given(st.integers(0, 12), members)
def test_every_partition_has_one_owner_and_shares_differ_by_one_at_most(
    count: int, owned: dict[str, frozenset[int]]
) -> None:
    """Whatever members claim to have owned, the outcome is a fair partition of all numbers."""
    shares = share(range(count), owned)
    given_out = sorted(number for numbers in shares.values() for number in numbers)
    assert given_out == list(range(count))
    sizes = [len(numbers) for numbers in shares.values()]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 12), st.integers(1, 4))
def test_a_joining_member_moves_only_its_own_share(count: int, member_count: int) -> None:
    """Every partition that moves goes to the newcomer: nobody else reads a state anew."""
    before = share(range(count), {f"m{number}": frozenset[int]() for number in range(member_count)})
    after = share(range(count), {**before, "new": frozenset()})
    for name, numbers in before.items():
        assert after[name] <= numbers


def test_both_inputs_of_a_partition_go_to_the_same_member() -> None:
    """P10: with three members, where round robin would split pairs, ours are together."""
    assignors = {name: CopartitionAssignor() for name in "abc"}
    given_out = CopartitionAssignor().assign(
        cluster(order_events=4, stock_events=4),
        {name: assignor.metadata(TOPICS) for name, assignor in assignors.items()},
    )
    for assignment in given_out.values():
        orders, stock = (partitions for _, partitions in assignment.assignment)
        assert orders == stock
    assert sum(len(assignment.assignment[0][1]) for assignment in given_out.values()) == 4


def test_a_member_says_what_it_was_given() -> None:
    """A member's next metadata carries its last assignment, so that it keeps it."""
    assignor = CopartitionAssignor()
    assignor.on_assignment(ConsumerProtocolMemberAssignment(0, [("order-events", [2, 3])], b""))
    metadata = {"old": assignor.metadata(TOPICS), "new": CopartitionAssignor().metadata(TOPICS)}
    given_out = CopartitionAssignor().assign(cluster(order_events=4, stock_events=4), metadata)
    assert given_out["old"].assignment[0] == ("order-events", [2, 3])


def test_a_topic_that_an_owner_does_not_read_is_given_to_one_that_does() -> None:
    """P10: a worker of another build that reads one topic only leaves no partition unread in silence."""
    metadata = {
        "half": CopartitionAssignor().metadata(["order-events"]),
        "whole": CopartitionAssignor().metadata(TOPICS),
    }
    given_out = CopartitionAssignor().assign(cluster(order_events=4, stock_events=4), metadata)
    assert dict(given_out["whole"].assignment)["stock-events"] == [0, 1, 2, 3]
    assert len(dict(given_out["whole"].assignment)["order-events"]) == 2


def test_unknown_user_data_counts_as_nothing_owned() -> None:
    """A member of another build does not break the group's leader."""
    strange = ConsumerProtocolMemberMetadata(0, TOPICS, b"\xc1")
    given_out = CopartitionAssignor().assign(cluster(order_events=1, stock_events=1), {"m": strange})
    assert given_out["m"].assignment == [("order-events", [0]), ("stock-events", [0])]
