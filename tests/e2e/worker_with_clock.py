"""`inventory-stream` with a wall clock that a test moves; the clocks that no operator can set go on as ever.

    CLOCK_AHEAD_FILE=<8 bytes, signed, ns> python -m tests.e2e.worker_with_clock worker ledger

Patched before anything of ours is imported. libfaketime moves what Python's own sleep and waits go by too
(clock_nanosleep fails with EINVAL under it), which setting a machine's clock does not.
"""

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final

FILE_VARIABLE: Final = "CLOCK_AHEAD_FILE"
AHEAD: Final = struct.Struct("<q")


def move_clock(path: Path, ahead_seconds: float) -> None:
    """Set how far the clock of every process with this file is ahead of the machine's."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.write(AHEAD.pack(int(ahead_seconds * 1e9)))


def _main() -> None:
    with Path(os.environ[FILE_VARIABLE]).open("rb") as file:
        shared = mmap.mmap(file.fileno(), AHEAD.size, access=mmap.ACCESS_READ)
    real = time.time_ns

    def time_ns() -> int:
        return real() + int(AHEAD.unpack_from(shared)[0])

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9
    from inventory_stream.cli import main  # noqa: PLC0415  # after the patch

    main()


if __name__ == "__main__":
    _main()
