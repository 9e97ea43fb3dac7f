"""A small process that runs one server and ends it when whoever wanted it is gone.

It is run by file name in an isolated interpreter (`python -I -S guardian.py ...`), so it
imports the standard library only and starts in a few hundredths of a second. guarded.py
is the other end.

Why a process of its own: a parent killed with SIGKILL can clean nothing up. The guardian
holds the read end of a pipe whose write end lives in the parent; the kernel closes that
end however the parent dies. Three ways lead to the same end of the server:

1. the pipe reaches end of file (the parent stopped the server, or died);
2. the parent's pidfd becomes readable (it died, but a forked child of it still holds the
   pipe's write end);
3. the guardian itself dies: the kernel then sends the server SIGKILL (PR_SET_PDEATHSIG,
   sound here because the guardian has one thread only).

The guardian is the server's parent, so the process id it signals cannot have been reused:
the id stays taken until the guardian reaps it, and it signals nothing after that.

Orders are single bytes on standard input: K kill, S suspend, C continue. Reports are lines
on standard output: `started <pid>`, `done` after each order, `exited <status>` at the end.
The server writes to the guardian's standard error, which is its log file.
"""

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

STDIN_FD: Final = 0

# prctl option number of Linux: "signal to get when the parent dies".
PR_SET_PDEATHSIG: Final = 1

# Orders in one read; each is one byte, and a parent waits for `done` after each.
ORDERS_READ_BYTES: Final = 64

# Exit status of a guardian that could not start the server at all, as shells use it.
EXIT_STATUS_NOT_STARTED: Final = 127

# Asked to end by these; the handler does nothing, the wake-up socket carries the number.
END_SIGNALS: Final = frozenset({signal.SIGTERM})
# Noticed only: a terminal's Ctrl-C is for the parent, which then ends us in order.
NOTED_SIGNALS: Final = frozenset({signal.SIGCHLD, signal.SIGINT, signal.SIGHUP})


def report(line: str) -> None:
    """Tell the parent, if it is still there to listen."""
    with suppress(BrokenPipeError):
        os.write(1, f"{line}\n".encode())


def die_with_guardian(guardian_pid: int) -> Callable[[], None] | None:
    """Return what the server's process runs before exec, or None where the kernel lacks it."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guardian_pid:  # the guardian died between fork and prctl
            os._exit(EXIT_STATUS_NOT_STARTED)

    return before_exec


def open_parent(parent_pid: int) -> int | None:
    """Return a descriptor readable once the parent is dead; None where the kernel has no pidfd."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(parent_pid)
    except OSError:  # already gone, or not permitted: the pipe still tells
        return None


def catch_signals() -> socket.socket:
    """Turn signals into bytes on the returned socket, so that one select waits for everything."""
    receiver, sender = socket.socketpair()
    receiver.settimeout(0.0)
    sender.settimeout(0.0)
    signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)
    for number in END_SIGNALS | NOTED_SIGNALS:
        # A Python handler, not SIG_IGN: ignored signals would stay ignored in the server.
        signal.signal(number, lambda _number, _frame: None)
    # A mask inherited from the parent would be the server's too.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return receiver


class Guard:
    """One server, from its start to its reaping."""

    def __init__(self, parent_pid: int, grace_seconds: float, command: list[str]) -> None:
        self.grace_seconds = grace_seconds
        self.signals = catch_signals()
        self.selector = selectors.DefaultSelector()
        self.selector.register(STDIN_FD, selectors.EVENT_READ)
        self.selector.register(self.signals, selectors.EVENT_READ)
        self.parent_fd = open_parent(parent_pid)
        if self.parent_fd is not None:
            self.selector.register(self.parent_fd, selectors.EVENT_READ)
        # Once set, the server has been asked to end and has until then.
        self.kill_at_seconds: float | None = None
        self.server = subprocess.Popen(  # noqa: S603 - the parent, our own program, chose the command
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            process_group=0,
            preexec_fn=die_with_guardian(os.getpid()),  # noqa: PLW1509 - one thread only, see above
        )
        report(f"started {self.server.pid}")
        if os.getppid() != parent_pid:  # it died before its pidfd was opened
            self.begin_end()

    def signal_group(self, number: int) -> None:
        """Signal the server and whatever it has started."""
        with suppress(ProcessLookupError, PermissionError):  # every member is already a zombie
            os.killpg(self.server.pid, number)

    def has_exited(self) -> bool:
        """Tell whether the server is dead, leaving it unreaped so that its id stays taken."""
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.server.pid, options) is not None

    def begin_end(self) -> None:
        """Ask the server to end; SIGCONT because a suspended one would not hear it."""
        if self.kill_at_seconds is not None:
            return
        self.signal_group(signal.SIGTERM)
        self.signal_group(signal.SIGCONT)
        self.kill_at_seconds = time.monotonic() + self.grace_seconds
        for descriptor in (STDIN_FD, self.parent_fd):
            if descriptor is not None:  # at end of file both would be readable for ever
                self.selector.unregister(descriptor)

    def obey(self, order: bytes) -> None:
        """Carry out one order and say so."""
        if order == b"K":
            self.signal_group(signal.SIGKILL)
        elif order == b"S":
            self.signal_group(signal.SIGSTOP)
            # Returns when every thread stands still, or at once when the server is dead.
            os.waitid(os.P_PID, self.server.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        elif order == b"C":
            self.signal_group(signal.SIGCONT)
        report("done")

    def wait_once(self) -> None:
        """Sleep until something happens, and act on it."""
        timeout_seconds = None
        if self.kill_at_seconds is not None:
            timeout_seconds = max(0.0, self.kill_at_seconds - time.monotonic())
        ready = {key.fd for key, _events in self.selector.select(timeout_seconds)}
        if self.signals.fileno() in ready:
            with suppress(BlockingIOError):
                if END_SIGNALS & set(self.signals.recv(ORDERS_READ_BYTES)):
                    self.begin_end()
        elif STDIN_FD in ready:
            orders = os.read(STDIN_FD, ORDERS_READ_BYTES)
            for order in orders:
                self.obey(bytes([order]))
            if not orders:
                self.begin_end()
        elif self.parent_fd in ready:
            self.begin_end()
        elif not ready:
            self.signal_group(signal.SIGKILL)
            self.kill_at_seconds = time.monotonic() + self.grace_seconds

    def run(self) -> int:
        """Return the server's exit status: negative is the number of the signal that killed it."""
        while not self.has_exited():
            self.wait_once()
        # Whatever it left in its group must not outlive it; its own id is still taken.
        self.signal_group(signal.SIGKILL)
        return self.server.wait()


def main(arguments: list[str]) -> int:
    """Run `<parent pid> <grace seconds> <command...>` and report its exit."""
    parent_pid, grace_seconds, *command = arguments
    try:
        guard = Guard(int(parent_pid), float(grace_seconds), command)
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error}\n")
        report(f"exited {EXIT_STATUS_NOT_STARTED}")
        return EXIT_STATUS_NOT_STARTED
    status = guard.run()
    report(f"exited {status}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
