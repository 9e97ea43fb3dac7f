"""Reads the end of a log file, for error messages."""

from pathlib import Path
from typing import Final

# Lines shown in an error. A Kafka start-up failure is a stack trace of about 15 lines with
# its reason on top; a Maven failure has the reason in its last 10.
TAIL_LINES_MAX: Final = 40

# Read at most this much from the end; 40 lines of a log are about 6 kB.
TAIL_BYTES_MAX: Final = 65_536


def read_since(log_path: Path, offset_bytes: int) -> str:
    """Return what was logged from the offset on, at most the last TAIL_BYTES_MAX bytes of it."""
    try:
        with log_path.open("rb") as log:
            end_bytes = log.seek(0, 2)
            log.seek(max(offset_bytes, end_bytes - TAIL_BYTES_MAX))
            return log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def tail(log_path: Path, offset_bytes: int = 0) -> str:
    """Return the last lines logged from the offset on, under the file's name."""
    lines = read_since(log_path, offset_bytes).splitlines()[-TAIL_LINES_MAX:]
    return "\n".join([f"Last lines of {log_path}:", *(lines or ["(empty)"])])
