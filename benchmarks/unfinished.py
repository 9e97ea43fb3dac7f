"""What is measured so far, on disk after every run: the figures of two hours outlive Ctrl-C and a crash."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.document import Document
from benchmarks.result import Say

SUFFIX: Final = ".partial.json"
"""Git ignores such files, so README and `bench compare` never take one for a whole result."""

Keep = Callable[[Document], None]
"""Told the result so far, as often as there is more of it."""


@contextmanager
def kept_until_done(folder: Path | None, say: Say) -> Iterator[Keep]:
    """Keep what is measured so far in a file that goes away once all went well; without a folder, nothing.

    Whatever else ends the work, Ctrl-C too, leaves the file and says where it is.
    """
    name = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-{os.getpid()}{SUFFIX}"
    path = None if folder is None else folder / name
    try:
        yield lambda document: None if path is None else _replace(path, document)
    except BaseException:
        if path is not None and path.exists():
            say(f"kept, as far as it was measured: {path}; `bench show` prints it")
        raise
    if path is not None:
        path.unlink(missing_ok=True)


def _replace(path: Path, document: Document) -> None:
    """Write a file whole or not at all: who reads it meanwhile, or after a crash, finds a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
