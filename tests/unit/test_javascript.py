"""The browser module is tested by node's own runner; here it is started with everything else."""

import shutil
import subprocess
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1] / "javascript"
_SECONDS_MAX = 60.0  # 3 s on a quiet machine


def test_the_browser_module_passes_its_own_tests() -> None:
    """What the module asks of a gateway and makes of its answers is as its tests on node say."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on the path: the tests of the browser module need node 20 or newer")
    done = subprocess.run(  # noqa: S603  # node from the path, on our own files
        [node, "--test", *sorted(map(str, _TESTS.glob("*.test.mjs")))],
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
