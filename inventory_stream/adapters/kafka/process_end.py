"""How a process that may no longer write the ledger ends: at once (P7)."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import orjson

EXIT_CODE: Final = 70
"""Exit status after any append error (EX_SOFTWARE of sysexits.h). The supervisor starts us again (P7)."""

EndProcess = Callable[[int, str], None]
"""Ends the process with a status and a reason. The real ones never return; a test's one does."""


def end_process(code: int, reason: str) -> None:
    """Write one line to stderr and leave without any clean-up.

    Nothing is flushed and no `finally` runs: state in memory is ahead of the ledger, so whatever
    else the process would still send could only be wrong. With an in-process restart instead, a
    woken owner kept two partitions stuck: 53,536 of 60,000 commands were decided; with the exit
    50,000 of 50,000 (protocol.md P7).
    """
    _leave(code, f"worker ends with status {code}: {reason}".encode())


def end_process_in_json(code: int, reason: str) -> None:
    """As `end_process`, its one line in the form of the process's other lines."""
    line = {
        "event": "worker_ends",
        "status": code,
        "reason": reason,
        "level": "critical",
        "timestamp": datetime.now(UTC).isoformat(),
    }
    _leave(code, orjson.dumps(line))


def _leave(code: int, line: bytes) -> None:
    # Past Python's buffers and locks: the thread that holds one may be the reason for this call.
    os.write(2, line + b"\n")
    os._exit(code)
