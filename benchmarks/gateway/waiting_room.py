"""A crowd before a sale: 100,000 tickets in a real Valkey, 2,000 of their holders connected to one gateway.

    python -m benchmarks.gateway.waiting_room --tickets 100000 --connected 2000

Two processes and a Valkey: the gateway's waiting room over a stock that this program states, and all
shoppers. The tickets are taken first; those who are not connected are gone by the opening, so that each of
them is passed over. Latencies count from the moment at which something happened (the opening, units that
became free, sold out) to the arrival of the event that tells it, for each connected shopper.
"""

import argparse
import asyncio
import hashlib
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec
import psutil
import uvloop
from aiohttp import ClientSession, TCPConnector, web
from hdrh.histogram import HdrHistogram
from pydantic import SecretStr
from redis.asyncio import Redis

from inventory_stream.adapters.redis.waiting_room import RedisWaitingRooms
from inventory_stream.adapters.system_clock import now_ms
from inventory_stream.devservers import ValkeyServer
from inventory_stream.flows.waiting_room.draw import draw, seed, ticket_id
from inventory_stream.flows.waiting_room.sale_stock import SaleStock
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.endpoint import Caller, Scope
from inventory_stream.gateway.tokens import Purpose, Signed, TokenSigner
from inventory_stream.gateway.waiting_room import WaitingRoomParts
from inventory_stream.gateway.words.waiting_room import TicketShown
from inventory_stream.ports.waiting_room import LOOK_TICKETS_MAX, Entry, Place, Room
from inventory_stream.settings import GatewaySettings, RedisSettings

KEY: Final = b"k" * 32
PRESENT_SECONDS: Final = 5.0
"""The least that the setting allows: who is not connected is gone after this."""
OPENS_AFTER_SECONDS: Final = 40.0
"""Time to take tickets and connect, with the machine to spare."""
CONNECTING_MAX: Final = 200
JOINERS: Final = 32
JOIN_SECONDS: Final = 5.0
FIRST_UNITS: Final = 500
STEP_UNITS: Final = 20
STEPS: Final = 10
WAIT_SECONDS_MAX: Final = 120.0
GOAL_MS: Final = 1_000.0
"""An admission and "sold out" are told within this, 99 of 100: a look is every 500 ms."""

_decode: Final = msgspec.json.Decoder(TicketShown).decode


class StatedStock:
    """Every sale stands as this program last said."""

    def __init__(self) -> None:
        self.now = SaleStock(0)

    def stock(self, sale_id: str) -> SaleStock | None:  # noqa: ARG002  # the port's
        """See `Stocks`."""
        return self.now

    def starts_ms(self, sale_id: str) -> int | None:  # noqa: ARG002  # the port's
        """See `Stocks`."""
        return None

    def ends_ms(self, sale_id: str) -> int | None:  # noqa: ARG002  # the port's
        """See `Stocks`."""
        return None


class Hasher:
    """What hides a customer; its cost is that of the gateway's own."""

    def hash(self, customer: str) -> str:
        """Give the hash."""
        return f"k1:{hashlib.blake2b(customer.encode(), digest_size=16).hexdigest()}"


async def serve(url: str) -> None:
    """Serve the room; lines from stdin state the units, 0 means that they are sold out."""
    stock = StatedStock()
    rooms = RedisWaitingRooms.connect(RedisSettings(url=url), PRESENT_SECONDS)
    settings = GatewaySettings(token_key=SecretStr(KEY.decode()))
    parts = WaitingRoomParts(rooms, stock, Hasher(), settings, now_ms)

    async def anybody(_request: web.Request) -> Caller:
        return Caller("shop", frozenset(Scope))

    app = new_app(parts.endpoints(), parts.routes(), authenticate=anybody)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0, backlog=1_024)).start()
    assert site._server is not None  # noqa: S101, SLF001  # it was started
    print(site._server.sockets[0].getsockname()[1], flush=True)  # type: ignore[attr-defined]  # noqa: SLF001
    loop = asyncio.get_running_loop()
    async with parts.running():
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            units = int(line)
            stock.now = SaleStock(units, is_sold_out=not units)


class Shopper(asyncio.Protocol):
    """One connected shopper: keeps the newest event and when each state and position was first told."""

    def __init__(self, path: str) -> None:
        self._request = f"GET {path}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.first_at = 0.0
        self.state_at: dict[str, float] = {}
        self.position: int | None = None
        self.position_at = 0.0
        self.events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        cast("asyncio.Transport", transport).write(self._request)  # uvloop's is one but does not say so

    def data_received(self, data: bytes) -> None:
        """Take events; each comes whole, as it is far below a segment of the loopback."""
        at = data.find(b"data: ")
        while at >= 0:
            self._heard(_decode(data[at + 6 : data.index(b"\n", at)]))
            at = data.find(b"data: ", at + 1)

    def _heard(self, shown: TicketShown) -> None:
        now = time.time()
        self.events += 1
        self.first_at = self.first_at or now
        self.state_at.setdefault(shown.state, now)
        self.position, self.position_at = shown.position, now


def figures(seconds: Sequence[float]) -> tuple[str, float]:
    """Give percentiles as words, and the 99th in ms."""
    histogram = HdrHistogram(1, 120_000_000, 3)  # 1 us to 2 min, to three digits
    for one in seconds:
        histogram.record_value(max(1, round(one * 1e6)))
    p50, p99, worst = (histogram.get_value_at_percentile(part) / 1_000 for part in (50, 99, 100))
    return f"p50 {p50:.0f}, p99 {p99:.0f}, max {worst:.0f} ms", p99


async def take_tickets(rooms: RedisWaitingRooms, room: Room, tickets: int) -> list[Place]:
    """Take all tickets, and say how fast and how large."""
    seed_bytes = seed(KEY, room)
    ids = [ticket_id(room.sale_id, f"c{number}") for number in range(tickets)]
    places: list[Place] = []
    began = time.monotonic()
    for first in range(0, tickets, LOOK_TICKETS_MAX):
        part = ids[first : first + LOOK_TICKETS_MAX]
        entered = await rooms.enter(room, [Entry(one, draw(seed_bytes, one)) for one in part])
        places += [place for place in entered if place is not None]
    seconds = time.monotonic() - began
    print(f"{tickets:,} tickets taken by {LOOK_TICKETS_MAX} a script: {tickets / seconds:,.0f}/s")
    return places


async def join_by_http(port: int, room: Room) -> None:
    """Take tickets over HTTP, each waiting for its answer, and say how fast."""
    waits: list[float] = []
    ends = time.monotonic() + JOIN_SECONDS

    async def joiner(session: ClientSession, number: int) -> None:
        url = f"http://127.0.0.1:{port}/v1/waiting-rooms/{room.sale_id}/tickets"
        while (began := time.monotonic()) < ends:
            async with session.post(url, json={"customer": f"h{number}-{len(waits)}"}) as answer:
                await answer.read()
                if answer.status != web.HTTPCreated.status_code:
                    raise RuntimeError(f"a ticket was answered {answer.status}")
            waits.append(time.monotonic() - began)

    async with ClientSession(connector=TCPConnector(limit=JOINERS)) as session:
        await asyncio.gather(*(joiner(session, number) for number in range(JOINERS)))
    print(f"tickets over HTTP, {JOINERS} at a time: {len(waits) / JOIN_SECONDS:,.0f}/s, {figures(waits)[0]}")


async def connect(port: int, room: Room, places: Sequence[Place]) -> list[Shopper]:
    """Connect shoppers; all have heard their first event when this ends."""
    signer, loop = TokenSigner("1", {"1": KEY}), asyncio.get_running_loop()
    limit = asyncio.Semaphore(CONNECTING_MAX)

    async def one(place: Place) -> Shopper:
        ticket = signer.sign(Purpose.TICKET, room.sale_id, Signed(*place))
        shopper = Shopper(f"/v1/waiting-rooms/{room.sale_id}/tickets/{ticket}")
        async with limit:
            await loop.create_connection(lambda: shopper, "127.0.0.1", port)
        return shopper

    began = time.time()
    shoppers = await asyncio.gather(*map(one, places))
    await _until(lambda: all(shopper.first_at for shopper in shoppers))
    waits = [shopper.first_at - began for shopper in shoppers]
    print(f"{len(shoppers):,} connected at once; first event after {figures(waits)[0]}")
    return shoppers


def admitted(shoppers: Sequence[Shopper]) -> int:
    """Count those who were told that they are in."""
    return sum("admitted" in shopper.state_at for shopper in shoppers)


async def sell(server: asyncio.subprocess.Process, room: Room, shoppers: Sequence[Shopper]) -> bool:
    """Open, free units step by step, sell out; say when everybody heard, and whether the goals were met."""
    assert server.stdin is not None  # noqa: S101  # asked for when it was started

    def state(units: int) -> float:
        assert server.stdin is not None  # noqa: S101
        server.stdin.write(b"%d\n" % units)
        return time.time()

    process = psutil.Process(server.pid)
    first = min(FIRST_UNITS, len(shoppers) // 4)
    state(first)
    opening = room.opens_ms / 1_000
    await asyncio.sleep(opening - time.time())
    await _until(lambda: admitted(shoppers) >= first)
    waits = [shopper.state_at["admitted"] - opening for shopper in shoppers if "admitted" in shopper.state_at]
    words, opening_p99 = figures(waits)
    print(f"the first {first:,} are told that they are in, after the opening: {words}")

    cpu_before, began, events_before = _cpu(process), time.time(), sum(one.events for one in shoppers)
    later: list[float] = []
    stale: list[float] = []
    for step in range(1, STEPS + 1):
        before = {id(shopper) for shopper in shoppers if "admitted" in shopper.state_at}
        freed = state(first + step * STEP_UNITS)
        wanted = first + step * STEP_UNITS
        await _until(lambda wanted=wanted: admitted(shoppers) >= wanted)  # type: ignore[misc]
        later += [
            shopper.state_at["admitted"] - freed
            for shopper in shoppers
            if "admitted" in shopper.state_at and id(shopper) not in before
        ]
        rest = [shopper for shopper in shoppers if "admitted" not in shopper.state_at]
        await _until(lambda freed=freed, rest=rest: all(one.position_at > freed for one in rest))  # type: ignore[misc]
        stale += [shopper.position_at - freed for shopper in rest]
    passed = time.time() - began
    words, later_p99 = figures(later)
    print(f"{STEP_UNITS} units free at a time: who goes in is told after {words}")
    print(f"and the others hear their new position after {figures(stale)[0]}")
    events = sum(one.events for one in shoppers) - events_before
    cpu = (_cpu(process) - cpu_before) / passed
    print(f"meanwhile {events / passed:,.0f} events/s by {cpu:.0%} of a core")

    gone = state(0)
    await _until(lambda: all("sold_out" in shopper.state_at for shopper in shoppers))
    words, sold_out_p99 = figures([shopper.state_at["sold_out"] - gone for shopper in shoppers])
    print(f"all {len(shoppers):,} hear that it is sold out after {words}")
    return max(opening_p99, later_p99, sold_out_p99) <= GOAL_MS


async def look_times(rooms: RedisWaitingRooms, room: Room, places: Sequence[Place]) -> None:
    """Say how long a look at all who are connected takes."""
    waits = []
    for _ in range(20):
        began = time.monotonic()
        for first in range(0, len(places), LOOK_TICKETS_MAX):
            part = [(place.ticket_id, place.turn) for place in places[first : first + LOOK_TICKETS_MAX]]
            await rooms.look(room, part, is_here=True)
        waits.append(time.monotonic() - began)
    print(f"a look at {len(places):,} tickets, in scripts of {LOOK_TICKETS_MAX}: {figures(waits)[0]}")


async def measure(tickets: int, connected: int) -> bool:
    """Run, print what came of it, and say whether the goals were met."""
    with tempfile.TemporaryDirectory() as folder:
        valkey = ValkeyServer(Path(folder))
        valkey.start()
        try:
            return await _measure(valkey.url, tickets, connected)
        finally:
            valkey.stop()


async def _measure(url: str, tickets: int, connected: int) -> bool:
    rooms = RedisWaitingRooms.connect(RedisSettings(url=url), PRESENT_SECONDS)
    opens_ms = now_ms() + round(OPENS_AFTER_SECONDS * 1_000)
    room = await rooms.open_room(Room("drop", opens_ms, opens_ms + 3_600_000, 600, 100, "1"))
    async with Redis.from_url(url) as operator:
        before_bytes = int((await operator.info("memory"))["used_memory"])
        places = await take_tickets(rooms, room, tickets)
        used_bytes = int((await operator.info("memory"))["used_memory"]) - before_bytes
    print(f"they take {used_bytes / 1e6:.0f} MB of Valkey, {used_bytes / tickets:.0f} bytes a ticket")
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.gateway.waiting_room",
        "--serve",
        url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None  # noqa: S101  # asked for above
    try:
        port = int(await server.stdout.readline())
        await asyncio.sleep(1.5)  # the gateway's first readings of the list of rooms
        await join_by_http(port, room)
        step = tickets // connected
        mine = places[::step][:connected]
        await look_times(rooms, room, mine)
        shoppers = await connect(port, room, mine)
        return await sell(server, room, shoppers)
    finally:
        server.send_signal(signal.SIGKILL)
        await server.wait()
        await rooms.close()


def _cpu(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not is_so():  # noqa: ASYNC110  # the shoppers' callbacks only note
            await asyncio.sleep(0.05)


def main() -> int:
    """Run by the arguments; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--connected", type=int, default=2_000)
    parser.add_argument("--serve", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard) if soft < hard else (soft, hard))
    if arguments.serve:
        uvloop.run(serve(arguments.serve))
        return 0
    return 0 if uvloop.run(measure(arguments.tickets, arguments.connected)) else 1


if __name__ == "__main__":
    sys.exit(main())
