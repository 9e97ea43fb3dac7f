"""`worker ledger --processes N`: as many workers as cores, under one parent."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

import aiohttp
import msgspec
import typer
from prometheus_client import CollectorRegistry

from inventory_stream.adapters.monitoring.endpoint import Endpoint
from inventory_stream.adapters.monitoring.health import LOOK_SECONDS_MAX, Health
from inventory_stream.adapters.process_pool import ProcessPool
from inventory_stream.cli import EXIT_SETTINGS
from inventory_stream.errors import SettingsError
from inventory_stream.settings import ENV_PREFIX, Settings

AUTO: Final = "auto"
PROCESSES_MAX: Final = 64
"""Most processes of one parent: one for each core of a large machine, and a typing error is none."""
PROGRAM: Final = (sys.executable, "-P", "-m", "inventory_stream.cli")
"""How a worker is started. -P: nothing is imported from the folder that this command was called in."""
_PORT_MAX: Final = 65_535
_SIGNALLED: Final = 128
"""Exit status of whoever reports a signal, less its number: as shells have it."""


class _Readiness(msgspec.Struct):
    """What a worker answers on /ready."""

    ready: bool
    reasons: list[str]


_decode_readiness: Final = msgspec.json.Decoder(_Readiness).decode


def process_count(text: str) -> int:
    """Read the option: a number, or `auto` for one on each core that this process may use.

    Raises:
        typer.BadParameter: it is neither.
    """
    if text == AUTO:
        return min(len(os.sched_getaffinity(0)), PROCESSES_MAX)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= PROCESSES_MAX:
        return int(text)
    raise typer.BadParameter(f"{text!r} is no number from 1 to {PROCESSES_MAX}, nor {AUTO!r}")


def run_processes(settings: Settings, processes: int) -> int:
    """Run ledger workers until SIGTERM or SIGINT; gives the exit status.

    Worker n has the monitoring port that follows the parent's by n. The parent's own /ready says whether
    all of them are. One that ends over its settings ends all: it would not start again either.

    Raises:
        SettingsError: the ports do not suffice, or the parent's host is not this machine's.
        PortBusyError: the parent's port is another process's.
    """
    base = settings.monitoring.port
    if base and base + processes > _PORT_MAX:
        raise SettingsError(
            f"monitoring.port = {base} with {processes} processes, which have the ports after it: name one "
            f"of at most {_PORT_MAX - processes} by {ENV_PREFIX}MONITORING__PORT, 0 for none"
        )
    environments = [_environment(settings, number) for number in range(1, processes + 1)]
    status = asyncio.run(_run(settings, [*PROGRAM, "worker", "ledger"], environments))
    return status if status >= 0 else _SIGNALLED - status


def _environment(settings: Settings, number: int) -> dict[str, str]:
    """Give what one worker is told otherwise than the others."""
    values = {}
    if settings.monitoring.port:
        values["MONITORING__PORT"] = str(settings.monitoring.port + number)
    if settings.worker.instance_id is not None:
        # Two members of a group may not have the same.
        values["WORKER__INSTANCE_ID"] = f"{settings.worker.instance_id}-{number}"
    return {ENV_PREFIX + name: value for name, value in values.items()}


async def _run(settings: Settings, command: Sequence[str], environments: Sequence[dict[str, str]]) -> int:
    pool = ProcessPool(command, environments, lambda status: status == EXIT_SETTINGS)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, pool.stop)
    if settings.monitoring.port == 0:
        return await pool.run()
    async with aiohttp.ClientSession() as session:

        async def why_not_all_ready() -> Sequence[str]:
            asked = (why_not_ready(session, settings, number) for number in range(1, len(environments) + 1))
            return [reason for reason in await asyncio.gather(*asked) if reason]

        endpoint = Endpoint(
            settings.monitoring.host,
            settings.monitoring.port,
            health=Health(),
            registry=CollectorRegistry(),  # what there is to measure is measured in the workers
            refresh=lambda: None,
            note_ready=lambda _: None,
        )
        await endpoint.start()
        try:
            endpoint.working(why_not_all_ready)
            return await pool.run()
        finally:
            await endpoint.close()


async def why_not_ready(session: aiohttp.ClientSession, settings: Settings, number: int) -> str:
    """Say why a worker is not ready; nothing when it is. Bounded by what a look may take."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.monitoring.host, settings.monitoring.host)  # noqa: S104
    in_url = f"[{host}]" if ":" in host else host
    url = f"http://{in_url}:{settings.monitoring.port + number}/ready"
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(LOOK_SECONDS_MAX)) as answer:
            said = _decode_readiness(await answer.read())
    except (aiohttp.ClientError, TimeoutError):
        return f"worker {number}: no answer"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"worker {number}: {url} is answered by another program"
    return "" if said.ready else f"worker {number}: {'; '.join(said.reasons)}"
