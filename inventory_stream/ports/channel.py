"""What a channel adapter is: it tells one account of one channel what it may sell, and hears what it sold.

An adapter holds no state that must survive, decides nothing about order, rate or retries, and never raises
for what a channel does: every item of a batch ends as one `Ended`. What all of them must do is in
tests/contract/channel_suite.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from inventory_stream.ports.projection import Version
from models.channels import ChannelEvent, OrderNamed


class Result(StrEnum):
    """How one item of a push ended."""

    APPLIED = "applied"
    """The channel says that it took it. What it will show may follow later (`Caps.settle_seconds`)."""
    RETRYABLE = "retryable"
    """Not applied as far as the channel says, and the same again may be: 5xx, no connection. A proxy says so
    of what was applied, too: it is sent again without a look, and believed only when something was taken."""
    PERMANENT = "permanent"
    """Refused for what it says: unknown listing, not valid. The same again is refused again."""
    AUTH = "auth"
    """Refused for who we are, after the token was made anew once. The account is parked."""
    THROTTLED = "throttled"
    """Refused for how often. `retry_at_ms` where the channel says when."""
    AMBIGUOUS = "ambiguous"
    """Not known: sent and no readable answer, or an answer that does not name the item. Read back."""
    STALE = "stale"
    """The channel has another quantity than `Push.expected_units`: read back, then send with a new key."""


class Push(NamedTuple):
    """What one listing shall show.

    `listing` is the mapping's id in the adapter's form. `version` is the ledger's, `at_ms` the record time of
    the row, or, for a repair, when something else was seen: fixed, so that a repeat has the same bytes.
    `expected_units`: what the channel is
    believed to show, for channels that compare (`Caps.has_cas`); None: not known. `sku`: whose version it is;
    a listing may be mapped to another. `after_ms`: when the listing was last acknowledged, 0: never; it tells
    later units of the same version (a policy that changed, zeros of an operator) from earlier ones.
    `partition`: the ledger's that the version is of; versions of two cannot be compared.
    """

    listing: str
    version: Version
    units: int
    at_ms: int
    expected_units: int | None = None
    sku: str = ""
    after_ms: int = 0
    partition: int = 0


class Ended(NamedTuple):
    """How one item ended. `code` is the channel's own word, without secrets or anything about a person."""

    listing: str
    result: Result
    code: str = ""
    retry_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """One budget of an account: `per_second` tokens flow in, up to `burst`. Seeds; headers correct them.

    `is_stated`: the channel tells its limit in its answers, so that it can be used to the brim.
    """

    name: str
    per_second: float
    burst: float
    is_stated: bool = False


@dataclass(frozen=True, slots=True)
class Caps:
    """What an account's channel can do; from channels.md 1a, or from the account's options.

    `batch_max` items per push. `in_flight_max` pushes at once. `limits`: the first one is that of `push`,
    whose token the sender takes; the adapter takes those of its other calls itself. `push_cost` in tokens of
    that first limit. `has_cas`: `Push.expected_units` guards. `bulk_max` items of a `push_bulk`, chosen from
    `bulk_from` waiting listings on; 0: there is none. `settle_seconds`: after this a read back shows what was
    applied. `request_seconds` bounds one call. `daily_pushes_max` of one listing. `units_max`: the most that
    the channel can show. `takes_orders`: shoppers buy there, so that raises wait for its orders.
    """

    batch_max: int
    in_flight_max: int
    limits: tuple[Limit, ...]
    push_cost: float = 1.0
    has_cas: bool = False
    can_read_back: bool = True
    read_back_max: int = 100
    bulk_max: int = 0
    bulk_from: int = 0
    settle_seconds: float = 2.0
    request_seconds: float = 10.0
    daily_pushes_max: int | None = None
    units_max: int = 1_000_000_000
    takes_orders: bool = True


class Pace(Protocol):
    """The budgets of one account, by the names in `Caps.limits`; flows/channels/pace.py."""

    async def take(self, limit: str, cost: float = 1.0) -> None:
        """Wait until so many tokens are there, and take them."""

    def note(
        self,
        limit: str,
        *,
        per_second: float | None = None,
        burst: float | None = None,
        left: float | None = None,
    ) -> None:
        """Hear what an answer tells of a limit."""

    def throttled(self, limit: str, retry_at_ms: int | None) -> None:
        """Hear that the channel refused for how often; None: it did not say until when."""


class DriftMonitor(Protocol):
    """Hears where a channel's answers and webhooks do not fit their schema any more."""

    def misfit(self, channel: str, field: str, kind: str) -> None:
        """Count a field: `missing`, `type`, `unknown`."""


class Channel(Protocol):
    """One account of one channel, outward."""

    @property
    def caps(self) -> Caps:
        """What it can do."""

    def group_of(self, listing: str) -> str:
        """Give what all listings of one push must share (a product, a seller); "" where nothing."""

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send absolute quantities, in one request wherever the channel can.

        Args:
            batch: 1 to `caps.batch_max` items, each listing once, one group.
            key: The same for the same content (uuid5 of it): the channel's idempotency key.
            dry_run: Send to where the channel only validates, if it has such a place; else send nothing and
                give APPLIED with the code `not-sent`.

        Returns:
            One end for each item, in any order. Nothing is raised for what the channel does.
        """

    async def push_bulk(self, batch: Sequence[Push], key: str) -> Sequence[Ended]:
        """Send many by the channel's slow way (feed, bulk job) and wait for its end; see `caps.bulk_max`."""

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Ask what the channel shows now; listings that it does not know are left out.

        Raises:
            ChannelError: it does not tell.
        """

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """Ask what happened to an order that a webhook only named.

        Raises:
            ChannelError: it does not tell.
        """


MISFIT: Final = "misfit"
"""Code of an answer that is not what the adapter reads any more: the same question has the same again."""
UNREADABLE: Final = "unreadable"
TOO_LARGE: Final = "answer-too-large"
ENCODING_UNKNOWN: Final = "encoding-unknown"
NOT_READ: Final = frozenset({UNREADABLE, TOO_LARGE, ENCODING_UNKNOWN})
"""Codes of an answer that came, and told nothing."""


class ChannelError(Exception):
    """A channel does not tell what was asked. `result` says what may be done; `code` has no secrets."""

    def __init__(self, result: Result, code: str, retry_at_ms: int | None = None) -> None:
        super().__init__(f"{result}: {code}")
        self.result = result
        self.code = code
        self.retry_at_ms = retry_at_ms


class ForgedError(Exception):
    """A webhook is not from who it says, or not from now (401). The text may be shown to the sender."""


class ForeignError(ForgedError):
    """A genuine webhook is of another account, which it names: some channels call one address for all."""

    def __init__(self, text: str, account: str) -> None:
        super().__init__(text)
        self.account = account


class MalformedError(Exception):
    """A genuine webhook cannot be read (400). The text may be shown to the sender.

    `field`: where, as a path of names that are declared here; `body` where there is none.
    """

    def __init__(self, text: str, field: str = "body") -> None:
        super().__init__(text)
        self.field = field


class Delivery(NamedTuple):
    """One request to a webhook, as it came. Header names are in lower case. `url` as the sender called it."""

    headers: Mapping[str, str]
    raw: bytes
    url: str


class Heard(NamedTuple):
    """What a genuine delivery says. `kinds` not understood are named in `unknown`, and counted."""

    delivery_id: str
    events: tuple[ChannelEvent, ...]
    unknown: tuple[str, ...] = ()


class Listener(Protocol):
    """One account of one channel, inward: no network, no state."""

    def verify(self, delivery: Delivery, now_ms: int) -> None:
        """See that the raw bytes are from the channel, in constant time, against each live secret.

        Raises:
            ForgedError: they are not, or from too long ago where a time is signed.
        """

    def parse(self, delivery: Delivery, now_ms: int) -> Heard:
        """Read a genuine delivery; the account's name is checked where the channel says it.

        Raises:
            MalformedError: it is not what the channel documents.
            ForeignError: it is of another account.
        """
