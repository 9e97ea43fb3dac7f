"""`python -m tests.simulation`: replay one seed with its story, or run many; `make sim` calls it."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from models.outcomes import Outcome
from models.rows import (
    ClaimRow,
    PositionRow,
    ProgressRow,
    ReceiptRow,
    ReservationRow,
    decode_row,
)
from tests.simulation.broker import START_MS
from tests.simulation.evidence import LogBatch, StoredRow
from tests.simulation.mutants import MUTANTS
from tests.simulation.runner import run_seed, short_plan
from tests.simulation.world import Run


def main(words: Sequence[str] | None = None) -> int:
    """Run; gives 1 when a promise was broken."""
    asked = _parser().parse_args(words)
    if asked.mutants:
        return _hunt(asked.seeds or 120)
    if asked.seed is not None:
        return _tell(asked.seed, asked.crash)
    return _many(asked.first, asked.seeds or 1_000)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="One partition in virtual time: random commands, owners that die, sleep and wake, lost "
        "requests, wrong clocks; every answer is judged. Equal seeds give equal runs.",
    )
    parser.add_argument("--seed", type=int, help="replay one seed and tell its story")
    parser.add_argument(
        "--crash", type=int, help="with --seed: its short run, killed at this step, counted from 0"
    )
    parser.add_argument(
        "--seeds", type=int, help="how many to run (1000); with --mutants: tries for each (120)"
    )
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument(
        "--mutants", action="store_true", help="plant each known bug and say how soon it is found"
    )
    return parser


def _many(first: int, count: int) -> int:
    began = time.monotonic()
    failing, met = [], Counter[str]()
    for number, seed in enumerate(range(first, first + count), 1):
        run = run_seed(seed)
        met.update(run.met)
        if run.violations:
            failing.append(seed)
            _say(f"\nseed {seed}: {run.violations[0]}\n  replay: make sim SEED={seed}")
        if number % 100 == 0 or number == count:
            rate = number / (time.monotonic() - began)
            _say(f"{number}/{count} seeds, {len(failing)} failing, {rate:.0f}/s")
    for name, times in sorted(met.items(), key=lambda item: (item[0].startswith("outcome"), -item[1])):
        _say(f"  {times:8} {name}")
    return 1 if failing else 0


def _hunt(tries: int) -> int:
    missed = 0
    for name, mutant in MUTANTS.items():
        found = None
        for seed in range(tries):
            with mutant.planted():
                run = run_seed(seed, plan=mutant.plan_of(seed))
            told = mutant.rules & {violation.rule for violation in run.violations}
            if told:
                found = f"seed {seed}, {', '.join(sorted(told))}"
                break
        missed += found is None
        _say(f"{name:16} {found or 'NOT FOUND':24} {mutant.what}")
    return 1 if missed else 0


def _tell(seed: int, crash: int | None) -> int:
    plan = None if crash is None else short_plan(seed)
    run = run_seed(seed, plan=plan, crash_at=crash, is_told=True)
    _say(run.plan)
    for line in _story(run):
        _say(line)
    for violation in run.violations:
        _say(f"BROKEN {violation.rule}: {violation.where}: {violation.detail}")
    for violation in run.excused:
        _say(f"KNOWN GAP {violation.rule}: {violation.where}: {violation.detail}")
    _say(f"seed {seed}: {run.steps} steps, {len(run.evidence.rows)} rows, {len(run.violations)} violations")
    return 1 if run.violations else 0


def _story(run: Run) -> list[str]:
    """Everything that happened, by time: steps and faults, records that came in, appends that were taken."""
    lines = [(seconds, 1, f"{who:8} {what}") for seconds, who, what in run.notes]
    for source, sent in run.evidence.sent.items():
        for record in sent:
            what = " ".join(str(command or "poison") for command in record.commands) or "poison or marker"
            lines.append((_seconds(record.arrival_ms), 0, f"{source.value}[{record.offset}] {what}"))
    lines += [
        (_seconds(batch.at_ms), 2, f"{batch.by:8} ledger[{batch.base}] {_rows(batch)}")
        for batch in run.evidence.batches
    ]
    return [f"{seconds:11.4f} {text}" for seconds, _, text in sorted(lines, key=lambda line: line[:2])]


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _seconds(ms: int) -> float:
    """Virtual time of a leader's stamp: off by as much as its clock is."""
    return (ms - START_MS) / 1_000


def _rows(batch: LogBatch) -> str:
    return f"({batch.producer_id}, {batch.epoch}) " + "; ".join(_row(row) for row in batch.rows)


def _row(record: StoredRow) -> str:
    key = record.key.decode()
    if record.value is None:
        return f"{key} gone"
    row = decode_row(record.key, record.value)
    told: object = row
    if isinstance(row, ReservationRow):
        told = _reservation(row)
    elif isinstance(row, ReceiptRow):
        told = f"{row.kind} {Outcome(row.outcome).name} repeat {row.repeat}"
    elif isinstance(row, PositionRow):
        told = f"v{row.version} on_hand {row.on_hand} free {row.available_to_promise}"
    elif isinstance(row, ProgressRow):
        told = (
            f"stock {row.stock_next}+{row.stock_done} orders {row.orders_next}+{row.orders_done} "
            f"now {row.now_ms} swept {row.swept_ms}"
        )
    elif isinstance(row, ClaimRow):
        told = f"{'fence' if row.fenced else 'claim'} epoch {row.epoch}"
    return f"{key} {told}"


def _reservation(row: ReservationRow) -> str:
    parts = ("reserved", "allocated", "fulfilled", "released", "expired", "cancelled", "revoked")
    lines = [
        f"{line.location} " + " ".join(f"{name} {n}" for name in parts if (n := getattr(line, name)))
        for line in row.lines
    ]
    answer = row.answers[row.answered] if row.answered >= 0 else None
    said = f"{answer.command_id} {answer.kind} {Outcome(answer.outcome).name}" if answer else "by itself"
    return f"{said} repeat {row.repeat} due {row.deadline_ms} [{', '.join(lines)}]"


if __name__ == "__main__":
    sys.exit(main())
