"""A Valkey of our own for one run: how durable it is, its stock, and all that it holds in the end."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import Enum, unique
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from benchmarks.load import Workload, command_number, reservation_id, sku_name
from benchmarks.peers.database_check import Stored
from benchmarks.peers.database_terms import DURABLE
from benchmarks.subjects import SubjectEndedError
from inventory_stream.devservers import ValkeyServer, ValkeySettings

READ_KEYS: Final = 2_000
"""Keys of one MGET or MSET, outside of what is measured."""
ANSWER_SECONDS_MAX: Final = 60.0
"""For one call. The longest here is a pipeline of 4,000 commands, 0.1 s; a disk that stalls has taken
seconds."""

_FOLDER: Final = Path(__file__).parent
DECIDE: Final = (_FOLDER / "redis_lua_decide.lua").read_text()
RESERVE: Final = DECIDE + (_FOLDER / "redis_lua_reserve.lua").read_text()
DRAW: Final = DECIDE + (_FOLDER / "redis_lua_draw.lua").read_text()


@unique
class AppendOnlyFile(Enum):
    """When what was answered is where: name in the report, options of the server, durability in words.

    Every answer that is written at all is in the page cache before it is sent.
    """

    NONE = ("no AOF", {"appendonly": "no"}, "none")
    EVERYSEC = (
        "AOF everysec",
        {"appendonly": "yes", "appendfsync": "everysec"},
        "page cache before the answer, disk once a second",
    )
    ALWAYS = (
        "AOF always",
        {"appendonly": "yes", "appendfsync": "always"},
        DURABLE,
    )

    def __init__(self, title: str, options: dict[str, str], durability: str) -> None:
        self.title: Final = title
        self.options: Final = {
            **options,
            # No rewrite of the file in the middle of a run: it would fork, to their disadvantage.
            "auto-aof-rewrite-percentage": "0",
        }
        self.durability: Final = durability


def stock_key(sku: int) -> str:
    """Name the key that holds how many units of a SKU are free."""
    return f"stock:{sku_name(sku)}"


def outcome_key(number: int) -> str:
    """Name the key that holds what became of a command."""
    return f"outcome:cmd-{number:09d}"


@contextmanager
def running(bench_folder: Path, prefix: str, file: AppendOnlyFile) -> Iterator[ValkeyServer]:
    """Run an empty server until the end of the block, in a folder of its own that goes away."""
    with (
        TemporaryDirectory(dir=bench_folder, prefix=prefix) as folder,
        ValkeyServer(Path(folder), ValkeySettings(options=file.options)) as server,
    ):
        yield server


@asynccontextmanager
async def connected(server: ValkeyServer, count: int) -> AsyncIterator[list[Redis]]:
    """Have connections, each with a client of its own, so that none waits for another.

    Raises:
        SubjectEndedError: the server, which was asked in the block, does not answer or refuses.
    """
    clients = [
        Redis.from_url(server.url, single_connection_client=True, socket_timeout=ANSWER_SECONDS_MAX)
        for _ in range(count)
    ]
    try:
        for client in clients:
            await client.ping()
        yield clients
    except RedisError as error:
        raise SubjectEndedError(
            f"Valkey: {type(error).__name__}: {error}; its log: {server.log_path}"
        ) from error
    finally:
        for client in clients:
            await client.aclose()


async def state_stock(client: Redis, workload: Workload) -> None:
    """Write the opening stock."""
    stock = {stock_key(sku): units for sku, units in enumerate(workload.stock)}
    await client.mset(stock)


async def read_back(client: Redis, workload: Workload) -> Stored:
    """Read every outcome and what is left of every SKU; one of another reservation is a stranger."""
    stored = Stored.empty(workload)
    left = await client.mget([stock_key(sku) for sku in range(workload.skus)])
    for sku, units in enumerate(left):
        if units is not None:
            stored.left[sku] = int(units)
    held = 0
    for first in range(0, workload.commands, READ_KEYS):
        numbers = range(first, min(first + READ_KEYS, workload.commands))
        outcomes: list[Any] = await client.mget([outcome_key(number) for number in numbers])
        for number, outcome in zip(numbers, outcomes, strict=True):
            if outcome is None:
                continue
            held += 1
            reservation, _, granted = outcome.partition(b":")
            if reservation == reservation_id(number).encode():
                stored.note_outcome(command_number(reservation), int(granted))
            else:
                stored.strangers += 1
    stored.strangers += await client.dbsize() - held - sum(units >= 0 for units in stored.left)
    return stored
