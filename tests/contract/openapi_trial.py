"""Requests of every kind, made up by schemathesis from the OpenAPI document.

    python -m tests.contract.openapi_trial --examples 50
    python -m tests.contract.openapi_trial --url https://gateway:8443 --key-file key --examples 50

Without `--url` against the whole surface over the ledger in memory; with it against a gateway that runs.
Streams are left out, as they do not end.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.contract.fake_gateway import CREDENTIALS, FakeGateway, serving

STREAMS: Final = r"^/v1/live|/tickets/.*/events$"
"""Paths that are left out."""
ROOT: Final = Path(__file__).resolve().parents[2]
HOOKS: Final = "tests.contract.schemathesis_hooks"
CONFIG: Final = Path(__file__).resolve().with_name("schemathesis.toml")


async def trial(url: str, credentials: str, examples: int, *more: str) -> tuple[int, str]:
    """Run it; gives the exit status (0: nothing found) and the report."""
    with TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file",
            str(CONFIG),
            "run",
            f"{url}/openapi.json",
            "--header",
            f"Authorization: {credentials}",
            "--max-examples",
            str(examples),
            "--phases",
            "examples,coverage,fuzzing,stateful",
            "--exclude-path-regex",
            STREAMS,
            "--no-color",
            *more,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT)},
            cwd=folder,  # it leaves what it needs to try a request again
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
    return process.returncode or 0, output.decode()


async def _run(url: str | None, credentials: str, examples: int) -> int:
    if url is not None:
        status, report = await trial(url, credentials, examples)
    else:
        async with serving(FakeGateway()) as own:
            status, report = await trial(own, CREDENTIALS, examples)
    print(report)  # noqa: T201  # it is what was asked for
    return status


def main() -> int:
    """Run by the arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url")
    parser.add_argument("--key-file", type=Path, help="holds an API key with all scopes")
    parser.add_argument("--examples", type=int, default=50, help="of each operation")
    arguments = parser.parse_args()
    credentials = f"Bearer {arguments.key_file.read_text().strip()}" if arguments.key_file else ""
    return asyncio.run(_run(arguments.url, credentials, arguments.examples))


if __name__ == "__main__":
    sys.exit(main())
