"""Runs the demo in a folder, shows it, and says how it ended."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import uvloop
from rich.console import Console

from inventory_stream.demo import report
from inventory_stream.demo.board import Board, Step, StepState
from inventory_stream.demo.journey import Journey
from inventory_stream.demo.open_house import invitation, open_page, wait_for_ctrl_c
from inventory_stream.demo.report import Result
from inventory_stream.demo.script import SERVERS, STEPS, Play, Script
from inventory_stream.demo.stage import Stage
from inventory_stream.demo.view import shown
from inventory_stream.devservers import DevServerError
from inventory_stream.devservers.valkey import find_binary
from inventory_stream.errors import InventoryStreamError

EXIT_HELD: Final = 0
EXIT_BROKEN: Final = 1
EXIT_INTERRUPTED: Final = 130
"""What shells say of a program that Ctrl-C ended."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `data_dir` None: a folder that goes when the demo ends. `keep`: leave it running."""

    script: Script
    data_dir: Path | None
    keep: bool


def run_demo(options: Options, console: Console, errors: Console) -> int:
    """Run the demo; nothing that it started is left when it returns.

    Returns:
        0: all held. 1: an invariant is broken, a worker needed a hand, or it could not go on.
        130: interrupted.
    """
    try:
        # Before anything is started: what may be missing, in one line each.
        Journey()
        find_binary()
        with _terminated_like_interrupted(), _folder(options) as folder, Stage(folder) as stage:
            return _run_on(stage, options, console, errors)
    except KeyboardInterrupt:
        _say(errors, "interrupted; everything that was started is stopped")
        return EXIT_INTERRUPTED
    except (InventoryStreamError, DevServerError) as error:
        _say(errors, f"the demo cannot go on: {error}")
    except BaseExceptionGroup as group:
        fault = _first_fault(group)
        if fault is None:
            raise
        _say(errors, f"the demo cannot go on: {fault}")
    return EXIT_BROKEN


def _run_on(stage: Stage, options: Options, console: Console, errors: Console) -> int:
    board = Board(steps=[Step(name) for name in STEPS])
    try:
        with shown(board, console):
            board.begin(SERVERS)
            board.detail("starting; the first time Maven fetches Kafka's jars")
            stage.start_servers()
            board.detail(
                f"Kafka at {stage.settings.kafka.bootstrap_servers}, Valkey at {stage.settings.redis.url}"
            )
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                result = runner.run(Play(options.script, stage, board).run())
    except BaseException:
        board.finish(StepState.FAILED)
        _say(console, "stopping ...")
        raise
    faults = report.broken(result)
    console.print(report.table(result))
    for fault in faults:
        _say(errors, f"BROKEN: {fault}")
    _say(console, _verdict(result, faults, board.seconds))
    if options.keep:
        for line in invitation(stage, result.life.hints):
            _say(console, line)
        open_page(stage, console)
        wait_for_ctrl_c()
        _say(console, "stopping ...")
    else:
        _say(console, "`--keep` leaves it running, with the shop's page to buy the last unit at.")
    return EXIT_BROKEN if faults else EXIT_HELD


def _verdict(result: Result, faults: list[str], seconds: float) -> str:
    if faults:
        return f"Not sound: {len(faults)} findings above. {seconds:.0f} s."
    return (
        f"Not one unit was sold twice: oversold {result.sale_oversold_units}, "
        f"with {result.killed_worker} and {result.sale.killed_gateway} killed in the middle. {seconds:.0f} s."
    )


@contextmanager
def _folder(options: Options) -> Iterator[Path]:
    """Give the folder for everything that the demo writes."""
    if options.data_dir is not None:
        yield options.data_dir
        return
    folder = Path(tempfile.mkdtemp(prefix="inventory-stream-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demo as Ctrl-C does, with everything stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    former = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    # Also where the shell had SIGINT ignored (a background job of a script): else nothing ends us.
    former[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _first_fault(group: BaseExceptionGroup) -> InventoryStreamError | None:
    """Find the fault behind a group of tasks that failed together; None: it is a bug, not a fault."""
    faults = group.subgroup(InventoryStreamError)
    if faults is None or group.subgroup(
        lambda one: not isinstance(one, InventoryStreamError | BaseExceptionGroup)
    ):
        return None
    first: BaseException = faults
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first if isinstance(first, InventoryStreamError) else None


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)
