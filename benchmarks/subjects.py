"""The programs that are measured, as processes under a supervisor: the workers, the bare loop."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import count
from pathlib import Path
from typing import Final

import psutil

from benchmarks.compiled import compiled_environment, compiled_path, why_not_compiled
from benchmarks.ledger_check import Decode, decode_bare_row, decode_worker_row
from benchmarks.scenarios import BARE_LOOP, COMPILED, WORKER
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.devservers import logs
from inventory_stream.devservers.ports import free_ports
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.settings import ENV_PREFIX, KafkaSettings, Settings

PARTITIONS: Final = 1
"""One worker on one partition, where nothing else is said: one core's worth of decisions."""


@unique
class Subject(StrEnum):
    """Who is measured beside each other."""

    WORKER = WORKER
    COMPILED = COMPILED
    BARE = BARE_LOOP

    @property
    def decode(self) -> Decode:
        """How its rows are read."""
        return decode_bare_row if self is Subject.BARE else decode_worker_row


class SubjectEndedError(Exception):
    """The measured process ended while it was measured; the message carries the end of its log."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subject reads and writes: the prefix of its inputs, the full name of its ledger."""

    inputs_prefix: str
    ledger_topic: str
    partitions: int = PARTITIONS


def place_settings(bootstrap_servers: str, prefix: str, partitions: int = PARTITIONS) -> Settings:
    """Give the product's settings for topics with a prefix."""
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=bootstrap_servers, topic_prefix=prefix, partitions=partitions)
    )


def worker_place(prefix: str, partitions: int = PARTITIONS) -> Place:
    """Where the worker reads and writes: its topic names follow from the prefix."""
    return Place(prefix, f"{prefix}{LEDGER}", partitions)


class Running:
    """A program from its launch until it is stopped; `monitoring_port` answers /metrics, 0: nobody does."""

    def __init__(self, supervisor: Supervisor, name: str, monitoring_port: int = 0) -> None:
        self._supervisor = supervisor
        self._name = name
        self.monitoring_port: Final = monitoring_port

    def cpu_seconds(self) -> float:
        """Give the CPU time that the process has used, user and system.

        Raises:
            SubjectEndedError: it has ended by itself.
        """
        try:
            times = self._process().cpu_times()
        except psutil.NoSuchProcess:
            raise self._ended() from None
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        """Give the resident memory (RSS) of the process.

        Raises:
            SubjectEndedError: it has ended by itself.
        """
        try:
            return int(self._process().memory_info().rss)
        except psutil.NoSuchProcess:
            raise self._ended() from None

    def _process(self) -> psutil.Process:
        pid = self._supervisor.pid(self._name)
        if pid is None or self._supervisor.exit_statuses(self._name):
            raise self._ended()
        return psutil.Process(pid)

    def _ended(self) -> SubjectEndedError:
        return SubjectEndedError(
            f"{self._name} ended while it was measured.\n{logs.tail(self._supervisor.log_path(self._name))}"
        )

    def kill(self, *, for_good: bool) -> None:
        """End it as a crash would (SIGKILL); its supervisor starts it again, unless that is for good."""
        self._supervisor.kill(self._name)
        if for_good:
            self._supervisor.stop(self._name)  # within its first pause: before it starts anything

    def stop(self) -> None:
        """End it; a subject that had ended before is left alone."""
        self._supervisor.stop(self._name)


class Launcher:
    """Starts subjects against one broker.

    Args:
        supervisor: Keeps the processes.
        bootstrap_servers: The broker.
        data_dir: Scratch folder of the worker.
        profile_dir: Run the worker under sampler.py and leave its findings here; None: do not.
    """

    def __init__(
        self, supervisor: Supervisor, bootstrap_servers: str, data_dir: Path, profile_dir: Path | None = None
    ) -> None:
        self._supervisor = supervisor
        self._bootstrap_servers = bootstrap_servers
        self._data_dir = data_dir
        self._profile_dir = profile_dir
        self._numbers = count(1)

    def launch(self, subject: Subject, place: Place, label: str, *, profile: bool = False) -> Running:
        """Start a subject; it runs until stopped.

        Args:
            subject: Which.
            place: Its topics.
            label: For its log file, and its profile.
            profile: Whether this life is worth a profile, where these were asked for.
        """
        name = f"{next(self._numbers):03d}-{label}-{subject.name.lower()}"
        if subject is Subject.BARE:
            command = self._python("benchmarks.bare_loop")
            command += [self._bootstrap_servers, place.inputs_prefix, place.ledger_topic]
            self._supervisor.start(name, command)
        else:
            command = self._python("inventory_stream.cli")
            if profile and self._profile_dir is not None:
                report = self._profile_dir / f"{name}.txt"
                command = [*self._python("benchmarks.sampler"), str(report)]
            environment = self._environment(place)
            if subject is Subject.COMPILED and (compiled := compiled_path()) is not None:
                environment |= compiled_environment(compiled)
            self._supervisor.start(name, [*command, "worker", "ledger"], environment)
        return Running(self._supervisor, name)

    def launch_watched(self, place: Place, label: str, *, instance_id: str | None = None) -> Running:
        """Start a ledger worker that answers /metrics, as deployments have it.

        Args:
            place: Its topics.
            label: For its log file.
            instance_id: Keeps its place in the consumer group over restarts; None: it joins anew.
        """
        name = f"{next(self._numbers):03d}-{label}-ledger"
        (port,) = free_ports(1)
        environment = self._environment(place) | {f"{ENV_PREFIX}MONITORING__PORT": str(port)}
        if instance_id is not None:
            environment[f"{ENV_PREFIX}WORKER__INSTANCE_ID"] = instance_id
        self._supervisor.start(name, [*self._python("inventory_stream.cli"), "worker", "ledger"], environment)
        return Running(self._supervisor, name, port)

    def launch_projection(self, place: Place, label: str, redis_url: str) -> Running:
        """Start a projection worker."""
        name = f"{next(self._numbers):03d}-{label}-projection"
        environment = self._environment(place) | {f"{ENV_PREFIX}REDIS__URL": redis_url}
        self._supervisor.start(
            name, [*self._python("inventory_stream.cli"), "worker", "projection"], environment
        )
        return Running(self._supervisor, name)

    def _python(self, module: str) -> list[str]:
        return [sys.executable, "-m", module]

    def _environment(self, place: Place) -> dict[str, str]:
        return {
            f"{ENV_PREFIX}KAFKA__BOOTSTRAP_SERVERS": self._bootstrap_servers,
            f"{ENV_PREFIX}KAFKA__TOPIC_PREFIX": place.inputs_prefix,
            f"{ENV_PREFIX}KAFKA__PARTITIONS": str(place.partitions),
            f"{ENV_PREFIX}WORKER__DATA_DIR": str(self._data_dir),
        }


def why_absent(subject: Subject) -> str | None:
    """Say in one line why a subject cannot be measured here; None: it can."""
    return why_not_compiled() if subject is Subject.COMPILED else None


def interleaved(run: int, subjects: Sequence[str] = (WORKER, BARE_LOOP)) -> Sequence[Subject]:
    """Give the order of a run: who goes first changes, so that drift of the machine hits all."""
    in_order = tuple(map(Subject, subjects))
    return in_order if run % 2 == 0 else in_order[::-1]
