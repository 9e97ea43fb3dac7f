"""Brings rows of `channel-outcomes` to the log, behind the sending and never in its way."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

import structlog

from inventory_stream.errors import UnreachableError
from inventory_stream.flows.channels.tasks import Fail, begun
from inventory_stream.ports.channel_log import ChannelLog
from models.channels import AccountRow, CarriedRow, MovedRow, OutcomeRow

log = structlog.get_logger(__name__)

ROWS_PER_WRITE: Final = 1_000
"""Rows of one write: 200 KB, 5 ms here. What waits is one row a key, whatever happens meanwhile."""

RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
"""Pauses while Kafka does not answer; the last one stays. The lease ends the sending long before."""

CLOSE_SECONDS_MAX: Final = 2.0
"""Longest that an account that is given up waits for its last rows. What is not kept is sent once more by the
next owner, or read back."""


class Keeper:
    """Writes the rows of one partition's accounts: the newest of each key, one write under way.

    Args:
        channel_log: Where they go.
        partition: All of them.
        is_leased: Whether Kafka's group was heard of recently enough. A worker that slept must not write
            what it knew over what its successor knows: a kill would be undone.
        fail: Ends the process.
    """

    def __init__(
        self, channel_log: ChannelLog, partition: int, is_leased: Callable[[], bool], fail: Fail
    ) -> None:
        self._fail = fail
        self._log = channel_log
        self._partition = partition
        self._is_leased = is_leased
        self._waiting: Final[dict[str, OutcomeRow | None]] = {}
        self._first: Final[dict[str, OutcomeRow | None]] = {}
        self._is_due: Final = asyncio.Event()
        self._is_idle: Final = asyncio.Event()
        self._is_idle.set()
        self._is_first_idle: Final = asyncio.Event()
        self._is_first_idle.set()
        self._task: asyncio.Task[None] | None = None

    def keep(self, rows: Iterable[tuple[str, OutcomeRow | None]]) -> None:
        """Take rows; of one key the last one counts. Returns at once."""
        self._waiting.update(rows)
        self._note()

    def keep_account(self, key: str, row: AccountRow | MovedRow | CarriedRow | None) -> None:
        """Take what operators asked, or orders wait for: it goes first, as a million listings may wait."""
        self._first[key] = row
        self._note()

    @property
    def are_accounts_kept(self) -> bool:
        """Whether all that `keep_account` took is durable."""
        return not self._first

    def start(self) -> None:
        """Begin to write."""
        self._task = begun(self._run(), self._fail)

    def is_waiting(self, key: str) -> bool:
        """Say whether a row of this key is not durable yet."""
        return key in self._first or key in self._waiting

    async def accounts_kept(self) -> None:
        """Return when all that `keep_account` took is durable."""
        await self._is_first_idle.wait()

    async def kept(self) -> None:
        """Return when all that was taken is durable."""
        await self._is_idle.wait()

    async def close(self) -> None:
        """Write what waits, bounded, and end."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await self.kept()
        except TimeoutError:
            log.warning(
                "channel_rows_not_kept", partition=self._partition, rows=len(self._first) + len(self._waiting)
            )
        task.cancel()
        await asyncio.wait([task])

    async def _run(self) -> None:
        faults = 0
        while True:
            await self._is_due.wait()
            if not self._is_leased():
                await asyncio.sleep(RETRY_SECONDS[0])
                continue
            source = self._first or self._waiting
            taken = list(islice(source.items(), ROWS_PER_WRITE))
            try:
                await self._log.write(self._partition, taken)
            except UnreachableError as error:
                if faults == 0:
                    log.warning("channel_rows_wait", partition=self._partition, reason=str(error))
                await asyncio.sleep(RETRY_SECONDS[min(faults, len(RETRY_SECONDS) - 1)])
                faults += 1
                continue
            faults = 0
            for key, row in taken:
                if source.get(key) is row:
                    del source[key]
            self._note()

    def _note(self) -> None:
        if self._first:
            self._is_first_idle.clear()
        else:
            self._is_first_idle.set()
        if self._first or self._waiting:
            self._is_idle.clear()
            self._is_due.set()
        else:
            self._is_due.clear()
            self._is_idle.set()
