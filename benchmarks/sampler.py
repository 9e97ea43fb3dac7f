"""Runs `inventory-stream` under a sampling profiler, without touching its code.

    python -m benchmarks.sampler REPORT worker ledger

A timer of the kernel interrupts the main thread after a few ms of CPU that the process used (its own
tick, 4 ms at 250 Hz), and the Python stack is noted at the next call or loop: a line is exact to
within one call. Unlike cProfile, which takes a multiple of the time of small functions, this
costs about 2 % and keeps their proportions; time inside a C function (msgspec, aiokafka's Cython,
uvloop) shows at the Python line that called it. The report is written when the process ends in
order: SIGTERM is enough, status 70 is not.
"""

import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

SAMPLE_SECONDS: Final = 0.001
"""Of CPU between samples, where the kernel's tick is that fine: of 4 s, 1,000 to 4,000 samples."""
SHOWN_MAX: Final = 60
"""Entries per table of the report."""


FRAMES_MAX: Final = 120
FRAMEWORK_SHARE: Final = 0.9
"""Functions with more than this under them are the frame around the program, and tell nothing."""


class Sampler:
    """Counts where the main thread was: by line, by function, and by function with all it called."""

    def __init__(self) -> None:
        self.samples = 0
        self.cpu_seconds = 0.0
        self._lines: Counter[tuple[str, int, str]] = Counter()
        self._functions: Counter[tuple[str, str]] = Counter()
        self._inclusive: Counter[tuple[str, str]] = Counter()

    def start(self) -> None:
        """Begin to sample."""
        self.cpu_seconds = -time.process_time()
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)

    def stop(self) -> None:
        """Sample no more."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.cpu_seconds += time.process_time()

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self.samples += 1
        code = frame.f_code
        self._lines[(code.co_filename, frame.f_lineno, code.co_qualname)] += 1
        self._functions[(code.co_filename, code.co_qualname)] += 1
        seen = set()
        walked: FrameType | None = frame
        while walked is not None:
            code = walked.f_code
            seen.add((code.co_filename, code.co_qualname))
            walked = walked.f_back
        self._inclusive.update(seen)

    def report(self) -> str:
        """Say where the time went, in percent of all samples."""
        parts = [f"{self.samples} samples of {self.cpu_seconds:.2f} s of CPU"]
        parts += ["", "own time by function"]
        parts += [
            f"{self._share(hits)}  {_short(path)}:{name}"
            for (path, name), hits in self._functions.most_common(SHOWN_MAX)
        ]
        parts += ["", "time by function with all that it called"]
        parts += [
            f"{self._share(hits)}  {_short(path)}:{name}"
            for (path, name), hits in self._inclusive.most_common(FRAMES_MAX)
            if hits < FRAMEWORK_SHARE * self.samples
        ]
        parts += ["", "own time by line"]
        parts += [
            f"{self._share(hits)}  {_short(path)}:{line} {name}"
            for (path, line, name), hits in self._lines.most_common(SHOWN_MAX)
        ]
        return "\n".join([*parts, ""])

    def _share(self, hits: int) -> str:
        return f"{hits * 100 / max(1, self.samples):6.2f} %"


def _short(path: str) -> str:
    """Leave out where this machine keeps the file."""
    return "/".join(Path(path).parts[-3:])


def main(report_path: str, arguments: list[str]) -> None:
    """Run the command line of the product with these arguments."""
    from inventory_stream.cli import main as run_product  # noqa: PLC0415  # its imports are not profiled

    sys.argv = ["inventory-stream", *arguments]
    sampler = Sampler()
    sampler.start()
    try:
        run_product()
    finally:
        sampler.stop()
        Path(report_path).write_text(sampler.report())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
