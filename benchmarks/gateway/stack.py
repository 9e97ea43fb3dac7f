"""What is measured, as real processes: broker, Valkey, a ledger worker, a gateway; or FastAPI and Valkey."""

import asyncio
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import psutil

from benchmarks.gateway.requests import LOCATION
from inventory_stream.adapters.kafka.command_sink import open_command_sink
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import JVM_FOR_LOAD, KafkaServer, KafkaSettings, ValkeyServer, logs
from inventory_stream.devservers.ports import free_ports
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.security.key_file import changing_keys
from inventory_stream.gateway.security.keys import create_key
from inventory_stream.settings import ENV_PREFIX, RedisSettings, Settings
from inventory_stream.settings import KafkaSettings as KafkaAddress
from models.codec import PACK_COMMANDS_MAX, to_positional
from models.commands import Sync

REQUESTS_PER_SECOND: Final = 100_000
"""Of the key that is used: a limit that is reached would be measured instead of the gateway."""
READY_SECONDS_MAX: Final = 60.0
LOOK_SECONDS: Final = 0.05
SKUS_LOOKED_AT: Final = 100
"""Of stock just stated: when the last of these are there, so are those before, one partition each apart."""

BROKER: Final = "broker"
VALKEY: Final = "Valkey"
WORKER: Final = "ledger worker"
GATEWAY: Final = "gateway"
FASTAPI: Final = "FastAPI"


class NotReadyError(Exception):
    """A process did not come up; the message carries the end of its log."""


class Stack:
    """Use `with`, then `await start_...`; everything is ended on exit.

    Settings are the product's defaults, but for addresses, secrets and the rate of the one key.
    """

    def __init__(self, folder: Path, profile_file: Path | None = None) -> None:
        """Start nothing yet.

        Args:
            folder: Scratch.
            profile_file: Run the gateway under the sampling profiler, and leave its findings here.
        """
        self._folder = folder
        self._profile_file = profile_file
        self._stack = ExitStack()
        self._kafka = KafkaServer(folder / "kafka", KafkaSettings(jvm_options=JVM_FOR_LOAD))
        self.valkey = ValkeyServer(folder / "valkey")
        self._supervisor = Supervisor(folder / "logs")
        self.port, self.peer_port, self._monitoring_port = free_ports(3)
        with changing_keys(folder / "keys.jsonl") as keys:
            made = create_key(
                scopes=tuple(Scope), created=datetime.now(UTC), requests_per_second=REQUESTS_PER_SECOND
            )
            keys[made.stored.id] = made.stored
        self.key = made.text
        self._running: list[str] = []

    def __enter__(self) -> Self:
        for server in (self._kafka, self.valkey, self._supervisor):
            self._stack.enter_context(server)
        self.settings = Settings(
            kafka=KafkaAddress(bootstrap_servers=self._kafka.bootstrap_servers),
            redis=RedisSettings(url=self.valkey.url),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def start_gateway(self) -> None:
        """Start the worker and the gateway; both answer when this ends.

        Raises:
            NotReadyError: one did not in time.
        """
        await create_topics(self.settings)
        own = {
            "KAFKA__BOOTSTRAP_SERVERS": self._kafka.bootstrap_servers,
            "REDIS__URL": self.valkey.url,
            "WORKER__DATA_DIR": str(self._folder / "worker"),
        }
        common = {f"{ENV_PREFIX}{name}": value for name, value in own.items()}
        command = [sys.executable, "-m", "inventory_stream.cli"]
        self._start(WORKER, [*command, "worker", "ledger"], common)
        if self._profile_file is not None:
            command = [sys.executable, "-m", "benchmarks.sampler", str(self._profile_file)]
        gateway = {
            "PORT": str(self.port),
            "API_KEYS_FILE": str(self._folder / "keys.jsonl"),
            "CUSTOMER_KEY": secrets.token_hex(32),
            "TOKEN_KEY": secrets.token_hex(32),
        }
        own = {f"{ENV_PREFIX}GATEWAY__{name}": value for name, value in gateway.items()}
        own[f"{ENV_PREFIX}MONITORING__PORT"] = str(self._monitoring_port)  # as deployments have it
        self._start(GATEWAY, [*command, "gateway"], {**common, **own})
        await self._until_answers(GATEWAY, self.port)
        await self.state_stock({"ready": 1})  # somebody decides

    async def start_fastapi(self) -> None:
        """Start the service that is compared.

        Raises:
            NotReadyError: it does not answer in time.
        """
        command = [sys.executable, "-m", "uvicorn", "benchmarks.gateway.fastapi_lua.service:app"]
        command += ["--host", "127.0.0.1", "--port", str(self.peer_port), "--no-access-log"]
        command += ["--loop", "uvloop", "--http", "httptools", "--log-level", "warning"]
        environment = {"REDIS_URL": self.valkey.url, "API_KEY": self.key}
        self._start(FASTAPI, command, environment)
        await self._until_answers(FASTAPI, self.peer_port)

    def stop_gateway(self) -> None:
        """End the gateway, the worker and the broker: what is compared runs without them."""
        for name in (GATEWAY, WORKER):
            self._running.remove(name)
            self._supervisor.stop(name)
        self._kafka.stop()

    def cpu_seconds(self) -> dict[str, float]:
        """Give the CPU that each running process has used.

        Raises:
            NotReadyError: one has ended by itself.
        """
        pids: dict[str, int | None] = {VALKEY: self.valkey.process_id}
        if self._kafka.is_running():
            pids[BROKER] = self._kafka.process_id
        for name in self._running:
            if self._supervisor.exit_statuses(name):
                raise NotReadyError(f"{name} ended by itself:\n{logs.tail(self._supervisor.log_path(name))}")
            pids[name] = self._supervisor.pid(name)
        return {name: float(sum(psutil.Process(pid).cpu_times()[:2])) for name, pid in pids.items()}

    async def state_stock(
        self, units_of: Mapping[str, int], locations: tuple[str, ...] = (LOCATION,)
    ) -> None:
        """Count the units of each SKU at each location, and wait until the gateway shows it.

        Raises:
            NotReadyError: it does not in time.
        """
        now_ms = time.time_ns() // 1_000_000
        async with open_command_sink(self.settings, pack_commands=PACK_COMMANDS_MAX) as sink:
            for sku, units in units_of.items():
                for location in locations:
                    count = Sync(f"count-{sku}-{location}", sku, location, units, now_ms)
                    await sink.send(to_positional(count), sku)
            await sink.flush()
        last = dict(list(units_of.items())[-SKUS_LOOKED_AT:])

        async def is_there() -> bool:
            shown = (await self.get(f"/v1/availability?skus={','.join(last)}"))["skus"]
            return all(one["total"] == last[one["sku"]] * len(locations) for one in shown) and len(
                shown
            ) == len(last)

        await self._until(is_there, GATEWAY)

    async def get(self, path: str) -> dict[str, Any]:
        """Read from the gateway; {"skus": []} for what is not there yet."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as response,
        ):
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer if response.ok else {"skus": []}

    def _start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self._supervisor.start(name, command, environment)
        self._running.append(name)

    async def _until_answers(self, name: str, port: int) -> None:
        async def answers() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await self._until(answers, name)

    async def _until(self, is_so: Any, name: str) -> None:  # noqa: ANN401  # an async condition
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                while not await is_so():  # noqa: ASYNC110  # asks another process
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            log = logs.tail(self._supervisor.log_path(name))
            raise NotReadyError(f"{name} was not ready within {READY_SECONDS_MAX:.0f} s:\n{log}") from error
