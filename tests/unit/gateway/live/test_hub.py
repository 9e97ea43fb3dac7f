import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from inventory_stream.gateway.live.frames import Topic
from inventory_stream.gateway.live.hub import LiveHub
from inventory_stream.gateway.live.limits import BEHIND_BYTES, LiveLimits
from inventory_stream.gateway.live.reader import Ending, Reader
from inventory_stream.gateway.live.token import Token
from tests.unit.gateway.live.stocked import Stocked, until

QUICK = LiveLimits(interval_seconds=0.01)


@dataclass
class FakePipe:
    """A line that keeps what is written; `unsent` bytes are what it says still wait."""

    written: list[bytes] = field(default_factory=list)
    unsent: int = 0
    is_gone: bool = False
    is_aborted: bool = False

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        """Give what the test said."""
        return self.unsent

    def is_closing(self) -> bool:
        """Say whether it is gone."""
        return self.is_gone

    def abort(self) -> None:
        """Go."""
        self.is_aborted = self.is_gone = True

    def events(self) -> list[dict[str, Any]]:
        """Give the events so far: id, name and what they say."""
        found = []
        for event in b"".join(self.written).decode().split("\r\n"):
            if event.startswith("id: "):
                lines = dict(line.split(": ", 1) for line in event.strip().split("\n"))
                found.append({"id": lines["id"], "event": lines["event"], **json.loads(lines["data"])})
        return found

    def told(self) -> list[tuple[str, int]]:
        """Give SKU and units of each event so far."""
        return [(event["sku"], event["available"]) for event in self.events()]


@asynccontextmanager
async def telling(stocked: Stocked, limits: LiveLimits = QUICK) -> AsyncIterator[LiveHub]:
    """Run a hub over a shelf."""
    hub = LiveHub(stocked.shelf, stocked.partition_of, limits)
    async with hub.running():
        yield hub


def reading(hub: LiveHub, *skus: str, since: str = "") -> tuple[Reader, FakePipe]:
    """Have a new reader follow SKUs."""
    pipe = FakePipe()
    reader = Reader(pipe, is_socket=False)
    hub.follow(reader, [Topic(sku) for sku in skus], Token.parse(since))
    return reader, pipe


async def test_a_reader_hears_what_is_and_then_each_change() -> None:
    """A reader is first told what its SKUs show, then what changes, and nothing of other SKUs."""
    stocked = Stocked()
    stocked.put("A0", 5)
    async with telling(stocked) as hub:
        _, pipe = reading(hub, "A0")
        await until(lambda: pipe.told() == [("A0", 5)])
        stocked.put("B0", 9)
        stocked.put("A0", 4)
        await until(lambda: len(pipe.told()) > 1)
        assert pipe.told() == [("A0", 5), ("A0", 4)]


async def test_an_event_is_encoded_once_for_all_readers() -> None:
    """Readers of one SKU are given the very same bytes, not equal ones."""
    stocked = Stocked()
    stocked.put("A0", 5)
    async with telling(stocked) as hub:
        pipes = [reading(hub, "A0")[1] for _ in range(3)]
        await until(lambda: all(len(pipe.told()) == 1 for pipe in pipes))
        stocked.put("A0", 4)
        await until(lambda: all(len(pipe.told()) == 2 for pipe in pipes))
        assert len({pipe.written[-1] for pipe in pipes}) == 1


async def test_a_slow_reader_hears_only_the_newest_value() -> None:
    """While a reader's bytes wait, its changes are kept as one mark per SKU; then it hears the newest."""
    stocked = Stocked()
    for sku in ("A0", "B0"):
        stocked.put(sku, 100)
    async with telling(stocked) as hub:
        reader, slow = reading(hub, "A0", "B0")
        _, quick = reading(hub, "A0")
        await until(lambda: len(slow.told()) == 2)
        slow.unsent = BEHIND_BYTES + 1
        for units in (3, 2, 1):
            stocked.put("A0", units)
            stocked.put("B0", units * 10)
            await until(lambda units=units: quick.told()[-1] == ("A0", units))  # type: ignore[misc]
        assert len(slow.told()) == 2
        assert reader.untold == {Topic("A0"), Topic("B0")}
        slow.unsent = 0
        await until(lambda: len(slow.told()) > 2)
        assert slow.told()[2:] == [("A0", 1), ("B0", 10)]


async def test_a_reader_that_never_reads_is_cut_off() -> None:
    """A reader whose bytes wait longer than the bound loses its line, and is told so to nobody else."""
    stocked = Stocked()
    stocked.put("A0", 5)
    async with telling(stocked, LiveLimits(interval_seconds=0.01, behind_seconds_max=0.1)) as hub:
        reader, pipe = reading(hub, "A0")
        pipe.unsent = BEHIND_BYTES + 1
        stocked.put("A0", 4)
        async with asyncio.timeout(5):
            assert await reader.ended is Ending.TOO_SLOW
        assert pipe.is_aborted


async def test_who_asks_while_behind_is_told_when_it_took_all() -> None:
    """What a reader asks for while its bytes wait is not written before all of them are taken."""
    stocked = Stocked()
    for sku in ("A0", "B0"):
        stocked.put(sku, 5)
    async with telling(stocked) as hub:
        reader, pipe = reading(hub, "A0")
        await until(lambda: len(pipe.told()) == 1)
        pipe.unsent = BEHIND_BYTES + 1
        hub.follow(reader, [Topic("B0")])
        await until(lambda: reader.is_behind)
        pipe.unsent = 1  # it took some
        stocked.put("A0", 4)
        await until(lambda: reader.untold == {Topic("A0"), Topic("B0")})
        assert len(pipe.told()) == 1
        pipe.unsent = 0
        await until(lambda: pipe.told()[1:] == [("B0", 5), ("A0", 4)])


async def test_who_reads_a_little_is_cut_off_too() -> None:
    """A reader that stays behind is cut, though it takes some bytes and nothing changes any more."""
    stocked = Stocked()
    async with telling(stocked, LiveLimits(interval_seconds=0.01, behind_seconds_max=0.1)) as hub:
        reader, pipe = reading(hub, "A0")
        pipe.unsent = BEHIND_BYTES + 1
        await until(lambda: reader.is_behind)
        pipe.unsent = 1
        async with asyncio.timeout(5):
            assert await reader.ended is Ending.TOO_SLOW


async def test_who_follows_already_is_told_nothing_again() -> None:
    """To ask for a SKU again that one follows is no event, and who left and comes back hears it anew."""
    stocked = Stocked()
    stocked.put("A0", 5)
    async with telling(stocked) as hub:
        reader, pipe = reading(hub, "A0")
        await until(lambda: pipe.told() == [("A0", 5)])
        hub.follow(reader, [Topic("A0")])
        hub.follow(reader, [Topic("B0")])
        await until(lambda: pipe.told() == [("A0", 5), ("B0", 0)])
        hub.leave(reader, [Topic("A0")])
        hub.follow(reader, [Topic("A0")])
        await until(lambda: pipe.told() == [("A0", 5), ("B0", 0), ("A0", 5)])


async def test_what_was_asked_for_overtakes_no_change() -> None:
    """A reader that asks for a newer SKU hears older changes of the others with it: the token covers both."""
    stocked = Stocked(partitions=1)
    stocked.put("A0", 5)
    async with telling(stocked) as hub:
        reader, pipe = reading(hub, "A0")
        await until(lambda: pipe.told() == [("A0", 5)])
        stocked.put("A0", 4)
        stocked.put("B0", 9)
        hub.follow(reader, [Topic("B0")])
        await until(lambda: len(pipe.told()) == 3)
        assert pipe.told()[1:] == [("A0", 4), ("B0", 9)]


async def test_values_leave_in_the_order_of_their_versions() -> None:
    """Within a partition a reader hears versions in their order: the token stands for all below."""
    stocked = Stocked(partitions=1)
    skus = [f"S{number}" for number in range(10)]
    for sku in skus:
        stocked.put(sku, 1)
    async with telling(stocked) as hub:
        _, pipe = reading(hub, *skus)
        await until(lambda: len(pipe.events()) == 10)
        for sku in reversed(skus):
            stocked.put(sku, 2)
        await until(lambda: len(pipe.events()) == 20)
        offsets = [int(event["id"].rsplit("-", 1)[1]) for event in pipe.events()]
        assert offsets == sorted(offsets)


async def test_a_token_spares_what_was_heard() -> None:
    """Who resumes hears what is newer than the token in its partition, and the SKUs of other partitions."""
    stocked = Stocked()
    stocked.put("A0", 5)
    token = stocked.put("B0", 6)
    stocked.put("C0", 7)
    stocked.put("D1", 8)
    async with telling(stocked) as hub:
        _, pipe = reading(hub, "A0", "B0", "C0", "D1", since=token)
        await until(lambda: pipe.told() == [("C0", 7), ("D1", 8)])


@pytest.mark.parametrize("token", ["", "nonsense", "0-1-5", "9-1700000000000-99", "0-1700000000000-"])
async def test_a_token_of_another_ledger_spares_nothing(token: str) -> None:
    """A token that says nothing about this ledger is as good as none."""
    stocked = Stocked()
    stocked.put("A0", 5)
    async with telling(stocked) as hub:
        _, pipe = reading(hub, "A0", since=token)
        await until(lambda: pipe.told() == [("A0", 5)])


async def test_a_reader_that_joins_hides_no_change_from_the_others() -> None:
    """Who joins between a change and its round hears the new value once, and the others still hear it."""
    stocked = Stocked()
    stocked.put("A0", 5)
    async with telling(stocked) as hub:
        _, first = reading(hub, "A0")
        await until(lambda: first.told() == [("A0", 5)])
        stocked.put("A0", 4)
        _, second = reading(hub, "A0")
        await until(lambda: first.told() == [("A0", 5), ("A0", 4)])
        assert second.told() == [("A0", 4)]
        stocked.put("A0", 5)
        await until(lambda: first.told()[-1] == second.told()[-1] == ("A0", 5))


async def test_what_nobody_would_notice_is_not_told() -> None:
    """A new version that shows the same units is no event."""
    stocked = Stocked()
    stocked.put("A0", 5)
    async with telling(stocked) as hub:
        _, pipe = reading(hub, "A0")
        await until(lambda: pipe.told() == [("A0", 5)])
        stocked.put("A0", 5)
        stocked.put("A0", 4)
        await until(lambda: pipe.told()[-1] == ("A0", 4))
        assert pipe.told() == [("A0", 5), ("A0", 4)]


async def test_a_ledger_that_is_not_heard_is_said() -> None:
    """When the tail falls behind, readers get `stale`; when it is there again, `availability`."""
    stocked = Stocked()
    stocked.put("A0", 5)
    async with telling(stocked) as hub:
        _, pipe = reading(hub, "A0")
        await until(lambda: len(pipe.events()) == 1)
        stocked.is_fresh = False
        await until(lambda: pipe.events()[-1]["event"] == "stale")
        assert pipe.events()[-1]["is_fresh"] is False
        stocked.is_fresh = True
        await until(lambda: pipe.events()[-1]["event"] == "availability")
        (stale,) = (event for event in pipe.events() if event["event"] == "stale")
        _, resumed = reading(hub, "A0", since=stale["id"])
        await until(lambda: resumed.told() == [("A0", 5)])


async def test_a_sku_that_is_not_there_yet_is_told_when_it_comes() -> None:
    """A reader may follow a SKU that the ledger does not know, and is told so."""
    stocked = Stocked()
    async with telling(stocked) as hub:
        _, pipe = reading(hub, "A0")
        await until(lambda: len(pipe.events()) == 1)
        assert pipe.events()[0]["is_known"] is False
        stocked.put("A0", 3)
        await until(lambda: pipe.told()[-1] == ("A0", 3))


async def test_who_left_leaves_nothing_behind() -> None:
    """After its last reader a SKU is watched no more."""
    stocked = Stocked()
    stocked.put("A0", 5)
    async with telling(stocked) as hub:
        reader, pipe = reading(hub, "A0")
        await until(lambda: pipe.told() == [("A0", 5)])
        hub.leave(reader)
        assert hub.readers == 0
        assert not stocked.shelf._watchers.skus
        stocked.put("A0", 4)
        _, other = reading(hub, "A0")
        stocked.put("A0", 3)
        await until(lambda: other.told()[-1:] == [("A0", 3)])
        assert pipe.told() == [("A0", 5)]


async def test_a_stop_ends_every_reader_and_takes_no_more() -> None:
    """When the gateway stops, readers are let go and new ones are refused."""
    async with telling(Stocked()) as hub:
        reader, _ = reading(hub, "A0")
        hub.stop()
        assert await reader.ended is Ending.SHUTDOWN
        assert hub.is_full


async def test_each_reader_is_due_a_heartbeat() -> None:
    """Every reader hears a heartbeat within its time, whatever second it came in."""
    async with telling(Stocked(), LiveLimits(heartbeat_seconds=2)) as hub:
        pipes = [reading(hub, "A0")[1] for _ in range(4)]
        await until(lambda: all(b"\n:\n" in b"".join(pipe.written).replace(b"\r", b"") for pipe in pipes))
