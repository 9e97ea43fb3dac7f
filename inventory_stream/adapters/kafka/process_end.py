"""How a process that may no longer write the ledger ends: at once (P7)."""

import os
from collections.abc import Callable
from typing import Final

EXIT_CODE: Final = 70
"""Exit status after any append error (EX_SOFTWARE of sysexits.h). The supervisor starts us again (P7)."""

EndProcess = Callable[[int, str], None]
"""Ends the process with a status and a reason. The real one never returns; a test's one does."""


def end_process(code: int, reason: str) -> None:
    """Write one line to stderr and leave without any clean-up.

    Nothing is flushed and no `finally` runs: state in memory is ahead of the ledger, so whatever
    else the process would still send could only be wrong. With an in-process restart instead, a
    woken owner kept two partitions stuck: 53,536 of 60,000 commands were decided; with the exit
    50,000 of 50,000 (protocol.md P7).
    """
    # Past Python's buffers and locks: the thread that holds one may be the reason for this call.
    os.write(2, f"worker ends with status {code}: {reason}\n".encode())
    os._exit(code)
