"""How far a replay has come: one small file per file, mapping and destination, replaced atomically."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from inventory_stream.replay.errors import ReplayStateError

STATE_VERSION: Final = 1


class ReplayState(Struct, forbid_unknown_fields=True, kw_only=True):
    """Everything up to and including row `through_row` is acknowledged by Kafka and in the report.

    `opened_rows` rows were searched for products whose opening stock is acknowledged, all rows of
    the file if `opened_all`. The counters are those of `Totals`.
    """

    version: int = STATE_VERSION
    file: str
    file_hash: str
    mapping_hash: str
    destination: str
    through_row: int = 0
    finished: bool = False
    opened_rows: int = 0
    opened_all: bool = False
    opening: int = 0
    report_bytes: int = 0
    accepted: dict[str, int] = {}
    skipped: dict[str, int] = {}
    refused: dict[str, int] = {}


class StateStore:
    """The state of one replay: of one file, by one mapping, to one destination."""

    def __init__(self, folder: Path, fresh: ReplayState) -> None:
        """`fresh` names file, mapping and destination; it is the state when there is none yet."""
        identity = f"{fresh.file_hash}/{fresh.mapping_hash}/{fresh.destination}"
        name = f"{Path(fresh.file).stem[:64]}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        self._fresh = fresh
        self.path = folder / f"{name}.state.json"
        self.report_path = folder / f"{name}.report.jsonl"

    def load(self) -> ReplayState:
        """Give the state of the earlier part, or a fresh one.

        Raises:
            ReplayStateError: the file is no state of this version.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return msgspec.structs.replace(self._fresh)
        try:
            state = msgspec.json.decode(content, type=ReplayState)
        except msgspec.DecodeError as error:
            raise ReplayStateError(
                f"{self.path}: not a replay state ({error}); remove it or use --restart"
            ) from None
        if state.version != STATE_VERSION:
            raise ReplayStateError(
                f"{self.path}: state version {state.version}, this program knows {STATE_VERSION}; "
                f"use --restart"
            )
        return state

    def save(self, state: ReplayState) -> None:
        """Replace the file as a whole: a crash leaves the old state or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".tmp")
        with beside.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(state), indent=2))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)

    def forget(self) -> None:
        """Start over next time."""
        self.path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the state alone: two replays of one file would mix their reports.

        Raises:
            ReplayStateError: another process holds it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ReplayStateError(f"{self.path}: another replay of the same file is running") from None
            yield
