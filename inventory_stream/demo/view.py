"""How the demo looks while it runs: a live panel on a terminal, plain lines elsewhere.

Both draw from a thread of their own, so that they go on while the script starts a server.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from inventory_stream.demo.board import Board, Shelf, StepState

FRAMES_PER_SECOND: Final = 4.0
"""Enough to see the shelf empty; drawing costs about 3 ms a frame, which the workers need more."""

LINE_SECONDS: Final = 1.0
"""Between plain lines."""

EVENTS_SHOWN: Final = 9

_STYLES: Final = {
    StepState.WAITING: "dim",
    StepState.RUNNING: "bold cyan",
    StepState.DONE: "green",
    StepState.FAILED: "bold red",
}
_MARKS: Final = {
    StepState.WAITING: "·",
    StepState.RUNNING: "▶",
    StepState.DONE: "✓",
    StepState.FAILED: "✗",
}


@contextmanager
def shown(board: Board, console: Console) -> Iterator[None]:
    """Show a board in the form that suits the console until the block ends."""
    if console.is_terminal and not os.environ.get("CI"):
        with Live(
            get_renderable=lambda: drawn(board),
            console=console,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
        ):
            yield
        for line in event_lines(board, 0):  # the panel is gone: what happened stays to be read
            _print(console, line)
        return
    stop = threading.Event()
    lines = threading.Thread(target=_print_lines, args=(board, console, stop), name="lines", daemon=True)
    lines.start()
    try:
        yield
    finally:
        stop.set()
        lines.join()


def drawn(board: Board) -> RenderableType:
    """Give the panel of a board."""
    parts: list[RenderableType] = [_steps(board), Text(), _figures(board)]
    if board.shelf is not None:
        parts += [Text(), _shelf(board.shelf)]
    if board.workers:
        parts += [Text(), _workers(board)]
    if board.events:
        parts += [Text(), *(Text(line, style="dim") for line in event_lines(board, -EVENTS_SHOWN))]
    return Panel(
        Group(*parts), title="inventory-stream demo", subtitle="Ctrl-C stops everything", padding=(0, 1)
    )


def status_line(board: Board) -> str:
    """Give the board in one line."""
    step = board.running
    parts = [f"[{board.seconds:5.1f} s]"]
    if step is not None:
        parts.append(f"{step.name}: {step.detail}" if step.detail else f"{step.name} ...")
    if board.sent:
        parts.append(
            f"| sent {board.sent:,}, decided {board.answered:,} ({board.per_second:,}/s), "
            f"behind {max(0, board.sent - board.answered):,}"
        )
    if board.shelf is not None:
        shelf = board.shelf
        parts.append(
            f"| sale SKU: {shelf.available_units:,} free, {shelf.reserved_units:,} on hold, "
            f"{shelf.sold_units:,} sold"
        )
    if any(not worker.is_up for worker in board.workers):
        parts.append("| " + ", ".join(f"{w.name} {w.state}" for w in board.workers if not w.is_up))
    return " ".join(parts)


def event_lines(board: Board, first: int) -> list[str]:
    """Give the events from an index on, as lines."""
    return [f"[{seconds:5.1f} s] * {text}" for seconds, text in board.events[first:]]


def _steps(board: Board) -> Table:
    table = Table.grid(padding=(0, 1))
    for step in board.steps:
        style = _STYLES[step.state]
        table.add_row(Text(_MARKS[step.state], style), Text(step.name, style), Text(step.detail))
    return table


def _figures(board: Board) -> Text:
    behind = max(0, board.sent - board.answered)
    return Text.assemble(
        ("commands sent ", "dim"),
        f"{board.sent:>9,}",
        ("   decided ", "dim"),
        f"{board.answered:>9,}",
        ("   per second ", "dim"),
        (f"{board.per_second:>7,}", "bold"),
        ("   behind ", "dim"),
        f"{behind:>7,}",
        ("   time ", "dim"),
        f"{board.seconds:5.1f} s",
    )


def _shelf(shelf: Shelf) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        Text("sale SKU", "bold"),
        ProgressBar(total=max(1, shelf.stock_units), completed=shelf.available_units, width=40),
        Text(f"{shelf.available_units:,} of {shelf.stock_units:,} free", "bold"),
        Text(f"{shelf.reserved_units:,} on hold, {shelf.sold_units:,} sold", "dim"),
    )
    return grid


def _workers(board: Board) -> Table:
    table = Table.grid(padding=(0, 2))
    for worker in board.workers:
        style = "green" if worker.is_up else "bold red"
        pid = "" if worker.pid is None else f"pid {worker.pid}"
        table.add_row(Text(worker.name), Text(pid, "dim"), Text(worker.state, style))
    return table


def _print_lines(board: Board, console: Console, stop: threading.Event) -> None:
    shown_events = 0
    last = ""
    while True:
        is_over = stop.wait(LINE_SECONDS)
        for line in event_lines(board, shown_events):
            _print(console, line)
            shown_events += 1
        line = status_line(board)
        # Only the time has changed: one such line in ten seconds says enough.
        changed = line.partition("]")[2] != last
        if not is_over and (changed or int(board.seconds) % 10 == 0):
            _print(console, line)
            last = line.partition("]")[2]
        if is_over:
            return


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
