"""From what a subscriber heard to latencies: which message is the first that shows a command's effect."""

from array import array

import pytest

from benchmarks.ledger_check import LedgerReading
from benchmarks.load import sku_name
from benchmarks.view import latencies_seconds
from benchmarks.view_watch import Tellings, tellings_of


def message(sku: str, offset: int) -> bytes:
    """Make a pushed message of the publish channel, in Redis's protocol."""
    payload = f'{{"sku":"{sku}","total":3,"v":"1700000000000:{offset}","at":1}}'.encode()
    return b"*3\r\n$7\r\nmessage\r\n$3\r\natp\r\n$%d\r\n%s\r\n" % (len(payload), payload)


def test_message_is_heard_when_its_last_byte_comes() -> None:
    """Chunks of a stream end anywhere; a message counts from the chunk that completes it."""
    stream = message("A", 7) + message("B", 8) + message("A", 12)
    cut = len(message("A", 7)) + 20
    told = tellings_of([stream[:cut], stream[cut:-1], stream[-1:]], [1.0, 2.0, 3.0])
    assert list(told["A"].offsets) == [7, 12]
    assert list(told["A"].seconds) == [1.0, 3.0]
    assert list(told["B"].seconds) == [2.0]


def test_first_version_at_or_beyond_an_offset_is_found() -> None:
    """A conflated view may skip versions, so a later one shows an earlier effect, too."""
    tellings = Tellings()
    tellings.offsets.extend([5, 9])
    tellings.seconds.extend([1.5, 2.5])
    assert tellings.first_with(5) == 1.5
    assert tellings.first_with(6) == 2.5
    assert tellings.first_with(10) is None


def reading_of(granted: list[int], decided_at: list[int], moved_at: list[int]) -> LedgerReading:
    """Read a ledger of one SKU."""
    return LedgerReading(
        bytearray(b"\1" * len(granted)),
        bytearray(granted),
        array("q", decided_at),
        {sku_name(0): array("q", moved_at)},
    )


def test_latency_ends_with_the_position_row_after_the_command() -> None:
    """Versions from before a command do not show it; a refusal has nothing to show and is left out."""
    reading = reading_of([2, 0, 1], [10, 11, 20], [4, 12, 22])
    tellings = Tellings()
    tellings.offsets.extend([4, 12, 22])
    tellings.seconds.extend([100.0, 100.5, 101.0])
    found, never = latencies_seconds(reading, [0, 0, 0], [100.0, 100.1, 100.2], {sku_name(0): tellings})
    assert [number for number, _ in found] == [0, 2]
    assert [seconds for _, seconds in found] == pytest.approx([0.5, 0.8])
    assert never == 0


def test_effect_that_was_never_told_is_counted() -> None:
    """A view that stopped telling must not pass for a fast one."""
    reading = reading_of([1, 1], [10, 20], [12, 22])
    tellings = Tellings()
    tellings.offsets.append(12)
    tellings.seconds.append(1.0)
    found, never = latencies_seconds(reading, [0, 0], [0.0, 0.0], {sku_name(0): tellings})
    assert (len(found), never) == (1, 1)
    assert latencies_seconds(reading, [0, 0], [0.0, 0.0], {}) == ([], 2)
