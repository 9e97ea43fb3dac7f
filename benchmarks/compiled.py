"""The ledger compiled by mypyc (docs/compiled.md), built once for each state of its source.

`python -m benchmarks.compiled` builds it and prints the folder: the packages as their compiled wheel holds
them, for whoever has it first on the path. The work tree itself stays as it is.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from inventory_stream.devservers.cache import made_once
from inventory_stream.devservers.errors import DevServerError

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".run" / "compiled"
PACKAGES: Final = ("inventory_stream", "agents", "models")
PROJECT_FILES: Final = ("setup.py", "pyproject.toml", "README.md", "LICENSE")

BUILD_SECONDS_MAX: Final = 900.0
"""A build takes 75 s of CPU on one core; on a machine that is busy with more, several times that."""
COPY_SECONDS_MAX: Final = 60.0
"""8 MB of files, under a second."""


class CompileError(DevServerError):
    """The build failed; the message carries the end of what it said."""


def why_not_compiled() -> str | None:
    """Name what is missing to compile the ledger, if so."""
    if find_spec("mypyc") is None:
        return "mypy is not installed (the extra `compile`)"
    compiler = str(sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"no C compiler: {compiler} is not on PATH"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "Python.h is not installed (Debian: python3-dev)"
    return None


def compiled_path() -> Path | None:
    """Give a folder with the packages of this source, their ledger compiled; built when it is not there.

    Returns:
        What to put first on the path of a process (`compiled_environment`); None where it cannot be
        compiled, see `why_not_compiled`.

    Raises:
        CompileError: It should compile and does not.
        CacheError: The folder cannot be written, or another process compiles for too long.
    """
    if why_not_compiled() is not None:
        return None
    sources = list(_sources())
    modules_place = FOLDER / f"modules-{_digest(filter(_is_compiled, sources))}"
    # Both names before the build: a file that is edited meanwhile must not find these modules again.
    place = FOLDER / f"packages-{_digest(sources)}"
    modules = made_once(modules_place, "modules", partial(_build, sources), BUILD_SECONDS_MAX)
    return made_once(place, "packages", partial(_assemble, sources, modules), COPY_SECONDS_MAX)


def compiled_environment(place: Path) -> dict[str, str]:
    """Give the variables by which a Python process runs what `compiled_path` gave.

    Without the second one `python -m` would look into the working directory first.
    """
    return {"PYTHONPATH": f"{place}{os.pathsep}{ROOT}", "PYTHONSAFEPATH": "1"}


def _sources() -> Iterator[Path]:
    """List the files of the packages, in the same order everywhere."""
    for name in PACKAGES:
        for path in sorted((ROOT / name).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                yield path


def _is_compiled(path: Path) -> bool:
    """Whether extension modules depend on it, so that a change elsewhere costs no build."""
    return path.is_relative_to(ROOT / "inventory_stream" / "ledger") or path.parent == ROOT / "models"


def _digest(paths: Iterable[Path]) -> str:
    """Name what comes from files by all of them, and by what compiles them."""
    digest = sha256(f"{sys.version} {version('mypy')} {version('msgspec')}".encode())
    for path in (ROOT / "setup.py", *paths):
        digest.update(f"{path.relative_to(ROOT)} {path.stat().st_size} ".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _copy(sources: Iterable[Path], folder: Path) -> None:
    for path in sources:
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _build(sources: Iterable[Path], work: Path) -> Path:
    """Make the wheel from a copy, as a build leaves files in its folder; give its extension modules."""
    source, wheels, unpacked = (work / name for name in ("source", "wheels", "unpacked"))
    _copy((*sources, *(ROOT / name for name in PROJECT_FILES)), source)
    pip = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-deps"]
    command = [*pip, "--no-build-isolation", "--wheel-dir", str(wheels), str(source)]
    try:
        built = subprocess.run(  # noqa: S603  # our own program
            command,
            env=os.environ | {"INVENTORY_STREAM_COMPILE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=BUILD_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired as error:
        raise CompileError(f"the build did not end in {BUILD_SECONDS_MAX:g} s") from error
    if built.returncode != 0:
        raise CompileError(f"the build failed:\n{built.stdout[-4_000:]}")
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked, [name for name in archive.namelist() if name.endswith(".so")])
    return unpacked


def _assemble(sources: Iterable[Path], modules: Path, work: Path) -> Path:
    """Put the packages beside their extension modules, as an installed wheel has them."""
    packages = work / "packages"
    _copy(sources, packages)
    shutil.copytree(modules, packages, dirs_exist_ok=True)
    return packages


def main() -> None:
    """Print the folder, or say what is missing."""
    place = compiled_path()
    if place is None:
        sys.exit(f"cannot compile the ledger: {why_not_compiled()}")
    print(place)


if __name__ == "__main__":
    main()
