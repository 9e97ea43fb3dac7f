"""`python -m tests.fuzz`: bad input in any number, and what became of it (`make fuzz`)."""

import argparse
import sys
import time
from collections import Counter

from tests.fuzz.trial import Told, fire


def main() -> int:
    """Fire, then print inputs by kind and end, as the table of docs/bad-input.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many commands and records")
    parser.add_argument("--seed", type=int, default=1, help="where to begin; the same seed is the same input")
    asked = parser.parse_args()
    began = time.monotonic()
    told: Told = Counter()
    inputs = 0
    for trial in fire(asked.inputs, asked.seed):
        inputs += trial.inputs
        told += trial.told
        sys.stderr.write(f"\r{inputs} inputs")
    seconds = time.monotonic() - began
    sys.stderr.write("\n")
    sys.stdout.write(f"{inputs} inputs of seed {asked.seed} in {seconds:.0f} s; each had one end:\n\n")
    sys.stdout.write("| Input | Inputs | Ended as |\n|---|---:|---|\n")
    kinds = Counter[str]()
    for (kind, _), times in told.items():
        kinds[kind] += times
    for kind, times in sorted(kinds.items()):
        ends = sorted(((many, how) for (of, how), many in told.items() if of == kind), reverse=True)
        said = ", ".join(f"{how} {many}" for many, how in ends)
        sys.stdout.write(f"| {kind} | {times} | {said} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
