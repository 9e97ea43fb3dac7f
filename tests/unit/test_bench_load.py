"""The load of the benchmarks, and the model of what must come of it."""

import pytest

from benchmarks.load import LOCATION, Form, Workload, command_number, reservation_id, sku_name
from models.codec import ORDER_DECODER, STOCK_DECODER
from models.commands import Command, Reserve, Sync


def decoded(workload: Workload) -> list[Command]:
    """Decode every order record as the worker does."""
    commands: list[Command] = []
    for _, value in workload.values():
        some, poison = ORDER_DECODER.decode(value)
        assert not poison
        commands += [command for command in some if command is not None]
    return commands


@pytest.mark.parametrize("form", Form)
def test_every_form_asks_for_the_same_units_of_the_same_skus(form: Form) -> None:
    """All wire forms must carry the same decisions, or their figures would not compare."""
    workload = Workload(commands=257, skus=7, form=form, pack=10)
    commands = decoded(workload)
    assert len(commands) == 257
    skus, units = workload.asked
    for number, command in enumerate(commands):
        assert isinstance(command, Reserve)
        assert command.reservation_id == reservation_id(number)
        assert (command.sku, command.units) == (sku_name(skus[number]), units[number])
        assert (command.location, command.group, command.channel) == (LOCATION, None, "web")


def test_single_commands_have_the_sku_as_key_and_packs_have_none() -> None:
    """A single command's key must be its SKU (R30); a pack lies in an explicit partition."""
    single = Workload(commands=5, skus=3, form=Form.SINGLE)
    assert [key for key, _ in single.values()] == [sku_name(sku).encode() for sku in single.asked[0]]
    packed = Workload(commands=5, skus=3, form=Form.PACK, pack=2)
    assert [key for key, _ in packed.values()] == [None, None, None]


def test_opening_stock_states_every_sku_once() -> None:
    """The counts must name each SKU once, with the stock that the model starts from."""
    workload = Workload(commands=5_000, skus=1_500, form=Form.SINGLE)
    counts = [command for value in workload.stock_values() for command in STOCK_DECODER.decode(value)[0]]
    assert all(isinstance(count, Sync) for count in counts)
    stated = {count.sku: count.on_hand for count in counts if isinstance(count, Sync)}
    assert stated == {sku_name(number): units for number, units in enumerate(workload.stock)}


def test_model_grants_up_to_the_stock_and_refuses_some() -> None:
    """The model must never grant beyond stock, and must have something to refuse."""
    workload = Workload(commands=10_000, skus=3, form=Form.SINGLE)
    granted_of = [0] * 3
    for sku, granted in zip(workload.asked[0], workload.granted, strict=True):
        granted_of[sku] += granted
    assert all(granted <= stock for granted, stock in zip(granted_of, workload.stock, strict=True))
    assert 0 < workload.granted.count(0) < 1_000


def test_same_seed_gives_the_same_load_and_another_seed_another() -> None:
    """Runs must be repeatable, and the seed must matter."""
    first = Workload(commands=1_000, skus=9, form=Form.SINGLE, seed=5)
    again = Workload(commands=1_000, skus=9, form=Form.SINGLE, seed=5)
    other = Workload(commands=1_000, skus=9, form=Form.SINGLE, seed=6)
    assert list(first.values()) == list(again.values())
    assert first.granted == again.granted
    assert first.granted != other.granted


def test_command_number_reads_names_and_row_keys() -> None:
    """The number of a command must come back from its reservation's name and from its row key."""
    assert command_number(reservation_id(123_456_789)) == 123_456_789
    assert command_number(b"r/" + reservation_id(7).encode()) == 7
