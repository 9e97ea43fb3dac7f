"""Secrets by reference: read where they are used, never shown.

A reference is `env:NAME` or `file:/path`. A value is read anew at each use, so that a changed file counts at
once. Only files can be written: a vendor that gives a new refresh token with each use needs one.
"""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from inventory_stream.ports.channel import ChannelError, Result

SECRET_BYTES_MAX: Final = 64 * 1024
"""Largest secret: a service account's key has 2 KB. A reference to something else is seen by its size."""

LIVE_MAX: Final = 2
"""Most webhook secrets at once: the new one, and the one before until every sender has changed."""

LOCK_SECONDS_MAX: Final = 30.0
"""Longest wait for another worker that makes a token: it has three tries of 10 s at most (tokens.py)."""

_LOCK_PAUSE_SECONDS: Final = 0.02
"""Between looks at a taken lock: a token takes 100 ms or more to be made."""


class Secrets:
    """The secrets of one integration, by the names in `AdapterSpec.secrets`."""

    def __init__(self, references: Mapping[str, str]) -> None:
        """Take references.

        Raises:
            ValueError: one is of another form; the message names it, and shows nothing of a value.
        """
        for name, reference in references.items():
            kind, _, place = reference.partition(":")
            if kind not in {"env", "file"} or not place:
                raise ValueError(f"secret {name!r}: must be env:NAME or file:/path, never the value itself")
            if kind == "file" and not Path(place).is_absolute():
                raise ValueError(f"secret {name!r}: the path of its file must be absolute")
        self._references = dict(references)
        self._locks: dict[str, asyncio.Lock] = {}
        self.mends = 0
        """How often an operator said that access is there again; see `mended`."""

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._references))})"

    def mended(self) -> None:
        """Hear that somebody mended the access: what the vendor refused before says nothing any more."""
        self.mends += 1

    def has(self, name: str) -> bool:
        """Say whether it is referred to and can be read now."""
        try:
            self.text(name)
        except ChannelError:
            return False
        return True

    def text(self, name: str) -> str:
        """Give a value, without the line end that editors write.

        Raises:
            ChannelError: AUTH: it cannot be had. The code names it; somebody has to act.
        """
        kind, _, place = self._references.get(name, "").partition(":")
        value = os.environ.get(place, "") if kind == "env" else self._of_file(name, place)
        if not value:
            raise ChannelError(Result.AUTH, f"secret-{name}-missing")
        return value

    def live(self, name: str) -> tuple[str, ...]:
        """Give the webhook secrets that count now, the newest first: one on each line of the value.

        Raises:
            ChannelError: as `text`.
        """
        lines = [line.strip() for line in self.text(name).splitlines()]
        return tuple(line for line in lines if line)[:LIVE_MAX]

    def can_replace(self, name: str) -> bool:
        """Say whether a new value can be stored."""
        return self._references.get(name, "").startswith("file:")

    async def replace(self, name: str, value: str) -> None:
        """Store a new value where the reference points; the old one or the new one is there, never half.

        Raises:
            ChannelError: AUTH: it is no file, or cannot be written.
        """
        if not self.can_replace(name):
            raise ChannelError(Result.AUTH, f"secret-{name}-not-a-file")
        path = Path(self._references[name].removeprefix("file:"))
        try:
            await asyncio.to_thread(_write, path, value)
        except OSError:
            raise ChannelError(Result.AUTH, f"secret-{name}-not-writable") from None

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[None]:
        """Be the only one to make this secret anew: among all processes that see its file.

        One of the environment cannot be shared, so the lock is this process's.

        Raises:
            ChannelError: RETRYABLE: another held it too long; AUTH: its folder cannot be written.
        """
        mine = self._locks.setdefault(name, asyncio.Lock())
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(LOCK_SECONDS_MAX):
                    await held.enter_async_context(mine)
                    if self.can_replace(name):
                        descriptor = self._lock_file(name)
                        held.callback(os.close, descriptor)  # which lets go of the lock
                        while not _locked(descriptor):  # noqa: ASYNC110  # another process has it
                            await asyncio.sleep(_LOCK_PAUSE_SECONDS)  # another process has it
            except TimeoutError:
                raise ChannelError(Result.RETRYABLE, f"secret-{name}-locked") from None
            yield

    def _lock_file(self, name: str) -> int:
        path = self._references[name].removeprefix("file:") + ".lock"
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            raise ChannelError(Result.AUTH, f"secret-{name}-not-lockable") from None

    def _of_file(self, name: str, place: str) -> str:
        if not place:
            return ""
        try:
            with Path(place).open("rb") as file:
                raw = file.read(SECRET_BYTES_MAX + 1)
            if len(raw) > SECRET_BYTES_MAX:
                raise ChannelError(Result.AUTH, f"secret-{name}-too-large")
            return raw.decode().rstrip("\r\n")
        except OSError:
            raise ChannelError(Result.AUTH, f"secret-{name}-unreadable") from None
        except ValueError:  # the fault itself would quote the secret
            raise ChannelError(Result.AUTH, f"secret-{name}-not-utf-8") from None


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, value: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
