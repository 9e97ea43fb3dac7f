"""The image without a container engine: the Dockerfile's own lines, run here.

Not tried: the base image itself, its Python and its layers. What is: that the lock installs whole and
by hash, that the installed package has all its files, and that the processes start, are ready and
stop with nothing on the machine writable.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.ports import free_ports
from tests.unit.deploy.dockerfile import environment, of_keyword, stages
from tests.unit.deploy.files import REPOSITORY, STOP_SECONDS

BUILD_SECONDS_MAX: Final = 300.0
"""It takes 20 s with packages in pip's cache, a minute without."""

READY_SECONDS_MAX: Final = 60.0
"""It takes 3 s."""

LOOK_SECONDS: Final = 0.1
"""Between two looks whether a worker is ready."""

# In a mount namespace of its own: every file system of the machine read-only, as the root of a pod is.
READ_ONLY: Final = """
mount --make-rprivate /
for place in / /dev /dev/shm /home /root /run /tmp /var /var/tmp; do
  ! mountpoint -q "$place" || mount -o remount,bind,ro "$place"
done
cd "$SCRATCH"
if (: >"$SCRATCH/file") 2>/dev/null; then echo "still writable" >&2; exit 99; fi
exec "$@"
"""


class Image:
    """The folders that the Dockerfile makes, below one of ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._moved = {place: folder / place.strip("/") for place in ("/opt", "/build", "/scratch")}
        for place in self._moved.values():
            place.mkdir()
        python = folder / "python-bin"
        python.mkdir()
        # The interpreter beneath our own environment, whose packages must not be seen.
        (python / "python").symlink_to(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
        self._path = f"{python}:/usr/bin:/bin"

    def here(self, text: str) -> str:
        """Give a line of the Dockerfile with its folders replaced."""
        for place, moved in self._moved.items():
            text = text.replace(f"{place}/", f"{moved}/").replace(f"={place}", f"={moved}")
        return text

    def build(self) -> None:
        """Do what the build stage does, in its order."""
        stage = stages()[1]
        (workdir,) = of_keyword(stage, "WORKDIR")
        build = self._moved[workdir.rest]
        for instruction in stage:
            if instruction.keyword == "COPY":
                *sources, target = instruction.words
                for source in sources:
                    copy(REPOSITORY / source, build / target)
            elif instruction.keyword == "RUN":
                done = subprocess.run(  # noqa: S603  # our own Dockerfile
                    # What an image must not keep, a machine that tests may: packages once downloaded.
                    ["/bin/sh", "-c", self.here(instruction.rest).replace(" --no-cache-dir", "")],
                    cwd=build,
                    env={
                        "PATH": self._path,
                        "HOME": os.environ.get("HOME", "/"),
                        **package_index_variables(),
                    },
                    capture_output=True,
                    text=True,
                    timeout=BUILD_SECONDS_MAX,
                    check=False,
                )
                assert done.returncode == 0, f"{instruction.rest}\n{done.stdout}\n{done.stderr}"
        shutil.rmtree(build)

    def start(self, arguments: list[str], variables: dict[str, str]) -> subprocess.Popen[str]:
        """Run the entry point on a machine where nothing is writable."""
        final = stages()[-1]
        own = {name: self.here(f"={value}")[1:] for name, value in environment(final).items()}
        own["PATH"] = own["PATH"].replace("$PATH", self._path)
        (entry,) = of_keyword(final, "ENTRYPOINT")
        return subprocess.Popen(  # noqa: S603  # our own program
            ["unshare", "--mount", "/bin/sh", "-ec", READ_ONLY, "sh", *entry.words, *arguments],  # noqa: S607
            env={**own, **variables, "SCRATCH": str(self._moved["/scratch"])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def copy(source: Path, target: Path) -> None:
    """Copy a file into a folder, or a folder with what .dockerignore leaves of it."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copy(source, target / source.name)


def package_index_variables() -> dict[str, str]:
    """Give what tells pip where packages are on this machine, if anything does."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or "proxy" in name.lower()
    }


def run(image: Image, arguments: list[str], variables: dict[str, str]) -> str:
    """Run a command to its end and give what it says."""
    process = image.start(arguments, variables)
    said, _ = process.communicate(timeout=READY_SECONDS_MAX)
    assert process.returncode == 0, said
    return said


def answer(port: int, path: str) -> int:
    """Give the status that a probe would get; 0 for none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=3) as response:
            status: int = response.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait_until_ready(process: subprocess.Popen[str], port: int) -> None:
    """Wait until /ready answers 200; fail with what the process said when it ends before."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while answer(port, "/ready") != 200:
        with_all = process.poll() is not None and process.communicate()[0]
        assert process.returncode is None, with_all
        assert time.monotonic() < deadline, f"not ready within {READY_SECONDS_MAX:g} s"
        time.sleep(LOOK_SECONDS)


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Build it once."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--mount", "true"], check=False).returncode != 0:  # noqa: S603
        pytest.skip("`unshare --mount` is not allowed here, so nothing can be made read-only")
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        built = Image(Path(folder))
        built.build()
        yield built


@pytest.mark.slow
def test_processes_of_the_image_start_and_stop_where_nothing_can_be_written(
    image: Image, kafka_server: KafkaServer, redis_url: str, topic_prefix: str
) -> None:
    """What the Dockerfile installs makes topics; its processes become ready and end on SIGTERM."""
    assert "sold twice" in run(image, ["--help"], {})
    common = {
        "INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS": kafka_server.bootstrap_servers,
        "INVENTORY_STREAM_KAFKA__TOPIC_PREFIX": topic_prefix,
        "INVENTORY_STREAM_REDIS__URL": redis_url,
        "INVENTORY_STREAM_LOGS__FORMAT": "json",
    }
    assert f"created {topic_prefix}ledger" in run(image, ["topics", "create"], common)
    workers = []
    *ports, http_port = free_ports(4)
    commands = (["worker", "ledger"], ["worker", "projection"], ["gateway"])
    for command, port in zip(commands, ports, strict=True):
        variables = {
            **common,
            "INVENTORY_STREAM_MONITORING__PORT": str(port),
            "INVENTORY_STREAM_GATEWAY__PORT": str(http_port),
            "INVENTORY_STREAM_GATEWAY__CUSTOMER_KEY": "the-customers-secret-of-the-tests",
        }
        workers.append((image.start(command, variables), port))
    try:
        for worker, port in workers:
            wait_until_ready(worker, port)
            assert answer(port, "/live") == answer(port, "/metrics") == 200
        # Files that are not Python's, installed with the package.
        assert answer(http_port, "/sdk/inventory-stream.mjs") == answer(http_port, "/docs") == 200
        for worker, _ in workers:
            worker.send_signal(signal.SIGTERM)
        for worker, _ in workers:
            said, _ = worker.communicate(timeout=STOP_SECONDS)
            assert worker.returncode == 0, said
    finally:
        for worker, _ in workers:
            worker.kill()
