"""The webhook of an integration over HTTP: who may tell, what is kept, what is refused and costs nothing."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from inventory_stream.adapters.channels.inbound import shopee, shopify, woocommerce
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.gateway.app import Limits, new_app
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.routes import webhooks
from inventory_stream.gateway.routes.webhooks import Listening, WebhookRoutes
from inventory_stream.gateway.security.guard import Guard
from inventory_stream.ports.channel import Delivery, Listener
from inventory_stream.settings import GatewaySettings
from models.channels import OrderTaken, StockSeen
from tests.fakes.deliveries import FakeDeliveries
from tests.unit.adapters.channels.inbound import deliveries as sent

if TYPE_CHECKING:
    from inventory_stream.ports.integrations import Integration

ORDER = {
    "id": 7,
    "created_at": "2023-11-14T22:00:00Z",
    "financial_status": "paid",
    "email": "somebody@example.org",
    "line_items": [{"id": 1, "sku": "TEE", "quantity": 2, "name": "for Ann"}],
}


@dataclass
class Heard:
    """A `WebhookMonitor` that counts."""

    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    misfits: Counter[tuple[str, str]] = field(default_factory=Counter)

    def delivered(self, integration: str, result: str) -> None:
        """See the port."""
        self.results[integration, result] += 1

    def misfit(self, integration: str, field: str) -> None:
        """See the port."""
        self.misfits[integration, field] += 1

    def unknown_kind(self, integration: str, kind: str) -> None:
        """See the port."""
        self.kinds[integration, kind] += 1


@dataclass
class Door:
    """A gateway that listens to three integrations, and a client of it."""

    secrets: Secrets
    kept: FakeDeliveries = field(default_factory=FakeDeliveries)
    heard: Heard = field(default_factory=Heard)
    admits: int = 1_000_000
    base_url: str | None = "https://h.example/"

    def _admit(self, name: str) -> None:
        if not self.admits:
            raise Problem("too-many-requests", name, headers={"Retry-After": "1"})
        self.admits -= 1

    @asynccontextmanager
    async def client(self, settings: GatewaySettings | None = None) -> AsyncIterator[Any]:
        """Serve it on a free port."""
        listeners: dict[str, tuple[Integration, Callable[[Integration, Secrets], Listener]]] = {
            "shopify-1": (sent.integration("shopify", "shop.example"), shopify.new_listener),
            "woocommerce-1": (sent.integration("woocommerce", "site"), woocommerce.new_listener),
            "shopee-1": (sent.integration("shopee", "77"), shopee.new_listener),
            "shopee-2": (sent.integration("shopee", "79", name="shopee-2"), shopee.new_listener),
        }
        listening = {
            name: Listening(one, new_listener(one, self.secrets))
            for name, (one, new_listener) in listeners.items()
        }
        routes = WebhookRoutes(
            listening,
            self.kept,
            lambda: sent.NOW_MS,
            base_url=self.base_url,
            admit=self._admit,
            monitor=self.heard,
        )
        guard = Guard.of(settings or GatewaySettings())
        app = new_app(
            routes.endpoints(), limits=Limits(request_bytes_max=10_000), middlewares=[guard.middleware]
        )
        async with TestClient(TestServer(app)) as client:
            yield client


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    """Give a gateway whose secrets can be read."""
    return Door(sent.secrets(monkeypatch))


async def post(client: Any, delivery: Delivery, name: str, **headers: str) -> tuple[int, bytes]:  # noqa: ANN401  # aiohttp's own
    """Send a delivery; gives status and body."""
    url = f"/v1/webhooks/{name}"
    async with client.post(url, data=delivery.raw, headers={**delivery.headers, **headers}) as answer:
        return answer.status, await answer.read()


async def test_a_genuine_delivery_is_durable_before_an_empty_answer(door: Door) -> None:
    """200 without a body; the topic has the order and nothing about the person."""
    async with door.client() as client:
        assert await post(client, sent.shopify("orders/create", ORDER), "shopify-1") == (200, b"")
    assert len(door.kept.kept) == 1
    inbound = door.kept.kept[0]
    assert (inbound.channel, inbound.account, inbound.delivery_id) == ("shopify", "shop.example", "e1")
    assert isinstance(inbound.events[0], OrderTaken)
    assert "Ann" not in repr(inbound)
    assert "somebody" not in repr(inbound)
    assert door.heard.results == {("shopify-1", "taken"): 1}


async def test_a_repeat_is_answered_and_not_kept_again(door: Door) -> None:
    """The same delivery id is 200 and written once; another one is written, too."""
    async with door.client() as client:
        for event in ("e1", "e1", "e2"):
            delivery = sent.shopify("orders/create", ORDER, event=event)
            assert await post(client, delivery, "shopify-1") == (200, b"")
    assert [one.delivery_id for one in door.kept.kept] == ["e1", "e2"]
    assert door.heard.results["shopify-1", "repeated"] == 1


async def test_deliveries_of_one_id_and_other_words_are_all_kept(door: Door) -> None:
    """WooCommerce has one id for all deliveries of a second, and never sends again what was answered 200."""
    async with door.client() as client:
        for order_id in (101, 102, 101):
            order = {
                "id": order_id,
                "status": "processing",
                "date_created_gmt": "2026-11-22T10:00:00",
                "line_items": [{"id": 1, "product_id": 7, "quantity": 1}],
            }
            delivery = sent.woocommerce("order.created", order)
            assert await post(client, delivery, "woocommerce-1") == (200, b"")
    told = [event.order_id for one in door.kept.kept for event in one.events if isinstance(event, OrderTaken)]
    assert told == ["101", "102"]
    assert door.heard.results["woocommerce-1", "repeated"] == 1


async def test_two_topics_of_one_act_are_both_kept(door: Door) -> None:
    """Shopify's event id is the merchant's act, which may be told by several topics."""
    level = {"inventory_item_id": 1, "location_id": 2, "available": 3, "updated_at": "2026-11-22T10:00:00Z"}
    async with door.client() as client:
        for topic, body in (("orders/create", ORDER), ("inventory_levels/update", level)):
            assert await post(client, sent.shopify(topic, body, event="e1"), "shopify-1") == (200, b"")
    assert [type(event) for one in door.kept.kept for event in one.events] == [OrderTaken, StockSeen]


async def test_when_kafka_is_gone_the_channel_shall_send_again(door: Door) -> None:
    """503 with Retry-After; the same delivery is then taken, as it was never known."""
    delivery = sent.shopify("orders/create", ORDER)
    async with door.client() as client:
        door.kept.is_gone = True
        async with client.post("/v1/webhooks/shopify-1", data=delivery.raw, headers=delivery.headers) as gone:
            assert (gone.status, gone.headers["Retry-After"]) == (503, "1")
        door.kept.is_gone = False
        assert (await post(client, delivery, "shopify-1"))[0] == 200
    assert len(door.kept.kept) == 1


@pytest.mark.parametrize(
    ("name", "delivery", "status"),
    [
        ("shopify-1", sent.shopify("orders/create", ORDER)._replace(raw=b"{}"), 401),
        ("shopify-1", sent.shopify("orders/create", ORDER)._replace(headers={}), 401),
        ("shopify-1", sent.shopify("orders/create", ORDER, shop="other.example"), 401),
        ("shopify-1", sent.shopify("orders/create", b"{"), 400),
        ("shopify-1", sent.shopify("orders/create", {**ORDER, "line_items": 3}), 400),
        ("shopify-1", sent.shopify("orders/create", b" " * 20_000), 413),
        ("shopee-1", sent.shopee({"code": 3, "shop_id": 78, "data": {"ordersn": "1"}}), 401),
        ("nobody-1", sent.shopify("orders/create", ORDER), 404),
    ],
)
async def test_what_is_forged_malformed_or_huge_is_refused_and_costs_nothing(
    door: Door, name: str, delivery: Delivery, status: int
) -> None:
    """401, 400, 413 or 404, counted where it is known, nothing written."""
    async with door.client() as client:
        assert (await post(client, delivery, name))[0] == status
    assert door.kept.kept == []
    if status != 413:  # refused before it is read whole
        word = {401: "forged", 400: "malformed", 404: "unknown"}[status]
        assert door.heard.results == {("" if status == 404 else name, word): 1}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"created_at": None}, "created_at"),
        ({"line_items": [{"id": 1, "quantity": "2"}]}, "line_items.quantity"),
        ({"id": "x"}, "id"),
        ({"line_items": [{"sku": "A"}]}, "line_items.id"),
    ],
)
async def test_a_body_that_has_changed_is_counted_by_its_field(
    door: Door, change: dict[str, object], place: str
) -> None:
    """Names are ours, so that there are few; what was sent is in none of them."""
    async with door.client() as client:
        delivery = sent.shopify("orders/create", {**ORDER, **change})
        assert (await post(client, delivery, "shopify-1"))[0] == 400
    assert door.heard.misfits == {("shopify-1", place): 1}


async def test_woocommerce_may_try_the_address_without_a_signature(door: Door) -> None:
    """Its first request is a form: 200, and it says nothing."""
    async with door.client() as client:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        ping = Delivery({}, b"webhook_id=12", "")
        assert await post(client, ping, "woocommerce-1", **form) == (200, b"")
        assert (await post(client, ping._replace(raw=b"webhook_id=12&x=1"), "woocommerce-1", **form))[
            0
        ] == 401
    assert door.kept.kept == []


async def test_the_address_that_is_signed_is_the_public_one(door: Door) -> None:
    """Shopee signs what it called; the gateway behind a proxy is told that by a setting."""
    push = sent.shopee({"code": 3, "shop_id": 77, "timestamp": 1_700_000_000, "data": {"ordersn": "A1"}})
    async with door.client() as client:
        assert (await post(client, push, "shopee-1"))[0] == 200
    door.base_url = None
    async with door.client() as client:
        assert (await post(client, push, "shopee-1", Host="elsewhere.example"))[0] == 401
        assert (await post(client, push, "shopee-1", Host="h.example"))[0] == 200
    assert [one.events[0].order_id for one in door.kept.kept] == ["A1", "A1"]  # type: ignore[union-attr]


async def test_one_address_may_serve_all_accounts_of_an_app(door: Door) -> None:
    """A genuine push of another shop in the registry is that shop's; of no shop here it is refused."""
    async with door.client() as client:
        for shop, status in ((79, 200), (77, 200), (80, 401)):
            push = {"code": 3, "shop_id": shop, "timestamp": 1_700_000_000, "data": {"ordersn": f"of-{shop}"}}
            assert (await post(client, sent.shopee(push), "shopee-1"))[0] == status
    assert [one.account for one in door.kept.kept] == ["79", "77"]
    assert door.heard.results == {
        ("shopee-2", "taken"): 1,
        ("shopee-1", "taken"): 1,
        ("shopee-1", "forged"): 1,
    }


async def test_unknown_kinds_are_counted_by_a_bounded_number_of_names(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic that nobody reads is 200; names beyond the bound count together."""
    monkeypatch.setattr(webhooks, "KINDS_MAX", 2)
    async with door.client() as client:
        for topic in ("a/one", "a/two", "a/three", "a/four", "a/one"):
            assert (await post(client, sent.shopify(topic, {}), "shopify-1"))[0] == 200
    assert door.heard.kinds == {
        ("shopify-1", "a/one"): 2,
        ("shopify-1", "a/two"): 1,
        ("shopify-1", "other"): 2,
    }
    assert door.kept.kept == []


async def test_forged_calls_are_charged_to_their_address_and_genuine_ones_to_the_integration(
    door: Door,
) -> None:
    """Many genuine calls of one address pass; after too many forged ones the address hears 429."""
    settings = GatewaySettings(client_requests_per_second=1)
    forged = sent.shopify("orders/create", ORDER)._replace(headers={})
    async with door.client(settings) as client:
        for number in range(10):
            delivery = sent.shopify("orders/create", ORDER, event=f"e{number}")
            assert (await post(client, delivery, "shopify-1"))[0] == 200
        statuses = [(await post(client, forged, "shopify-1"))[0] for _ in range(4)]
        assert statuses[:2] == [401, 401]
        assert statuses[-1] == 429
        door.admits = 0
    assert len(door.kept.kept) == 10


async def test_an_integration_has_a_bound_of_its_own(door: Door) -> None:
    """Beyond it genuine deliveries hear 429 with Retry-After, and the channel sends them again."""
    door.admits = 1
    async with door.client() as client:
        assert (await post(client, sent.shopify("orders/create", ORDER), "shopify-1"))[0] == 200
        delivery = sent.shopify("orders/create", ORDER, event="e2")
        assert (await post(client, delivery, "shopify-1"))[0] == 429
    assert len(door.kept.kept) == 1


async def test_a_secret_that_cannot_be_read_is_our_fault(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 and not 401: the channel keeps what it has to tell."""
    monkeypatch.delenv("INBOUND_TEST_SECRET")
    async with door.client() as client:
        assert (await post(client, sent.shopify("orders/create", ORDER), "shopify-1"))[0] == 503
