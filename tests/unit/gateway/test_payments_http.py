"""The payment webhook: who may send, and what it answers."""

from typing import Any

import pytest

from tests.unit.gateway.order_shop import NOW_SECONDS, OrderShop
from tests.unit.orders.shop import stock, units

EVENTS = "/v1/payments/events"


def event(kind: str = "captured", **more: object) -> dict[str, Any]:
    """Give an event of order O1."""
    return {
        "provider": "stripe",
        "id": f"evt-{kind}",
        "payment_id": "P1",
        "kind": kind,
        "order_id": "O1",
        **more,
    }


async def placed(shop: OrderShop, client: Any) -> None:  # noqa: ANN401  # aiohttp's own
    """Place order O1: 2 of A."""
    stock(shop.desk, A=5)
    body = {"order_id": "O1", "lines": [{"sku": "A", "units": 2, "location": "DC1"}]}
    status, _ = await shop.call(client, "POST", "/v1/orders", body)
    assert status == 201


async def test_signed_event_confirms_the_noted_order_and_is_told() -> None:
    """200 with what came of it, the same for a repeat; the outcome is published each time."""
    shop = OrderShop()
    async with shop.client() as client:
        await placed(shop, client)
        status, outcome = await shop.pay(client, event())
        assert (status, outcome["status"]) == (200, "confirmed")
        assert (status, outcome) == await shop.pay(client, event())
    assert units(shop.desk, "A") == (5, 0, 2)
    assert [one.event_id for one in shop.told.published] == ["evt-captured"] * 2


@pytest.mark.parametrize(
    ("secret", "at", "provider"),
    [(b"x" * 32, NOW_SECONDS, "stripe"), (None, NOW_SECONDS - 301, "stripe"), (None, NOW_SECONDS, "adyen")],
)
async def test_false_old_or_foreign_signature_moves_nothing(
    secret: bytes | None, at: int, provider: str
) -> None:
    """Another secret, a signature of before, another provider's event: 401, and the ledger hears nothing."""
    shop = OrderShop()
    async with shop.client() as client:
        await placed(shop, client)
        asked = len(shop.desk.asked)
        extra = {} if secret is None else {"secret": secret}
        status, problem = await shop.pay(client, event(provider=provider), at=at, **extra)
    assert (status, problem["type"]) == (401, "/problems/not-authenticated")
    assert len(shop.desk.asked) == asked


async def test_order_that_nobody_knows_is_404_and_told() -> None:
    """Money came for an order without a note: the shop hears of it on the topic as well."""
    shop = OrderShop()
    async with shop.client() as client:
        status, problem = await shop.pay(client, event())
    assert (status, problem["type"]) == (404, "/problems/not-found")
    assert [one.status for one in shop.told.published] == ["unknown_order"]


@pytest.mark.parametrize("away", ["desk", "notes", "topic"])
async def test_what_is_away_asks_the_provider_to_send_again(away: str) -> None:
    """Ledger silent, Redis gone, outcomes not told: 503, and the next sending does all of it once."""
    shop = OrderShop()
    async with shop.client() as client:
        await placed(shop, client)
        shop.desk.lost, shop.notes.is_gone, shop.told.is_gone = (
            away == word for word in ("desk", "notes", "topic")
        )
        status, _ = await shop.pay(client, event())
        assert status == 503
        shop.desk.lost = shop.notes.is_gone = shop.told.is_gone = False
        status, outcome = await shop.pay(client, event())
        assert (status, outcome["status"]) == (200, "confirmed")
    assert units(shop.desk, "A") == (5, 0, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "stolen"},
        {"customer": "ann"},
        {"amount": 12.5},
        {"order_id": None},
        {"reservations": [{"reservation_id": "r"}]},
        {"id": "x" * 129},
    ],
)
async def test_bad_event_is_a_documented_4xx(wrong: dict[str, object]) -> None:
    """What cannot be read or meant is 400 or 422: a customer or an amount is no field that we take."""
    shop = OrderShop()
    async with shop.client() as client:
        status, _ = await shop.pay(client, event() | wrong)
    assert status in {400, 422}
    assert not shop.desk.asked
