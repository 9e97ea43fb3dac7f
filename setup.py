"""Builds the package; with INVENTORY_STREAM_COMPILE=1 its ledger is compiled by mypyc (docs/compiled.md).

Everything else about the package stands in pyproject.toml. Both wheels come from the same source and hold
it: the compiled one has extension modules beside the files of the ledger, which Python takes first.
"""

import os
import sys
import tomllib
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).parent
LEDGER = ROOT / "inventory_stream/ledger"
INTERPRETED = {"__init__.py", "plain.py"}
"""`plain.py` reads fields of Structs and little else: Python 3.11 remembers where a field was, compiled code
looks it up by name each time. Compiled, a grant on a hot SKU takes 1.7 us, interpreted 1.4."""
COMPILED = (
    *sorted(path for path in LEDGER.glob("*.py") if path.name not in INTERPRETED),
    ROOT / "models/ids.py",
)
"""What every command passes, and imports no module of ours but each other and the Structs of models/. The
Structs cannot be compiled: mypyc drops the arguments of a class statement and the types of its fields, which
is all that a Struct is made of."""


def extensions() -> list[Extension]:
    """Translate the ledger to C, all modules as one, so that calls between them are calls in C.

    Assertions stay: they are the invariants of the ledger.
    """
    from mypyc.build import mypycify  # noqa: PLC0415  # only a compiled build has it

    paths = [str(path.relative_to(ROOT)) for path in COMPILED]
    # No configuration file: that of the project asks for plugins that a build has no use for.
    return mypycify(["--config-file=", "--strict", *paths], opt_level="3", debug_level="0")


def requirements() -> list[str]:
    """Give what translates: mypy in the version of the checks, and msgspec for the types of the Structs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = (*project["dependencies"], *project["optional-dependencies"]["compile"])
    return [text for text in wanted if text.startswith(("mypy", "msgspec"))]


if os.environ.get("INVENTORY_STREAM_COMPILE") != "1":
    setup()
elif sys.argv[1:] == ["egg_info"]:
    # pip asks what the build needs, before any of it is there.
    setup(setup_requires=requirements())
else:
    setup(ext_modules=extensions())
