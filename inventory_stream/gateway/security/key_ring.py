"""The keys that count now: the file, looked at again while the gateway runs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from inventory_stream.gateway.security.key_file import KeyFileError, read_keys
from inventory_stream.gateway.security.keys import ApiKey

LOOK_AGAIN_SECONDS: Final = 2.0
"""Longest that a revoked key is still taken. A look is one `stat`, 2 us; the file is read only when it
changed."""

_Seen = tuple[int, int, int]

_log = structlog.get_logger(__name__)


class KeyRing:
    """Keys by id. A file that can no longer be read or is broken changes nothing: the last good one counts.

    `generation` grows with every change, so that whoever remembers what a key opened can forget it.
    """

    def __init__(self, file: Path, monotonic_seconds: Callable[[], float] = time.monotonic) -> None:
        """Read the file.

        Raises:
            KeyFileError: it is missing or wrong; a gateway without its keys does not start.
        """
        self._file = file
        self._monotonic_seconds = monotonic_seconds
        self._seen = self._look()
        self._keys = read_keys(file)
        self._next_look_seconds = monotonic_seconds() + LOOK_AGAIN_SECONDS
        self.generation = 0

    def find(self, key_id: str) -> ApiKey | None:
        """Give a key, expired and revoked ones too; None: there is none of that id."""
        return self._keys.get(key_id)

    def refresh(self) -> None:
        """Read the file again if it changed; looks at most once in LOOK_AGAIN_SECONDS."""
        now_seconds = self._monotonic_seconds()
        if now_seconds < self._next_look_seconds:
            return
        self._next_look_seconds = now_seconds + LOOK_AGAIN_SECONDS
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._keys = read_keys(self._file)
        except KeyFileError as error:
            _log.error("key_file_not_taken", reason=str(error), keys=len(self._keys))
            return
        self.generation += 1
        _log.info("key_file_read", keys=len(self._keys))

    def _look(self) -> _Seen | None:
        try:
            now = self._file.stat()
        except OSError:
            return None
        # The mode's change has no time of its own in mtime: ctime holds both.
        return now.st_ctime_ns, now.st_size, now.st_ino
