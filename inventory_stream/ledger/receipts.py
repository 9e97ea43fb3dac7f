"""Answers by row key, as small as they lie in the log (R27, R29)."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from models.outcomes import Outcome
from models.rows import ReceiptRow

_decode: Final = msgspec.msgpack.Decoder(ReceiptRow).decode
_REMEMBERED: Final = int(Outcome.REMEMBERED)


class Receipts(Mapping[bytes, ReceiptRow]):
    """The receipts of a partition, decoded when somebody asks.

    There may be millions, and hardly one is ever asked for: as objects each takes twice the memory of
    the row that was written (benchmarks, scenario `memory`). Those that wait for their order (R21) are
    kept as the one object that the state lists among the waiting.
    """

    __slots__ = ("_kept", "of_orders")

    def __init__(self) -> None:
        self._kept: dict[bytes, bytes | ReceiptRow] = {}
        self.of_orders = 0
        """How many belong to an order command: none, and nobody need look for one."""

    def keep(self, key: bytes, receipt: ReceiptRow, value: bytes) -> None:
        """Keep a receipt, `value` being its row as it was written; one of the same key is replaced."""
        self.of_orders += receipt.reservation_id is not None and key not in self._kept
        self._kept[key] = receipt if receipt.outcome == _REMEMBERED else value

    def find(self, key: bytes) -> ReceiptRow | None:
        """Give a receipt, None when none is kept; a change to it is lost unless it is kept again."""
        kept = self._kept.get(key)
        return _decode(kept) if isinstance(kept, bytes) else kept

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __getitem__(self, key: bytes) -> ReceiptRow:
        receipt = self.find(key)
        if receipt is None:
            raise KeyError(key)
        return receipt

    def __delitem__(self, key: bytes) -> None:
        del self._kept[key]
        self.of_orders -= _is_of_order(key)

    def discard(self, key: bytes) -> None:
        """Forget a receipt, if it is there."""
        if self._kept.pop(key, None) is not None:
            self.of_orders -= _is_of_order(key)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def _is_of_order(key: bytes) -> bool:
    # c/<reservation id>/<command id>; identifiers hold no unescaped slash.
    return key.count(b"/") == 2
