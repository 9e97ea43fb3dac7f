"""Webhooks of channels: who signs is who may tell; kept in Kafka, then answered with nothing."""

import hashlib
import hmac
import secrets
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import structlog
from msgspec.structs import replace

from inventory_stream.errors import UnreachableError
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security.guard import WEBHOOKS
from inventory_stream.ports.channel import (
    ChannelError,
    Delivery,
    ForeignError,
    ForgedError,
    Heard,
    Listener,
    MalformedError,
)
from inventory_stream.ports.integrations import Integration
from inventory_stream.ports.webhooks import SILENT_WEBHOOKS, Deliveries, WebhookMonitor
from models.channels import Inbound, encode_inbound

log = structlog.get_logger(__name__)

KNOWN_MAX: Final = 10_000
"""Deliveries of which a repeat is known here, 200 bytes each. It only saves work: command ids make a repeat
harmless (R27), also one that comes to another gateway."""

KINDS_MAX: Final = 50
"""Kinds of one integration that are counted by their own name; the rest is `other`."""

_OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Listening:
    """One integration that is listened to."""

    integration: Integration
    listener: Listener


class WebhookRoutes:
    """The address at which each integration is called."""

    def __init__(
        self,
        listening: Mapping[str, Listening],
        deliveries: Deliveries,
        now_ms: Callable[[], int],
        *,
        base_url: str | None = None,
        scheme: str = "https",
        admit: Callable[[str], None] = lambda _: None,
        monitor: WebhookMonitor = SILENT_WEBHOOKS,
    ) -> None:
        """Take what it needs.

        Args:
            listening: Integrations by their name.
            deliveries: Keep what was told.
            now_ms: Our clock.
            base_url: What stands before the path in the address that channels call; None: the name that
                they ask for.
            scheme: By which they ask for it.
            admit: Counts a delivery of an integration, and raises `too-many-requests`.
            monitor: Hears what came of each.
        """
        self._listening = listening
        self._by_account = {
            (one.integration.adapter, one.integration.account): one for one in listening.values()
        }
        self._deliveries = deliveries
        self._now_ms = now_ms
        self._scheme = scheme
        self._base_url = None if base_url is None else base_url.rstrip("/")
        self._admit = admit
        self._monitor = monitor
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._kinds: defaultdict[str, set[str]] = defaultdict(set)
        self._nobodys_key = secrets.token_bytes(32)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoint. The delivery's own id is what makes a repeat one: no Idempotency-Key."""
        return (
            Endpoint(
                "POST",
                WEBHOOKS + "{integration}",
                self.take,
                "Tell what happened on a channel",
                "webhooks",
                {200: None},
                scope=None,
                problems=("not-authenticated", "too-slow", "too-large"),
                is_signed=True,
            ),
        )

    async def take(self, call: Call) -> Reply:
        """Keep a delivery. Any other status than 200 asks the channel to send it again."""
        name, raw = call.path["integration"], call.body
        found = self._listening.get(name)
        if found is None:
            # As much work as a false signature: the time does not tell which integrations there are.
            hmac.digest(self._nobodys_key, raw, "sha256")
            self._monitor.delivered("", "unknown")
            raise Problem("not-found", "no integration of this name is listened to")
        delivery = self._delivery(name, call)
        try:
            try:
                result = await self._take(found, delivery)
            except ForeignError as error:
                # A channel may have one address for all accounts of an app, as Shopee has.
                found = self._by_account.get((found.integration.adapter, error.account))
                if found is None:
                    raise
                name = found.integration.name
                result = await self._take(found, delivery)
        except ForgedError as error:
            self._monitor.delivered(name, "forged")
            raise Problem("not-authenticated", str(error)) from None
        except MalformedError as error:
            self._monitor.delivered(name, "malformed")
            self._monitor.misfit(name, error.field)
            log.warning("webhook_malformed", integration=name, reason=str(error))
            raise Problem("malformed", str(error)) from None
        except UnreachableError:
            self._monitor.delivered(name, "not-kept")
            raise
        self._monitor.delivered(name, result)
        return Reply(HTTPStatus.OK)

    async def _take(self, found: Listening, delivery: Delivery) -> str:
        integration, now_ms = found.integration, self._now_ms()
        try:
            found.listener.verify(delivery, now_ms)
        except ChannelError as error:
            log.error(  # noqa: TRY400  # the trace tells nothing more
                "webhook_secret_missing", integration=integration.name, code=error.code
            )
            raise Problem("not-ready", "what the signature is checked with cannot be read") from None
        self._admit(integration.name)
        heard = found.listener.parse(delivery, now_ms)
        for kind in heard.unknown:
            self._monitor.unknown_kind(integration.name, self._bounded(integration.name, kind))
        if not heard.events:
            return "nothing"
        inbound = _inbound(integration, heard, now_ms)
        # By its words as well: WooCommerce has one id for all deliveries of a second, Shopify one for all
        # topics of one act.
        known = hashlib.sha256(encode_inbound(replace(inbound, received_ms=0))).digest()
        if known in self._known:
            self._known.move_to_end(known)
            return "repeated"
        await self._deliveries.send(inbound)
        self._known[known] = None
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return "taken"

    def _delivery(self, name: str, call: Call) -> Delivery:
        headers = {header.lower(): value for header, value in call.headers.items()}
        base = self._base_url or f"{self._scheme}://{headers.get('host', '')}"
        return Delivery(headers, call.body, f"{base}{WEBHOOKS}{name}")

    def _bounded(self, name: str, kind: str) -> str:
        kinds = self._kinds[name]
        if kind not in kinds and len(kinds) >= KINDS_MAX:
            return _OTHER
        kinds.add(kind)
        return kind


def _inbound(integration: Integration, heard: Heard, now_ms: int) -> Inbound:
    return Inbound(integration.channel, integration.account, heard.delivery_id, now_ms, heard.events)
