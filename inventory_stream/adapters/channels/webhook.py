"""Any partner with a webhook, outward: a CloudEvent with the newest quantities, signed by Standard Webhooks.

The body is a structured CloudEvent 1.0 (`application/cloudevents+json`). Its `id` is the push's key, so a
repeat has the same id and the same bytes; only the time of the attempt and its signature differ. Each listing
carries its revision as text that sorts, and a receiver drops what is not above the one it has. Nothing can be
read back, so what is not known to have come is sent again.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from inventory_stream.adapters.channels.answers import all_ended, ended_by, not_sent
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.adapters.channels.inbound import webhook
from inventory_stream.adapters.channels.inbound.signing import standard_signature
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.plain import PlainChannel
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, Push, Result
from inventory_stream.ports.integrations import Integration
from models.ids import ID_CHARACTERS_MAX, encode_id, has_control_character

EVENT_TYPE: Final = "inventory_stream.availability_changed.v1"
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"

BODY_BYTES_MAX: Final = 20_000
"""Largest body: Standard Webhooks asks for less than 20 KB, and receivers rely on it."""
LISTINGS_MAX: Final = 26
"""Most listings of an event: one takes 690 bytes or less, an id of 128 characters of 4 bytes and the rest."""
ENVELOPE_BYTES_MAX: Final = 2_000
assert LISTINGS_MAX * 690 + ENVELOPE_BYTES_MAX < BODY_BYTES_MAX  # noqa: S101  # the sum behind the number

STOCK_CHARACTERS: Final = 12
"""Of the hash that names a SKU: two of one listing's few are never alike."""

REQUESTS: Final = "requests"
_RATE_MAX: Final = 1_000.0
_MS: Final = 1_000


class WebhookOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry may say of a partner."""

    requests_per_second: Annotated[
        float, Meta(gt=0, le=_RATE_MAX, description="most requests per second; default 10")
    ] = 10.0
    burst: Annotated[float, Meta(ge=1, le=1_000, description="most requests at once; default 10")] = 10.0
    listings_max: Annotated[
        int, Meta(ge=1, le=LISTINGS_MAX, description="most listings of one event; 1: one event for each")
    ] = LISTINGS_MAX
    request_seconds: Annotated[
        float, Meta(gt=0, le=30, description="longest wait for an answer; default 15, as the standard asks")
    ] = 15.0
    takes_orders: Annotated[
        bool, Meta(description="shoppers buy there, so raises wait for its orders; default true")
    ] = True


class WebhookChannel(PlainChannel):
    """One receiver."""

    def __init__(self, needs: Needs) -> None:
        integration = needs.integration
        options = options_of(integration, WebhookOptions)
        super().__init__(
            Caps(
                batch_max=options.listings_max,
                # Receivers need not keep order, but those that do so by accident are spared.
                in_flight_max=2,
                limits=(Limit(REQUESTS, options.requests_per_second, options.burst),),
                can_read_back=False,
                settle_seconds=0.0,  # there is nothing to read, so nothing to wait for
                request_seconds=options.request_seconds,
                takes_orders=options.takes_orders,
            )
        )
        self._source = f"/inventory-stream/{encode_id(integration.channel)}/{encode_id(integration.account)}"
        self._needs = needs
        self._exchange = needs.exchange(options.request_seconds)

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send one event. An answer of 2xx is all that a receiver says: it has the whole of it."""
        if dry_run:
            return not_sent(batch)
        try:
            body = event_of(self._source, batch, key)
            answer = await self._exchange.send(
                "POST", "", limit=None, headers=self._headers(key, body), body=body
            )
            self._note_rate(answer)
            _see_status(answer)
        except ChannelError as error:
            return ended_by(batch, error)
        return all_ended(batch, Result.APPLIED)

    def _headers(self, key: str, body: bytes) -> Mapping[str, str]:
        at_seconds = self._needs.now_ms() // _MS
        try:
            # Both live ones sign, so that a receiver may change to the new one when it likes.
            signed = " ".join(
                standard_signature(secret, key, at_seconds, body)
                for secret in self._needs.secrets.live("signing")
            )
        except ValueError:
            raise ChannelError(Result.AUTH, "secret-signing-not-valid") from None
        return {
            "Content-Type": CONTENT_TYPE,
            "webhook-id": key,
            "webhook-timestamp": str(at_seconds),
            "webhook-signature": signed,
        }

    def _note_rate(self, answer: Answer) -> None:
        """Keep to the rate that the receiver allows (CloudEvents HTTP webhook, 4.2.2: requests a minute)."""
        text = answer.headers.get("webhook-allowed-rate", "")
        if text.isascii() and text.isdecimal() and int(text[:9]) > 0:
            self._needs.pace.note(REQUESTS, per_second=min(int(text[:9]) / 60, _RATE_MAX))


def event_of(source: str, batch: Sequence[Push], key: str) -> bytes:
    """Write the event: the same bytes for the same batch and key."""
    at_ms = max(push.at_ms for push in batch)
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": key,
            "source": source,
            "type": EVENT_TYPE,
            "time": datetime.fromtimestamp(at_ms / _MS, UTC).isoformat(timespec="milliseconds"),
            "sequence": max(map(sequence_of, batch)),
            "datacontenttype": "application/json",
            "data": {
                "listings": [
                    {
                        "listing": push.listing,
                        "available": push.units,
                        "sequence": sequence_of(push),
                        "stock": stock_of(push),
                    }
                    for push in batch
                ]
            },
        }
    )


def sequence_of(push: Push) -> str:
    """Write which push of a listing it is, so that the later one is the greater text.

    Generation and offset of the ledger's row, and, for units of one row that were told anew (a policy that
    changed, zeros of an operator), when the listing was acknowledged before.
    """
    return f"{push.version.generation_ms:015d}-{push.version.offset:019d}-{push.after_ms:015d}"


def stock_of(push: Push) -> str:
    """Name what a listing shows: sequences of two SKUs, or partitions, say nothing about each other."""
    return sha256(f"{push.partition} {push.sku}".encode()).hexdigest()[:STOCK_CHARACTERS]


def _see_status(answer: Answer) -> None:
    if answer.is_success:
        return
    if answer.status == HTTPStatus.GONE:
        # The standard's word for "stop": the account is parked until somebody acts, and nothing is lost.
        raise ChannelError(Result.AUTH, "http-410-gone")
    if answer.status == HTTPStatus.FORBIDDEN:
        raise ChannelError(Result.AUTH, "http-403")
    raise ChannelError(Result.PERMANENT, f"http-{answer.status}")


def _check_listing(listing: str) -> str | None:
    if not 1 <= len(listing) <= ID_CHARACTERS_MAX or has_control_character(listing):
        return f"must be 1 to {ID_CHARACTERS_MAX} characters, none of them a control character"
    return None


def _check_integration(integration: Integration) -> str | None:
    if integration.url is None:
        return "url: where the events go is missing"
    return option_mistake(integration, WebhookOptions)


SPEC: Final = AdapterSpec(
    name="webhook",
    listing_form="any id of the partner",
    check_listing=_check_listing,
    check_integration=_check_integration,
    secrets=("signing",),
    optional_secrets=("webhook_secret",),
    options=described(WebhookOptions),
    new_channel=WebhookChannel,
    new_listener=webhook.new_listener,
    is_verified=True,
)
