import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.contract.fake_gateway import CREDENTIALS, FakeGateway, serving
from tests.contract.openapi_trial import trial

EXAMPLES = 4
"""Of each operation, beside some 60 that cover each limit of its schema: 4,500 requests, half a minute."""
SECONDS_MAX = 240
ROOT = Path(__file__).resolve().parents[2]
SPECTRAL = ROOT / ".run/node/node_modules/.bin/spectral"


@pytest.mark.slow
async def test_no_request_gets_an_answer_that_is_not_documented() -> None:
    """Whatever schemathesis makes up: no 5xx but 503, no status, type or body that the document lacks.

    What the document forbids is refused, and so is who shows no key.
    """
    async with asyncio.timeout(SECONDS_MAX), serving(FakeGateway()) as url:
        status, report = await trial(url, CREDENTIALS, EXAMPLES, "--generation-deterministic")
    assert status == 0, report[-6_000:]


def test_the_document_is_one_that_other_tools_read() -> None:
    """Spectral, with the rules of docs/http/spectral.yaml, has nothing to say against the document."""
    if not SPECTRAL.exists():
        pytest.skip("spectral is not here: npm install --prefix .run/node @stoplight/spectral-cli@6.16.3")
    command = [str(SPECTRAL), "lint", "--ruleset", "docs/http/spectral.yaml", "--fail-severity", "warn"]
    linted = subprocess.run(  # noqa: S603  # our own file
        [*command, "docs/http/openapi.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
