"""What every process of a run costs: CPU and resident memory of the measured, the broker, and the harness."""

import os
from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

import psutil

from benchmarks.statistics import Figures
from inventory_stream.devservers.ports import LOOPBACK

HARNESS: Final = "harness"
BROKER: Final = "broker"
SUBJECT: Final = "subject"
"""The measured, all processes of it together."""


_OWN_NAMES: Final = (LOOPBACK, "localhost", "[::1]")


class Look(NamedTuple):
    """CPU seconds since its start, user and system, and resident bytes now, of each part."""

    cpu_seconds: dict[str, float]
    resident_bytes: dict[str, int]


class Measured(Protocol):
    """A process that is measured."""

    def cpu_seconds(self) -> float:
        """Give the CPU time that it has used, user and system; raises when it has ended by itself."""

    def resident_bytes(self) -> int:
        """Give its resident memory; raises when it has ended by itself."""


class Usage:
    """Looks at the processes of one run; a broker that is not here by a loopback address is left out."""

    def __init__(self, bootstrap_servers: str) -> None:
        host, _, port = bootstrap_servers.rpartition(":")
        self._broker_id: Final = _listener(int(port)) if host in _OWN_NAMES else None

    def look(self, subjects: Iterable[Measured] = ()) -> Look:
        """See what was used so far.

        Raises:
            SubjectEndedError: one of the subjects has ended by itself.
        """
        ids = {HARNESS: os.getpid()} | ({BROKER: self._broker_id} if self._broker_id else {})
        processes = {name: psutil.Process(process_id) for name, process_id in ids.items()}
        cpu_seconds = {name: float(sum(process.cpu_times()[:2])) for name, process in processes.items()}
        resident_bytes = {name: int(process.memory_info().rss) for name, process in processes.items()}
        for subject in subjects:
            cpu_seconds[SUBJECT] = cpu_seconds.get(SUBJECT, 0.0) + subject.cpu_seconds()
            resident_bytes[SUBJECT] = resident_bytes.get(SUBJECT, 0) + subject.resident_bytes()
        return Look(cpu_seconds, resident_bytes)


def usage_figures(before: Look, after: Look, commands: int) -> Figures:
    """Give what each part used for each command between two looks, and its memory at the second.

    Returns:
        cpu_us_per_command of the subject, where both looks saw it; broker_cpu_us_per_command and
        harness_cpu_us_per_command; resident_mb of the subject and broker_resident_mb, in millions of bytes.
    """
    names = {SUBJECT: "", BROKER: f"{BROKER}_", HARNESS: f"{HARNESS}_"}
    figures = {
        f"{prefix}cpu_us_per_command": (after.cpu_seconds[name] - before.cpu_seconds[name]) / commands * 1e6
        for name, prefix in names.items()
        if name in after.cpu_seconds and name in before.cpu_seconds
    }
    for name, figure in ((SUBJECT, "resident_mb"), (BROKER, "broker_resident_mb")):
        if name in after.resident_bytes:
            figures[figure] = after.resident_bytes[name] / 1e6
    return figures


def cores_figures(before: Look, after: Look, seconds: float) -> Figures:
    """Give how many cores each part kept busy between two looks: what limits, where they sum to all cores."""
    return {
        f"{name}_cores": (used - before.cpu_seconds[name]) / seconds
        for name, used in after.cpu_seconds.items()
        if name in before.cpu_seconds
    }


def _listener(port: int) -> int | None:
    """Find who listens on a port of this machine; None: nobody, or another user, whom we may not see."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return int(connection.pid) if connection.pid else None
    return None
