"""Locks between processes that the kernel drops when their holders die."""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

# Pause between tries of a lock that another process holds. flock has no wait with a
# deadline; at 50 ms a freed lock is noticed soon and twenty looks a second cost nothing.
RETRY_SECONDS: Final = 0.05


def acquire(path: Path, timeout_seconds: float) -> int | None:
    """Lock the file, which is made when absent; return its descriptor, or None when held too long.

    The lock belongs to the open file: it ends when the last process that inherited the
    descriptor has closed it or died.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline_seconds = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline_seconds:
                os.close(descriptor)
                return None
            time.sleep(RETRY_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        else:
            return descriptor
