"""One request's content, and what names it: pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

from inventory_stream.ports.channel import Push

_KEYS: Final = UUID("6d1f2f0e-6c3b-5e0c-9a41-0f2d5b1c7e11")
"""The namespace of keys: drawn once at random; another one would make every key another."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request tells a channel. The same object is given again when the same is to be sent again.

    `key` is the channel's idempotency key. `is_zeros`: at least one listing goes to zero. `is_bulk`: for
    `Channel.push_bulk`.
    """

    pushes: tuple[Push, ...]
    key: str
    is_zeros: bool
    is_bulk: bool = False

    @property
    def request_hash(self) -> str:
        """Hex digest of what was sent: equal batches have equal ones."""
        return sha256("\n".join(map(repr, self.pushes)).encode()).hexdigest()


def batch_of(
    account: str, pushes: Sequence[Push], repairs: Iterable[int | None], *, is_bulk: bool = False
) -> Batch:
    """Make a batch, with the key that its content alone decides.

    Args:
        account: `account_key` of the account.
        pushes: At least one.
        repairs: For each push, when the channel was seen to show something else than this very content
            made it show: a channel that knows the key would answer without applying, so it needs a new one.
        is_bulk: For the slow way.
    """
    # In the order of their names: equal content has equal bytes, in whatever order it came to wait. All that
    # a push says is in the key: a channel refuses a key that comes with other bytes.
    ordered = sorted(zip(pushes, repairs, strict=True))
    parts = [
        f"{push.listing}:{push.version}:{push.units}:{push.at_ms}:{push.sku!r}:{push.after_ms}:{push.partition}"
        + ("" if push.expected_units is None else f":was {push.expected_units}")
        + ("" if repair is None else f":since {repair}")
        for push, repair in ordered
    ]
    key = str(uuid5(_KEYS, "\n".join((account, *parts))))
    return Batch(tuple(push for push, _ in ordered), key, any(push.units == 0 for push in pushes), is_bulk)
