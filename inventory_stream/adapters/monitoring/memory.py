"""How much memory this process may use."""

import os
from pathlib import Path
from typing import Final

# Control groups v2, then v1. Inside a container the process sees its own group at the root.
_LIMIT_FILES: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_limit_bytes(files: tuple[Path, ...] = _LIMIT_FILES) -> int:
    """Give the limit of the process's control group, or the machine's memory where that is less."""
    machine_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdigit():  # "max" means none
            return min(int(text), machine_bytes)
    return machine_bytes
