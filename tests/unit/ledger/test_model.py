"""The ledger against the model: every outcome and every quantity, for random scripts of all commands."""

import os
from pprint import pformat
from random import Random
from typing import Final

import pytest

from inventory_stream.ledger.decide import DECISIONS
from inventory_stream.ledger.invariants import assert_sound
from inventory_stream.ledger.limits import standing_limit
from inventory_stream.ledger.netting import ALLOCATIONS_MAX
from inventory_stream.ledger.rules import ANSWERS_MAX, Rules
from inventory_stream.ledger.state import PartitionState
from models import commands as c
from tests.unit.ledger.model import World
from tests.unit.ledger.model_answers import EDITS, STOCK, Model
from tests.unit.ledger.scripts import Call, answers_in, decide, fresh_state, script, smaller

RULES = Rules(order_lag_ms=20_000, reservation_ms_max=100_000)
"""So short that a script passes them."""

SKUS: Final = ("SKU1", "SKU1", "SKU1", "SKU2")
"""What commands name: mostly the same, so that they meet; sometimes another, to be told from it."""
SCRIPTS: Final = int(os.environ.get("MODEL_SCRIPTS", "2500"))
"""How many scripts; each is up to 250 commands, and 5 to 10 ms. A long search: MODEL_SCRIPTS=100000."""
FIRST_SEED: Final = int(os.environ.get("SEED", "0"))

Figures = dict[tuple[str, ...], tuple[int, ...]]


def heard_of_model(model: Model, call: Call) -> list[tuple[str, str]]:
    """Give what the model says to a call's commands, in order."""
    heard = []
    model.world.now = call.now_ms
    for is_stock, records in ((True, call.stock), (False, call.orders)):
        for record in records:
            if not is_stock:
                model.world.expire_all(record.arrival_ms)
            for command in record.commands:
                assert command is not None
                heard += model.answer(command, call.now_ms, record.arrival_ms)
    model.world.expire_all(call.sweep_before_ms)
    return heard


def figures_of_model(world: World) -> Figures:
    """Add up everything that the model knows."""
    figures: Figures = {}
    for sku, location in world.places:
        spot = sku, location
        place = world.place(spot)
        figures["place", sku, location] = (
            world.on_hand(spot),
            place.unavailable[1],
            world.reserved(spot),
            world.allocated(spot),
            place.safety[1],
            world.in_transit(spot),
            world.free(spot),
        )
    for name, order in world.orders.items():
        for location, line in order.lines.items():
            figures["line", name, location] = (
                line.soft,
                line.firm,
                line.lost,
                line.gone,
                line.back,
                line.own,
            )
    for (sku, location, sale), pool in world.pools.items():
        figures["pool", sale, sku, location] = (pool.units, pool.sold, pool.unsold, bool(pool.closed))
    for (sku, location, channel), fence in world.fences.items():
        figures["fence", channel, sku, location] = (fence.units,)
    for name, customer in {
        (name, order.customer) for order in world.orders.values() for name in order.limits
    }:
        if world.used(name, customer):
            figures["limit", name, customer or ""] = (world.used(name, customer),)
    for name, transfer in world.transfers.items():
        figures["transfer", name] = (
            transfer.planned,
            transfer.shipped,
            transfer.on_the_way,
            transfer.lost,
            transfer.asked,
        )
    for name, incoming in world.incoming.items():
        figures["incoming", name] = (incoming.units, incoming.received, incoming.awaited)
    return figures


def figures_of_ledger(state: PartitionState) -> Figures:
    """Read the same from the ledger."""
    figures: Figures = {}
    for position in state.positions():
        figures["place", position.sku, position.location] = (
            position.on_hand,
            position.unavailable,
            position.reserved,
            position.allocated,
            position.safety_stock,
            position.in_transit,
            position.available_to_promise,
        )
    for name, row in state.reservations.items():
        for line in row.lines:
            figures["line", name, line.location] = (
                line.reserved,
                line.allocated,
                line.expired + line.revoked,
                line.fulfilled,
                line.returned,
                line.from_path,
            )
    for name, transfer in state.transfers.items():
        figures["transfer", name] = (
            transfer.planned,
            transfer.shipped,
            transfer.in_transit,
            transfer.lost,
            transfer.asked,
        )
    for name, incoming in state.incoming.items():
        figures["incoming", name] = (incoming.units, incoming.received, incoming.open_units)
    return figures | sales_of_ledger(state)


def sales_of_ledger(state: PartitionState) -> Figures:
    """Read what the ledger keeps of sales: pools, fences, uses of limits."""
    figures: Figures = {}
    for pool in state.pools.values():
        figures["pool", pool.sale_id, pool.sku, pool.location] = (
            pool.units,
            pool.drawn,
            pool.unsold,
            bool(pool.closed_ms),
        )
    for position in state.positions():
        for fence in position.claims.fences.values() if position.claims else ():
            figures["fence", fence.channel, fence.sku, fence.location] = (fence.units,)
    for (name, customer), use in state.limit_uses.items():
        limit = standing_limit(state, name)
        if limit is not None and limit.opened_ms == use.opened_ms:
            figures["limit", name, customer] = (use.units,)
    return figures


def is_beyond_the_model(state: PartitionState) -> bool:
    """Whether a row has left something out to stay small (R9, R27): the tables have that."""
    return any(
        row.commands > ANSWERS_MAX or any(len(line.allocations) >= ALLOCATIONS_MAX for line in row.lines)
        for row in state.reservations.values()
    )


def test_the_model_knows_every_command() -> None:
    """R7 to R21: a command that the ledger decides and the model does not would go untested."""
    known = {*STOCK, *EDITS, c.Reserve, c.RecordOrder, c.Inspect, c.SetBackorder}
    assert known == {*c.STOCK_COMMANDS, *c.ORDER_COMMANDS}
    assert known <= set(DECISIONS)


def disagreement(calls: list[Call]) -> str | None:
    """Decide a script by both; gives the first difference after a batch, or None."""
    state = fresh_state(RULES)
    model = Model(World(RULES.order_lag_ms, RULES.reservation_ms_max))
    for call in calls:
        try:
            rows = [row for sealed in decide(state, call) for row in sealed.rows]
            assert_sound(state)
        except AssertionError as error:
            return f"broken: {error}"
        heard = [(command_id, outcome.name) for command_id, outcome in answers_in(rows)]
        expected = heard_of_model(model, call)
        if is_beyond_the_model(state) or model.world.lost_track:
            return None
        if heard != expected:
            return f"answered {heard}, the model {expected}"
        ours, theirs = figures_of_ledger(state), figures_of_model(model.world)
        if ours != theirs:
            return f"figures {sorted(ours.items() ^ theirs.items())}"
    return None


def test_ledger_agrees_with_the_model() -> None:
    """R1-R3, R7-R22, R27, R28: the same outcomes and the same quantities, after every batch."""
    for seed in range(FIRST_SEED, FIRST_SEED + SCRIPTS):
        calls = script(Random(seed), skus=SKUS)
        if disagreement(calls) is not None:
            least = smaller(calls, lambda some: disagreement(some) is not None)
            pytest.fail(f"seed {seed}: {disagreement(least)}\n{pformat(least)}")
