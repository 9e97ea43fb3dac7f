"""Real worker processes whose endpoints a test asks, over a real broker and a real Redis."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from inventory_stream.devservers.ports import free_ports
from inventory_stream.settings import Settings

DEADLINE_SECONDS: Final = 60.0
"""Of a wait that takes two seconds when nothing else runs here."""
LOOK_SECONDS: Final = 0.02
"""Between two looks at a condition of another process."""


class Answer(NamedTuple):
    """What an endpoint said; status 0 where nobody listens."""

    status: int
    body: str

    @property
    def reasons(self) -> list[str]:
        """What a probe named."""
        found: list[str] = json.loads(self.body)["reasons"] if self.status else []
        return found


class WatchedWorker:
    """One worker process with an endpoint. Killed at the end of the block, if it still runs."""

    def __init__(
        self,
        kind: str,
        settings: Settings,
        folder: Path,
        *,
        arguments: Sequence[str] = (),
        **more: str,
    ) -> None:
        self.port = int(more.get("INVENTORY_STREAM_MONITORING__PORT") or free_ports(1)[0])
        self._command = [sys.executable, "-m", "inventory_stream.cli", "worker", kind, *arguments]
        self._log = folder / f"{kind}-{self.port}.log"
        kafka = settings.kafka
        self._environment = {
            **os.environ,
            "INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "INVENTORY_STREAM_KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
            "INVENTORY_STREAM_KAFKA__PARTITIONS": str(kafka.partitions),
            "INVENTORY_STREAM_REDIS__URL": settings.redis.url,
            "INVENTORY_STREAM_MONITORING__PORT": str(self.port),
            **more,
        }

    async def __aenter__(self) -> Self:
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220, S603  # started, not waited for; our own
                self._command,
                env=self._environment,
                stderr=log,
            )
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def lines(self) -> list[str]:
        """What the worker has logged."""
        return self._log.read_text().splitlines()

    async def get(self, path: str) -> Answer:
        """Ask once."""
        try:
            async with self._session.get(f"http://127.0.0.1:{self.port}{path}") as response:
                return Answer(response.status, await response.text())
        except aiohttp.ClientError:
            return Answer(0, "")

    async def until_ready(self) -> list[Answer]:
        """Ask until the answer is 200; gives the different answers on the way, that one last."""
        answers: list[Answer] = []

        async def is_ready() -> bool:
            answer = await self.get("/ready")
            if answer not in answers:
                answers.append(answer)
            return answer.status == 200

        await self._until(is_ready, "ready")
        return answers

    async def until_told(self, is_so: Callable[[dict[str, float]], bool]) -> dict[str, float]:
        """Scrape until a condition holds; gives what was scraped last."""
        told: dict[str, float] = {}

        async def is_told() -> bool:
            nonlocal told
            told = await self.scrape()
            return is_so(told)

        await self._until(is_told, f"other metrics than {told}")
        return told

    async def until_logged(self, text: str) -> None:
        """Wait until a line has the text in it."""

        async def is_logged() -> bool:
            return any(text in line for line in self.lines)

        await self._until(is_logged, text)

    async def _until(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not await condition():
            assert time.monotonic() < deadline, f"{what}: waited in vain\n" + "\n".join(self.lines[-20:])
            assert self.process.poll() is None, self.lines
            await asyncio.sleep(LOOK_SECONDS)

    async def scrape(self) -> dict[str, float]:
        """Give every sample as `name{label values in order of their names}`, partitions summed up."""
        answer = await self.get("/metrics")
        assert answer.status == 200
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(answer.body):
            for sample in family.samples:
                rest = [value for name, value in sorted(sample.labels.items()) if name != "partition"]
                key = f"{sample.name}{{{','.join(rest)}}}" if rest else sample.name
                found[key] = found.get(key, 0) + sample.value
        return found

    async def stop(self) -> tuple[int, float, list[int]]:
        """SIGTERM; gives the exit status, how many seconds it took, and what /ready said meanwhile."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        said: list[int] = []
        while self.process.poll() is None:
            assert time.monotonic() - began < DEADLINE_SECONDS
            said.append((await self.get("/ready")).status)
        return self.process.wait(), time.monotonic() - began, said
