"""The ledger's own tests on the ledger compiled by mypyc: `python -m tests.compiled` (docs/compiled.md).

They run in a folder of their own, where the compiled packages lie beside the tests; in the work tree Python
would find the source first. Without a C compiler it says so and is content.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.compiled import ROOT, compiled_path, why_not_compiled

TESTS: Final = ("tests/unit/ledger", "tests/unit/models")
SEEDS: Final = 200
"""Of the simulation: 8 s, and enough of them that each kind of fault is met."""
FORM: Final = (
    "import inventory_stream.adapters.compiled as one; raise SystemExit(not one.is_ledger_compiled())"
)


def main() -> int:
    """Build, test; gives the exit status of what failed first, 0 when nothing did."""
    place = compiled_path()
    if place is None:
        print(f"skipped: the ledger cannot be compiled here: {why_not_compiled()}")  # noqa: T201
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "packages")
        shutil.copytree(place, folder)
        for name in ("tests", "docs"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copyfile(ROOT / name, folder / name)
        pytest = ["-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-m", "not broker and not redis"]
        for arguments in (
            ("-c", FORM),  # or all of it would try the source a second time
            (*pytest, *TESTS),
            ("-m", "tests.simulation", "--seeds", str(SEEDS)),
        ):
            ended = subprocess.run([sys.executable, *arguments], cwd=folder, check=False)  # noqa: S603  # ours
            if ended.returncode != 0:
                return ended.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
