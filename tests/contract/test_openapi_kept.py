import asyncio

import pytest

from tests.contract.fake_gateway import CREDENTIALS, FakeGateway, serving
from tests.contract.openapi_trial import trial

EXAMPLES = 4
"""Of each operation, beside some 60 that cover each limit of its schema: 4,500 requests in all, half a minute."""
SECONDS_MAX = 240


@pytest.mark.slow
async def test_no_request_gets_an_answer_that_is_not_documented() -> None:
    """Whatever schemathesis makes up: no 5xx but 503, no status, type or body that the document lacks.

    What the document forbids is refused, and so is who shows no key.
    """
    async with asyncio.timeout(SECONDS_MAX), serving(FakeGateway()) as url:
        status, report = await trial(url, CREDENTIALS, EXAMPLES, "--generation-deterministic")
    assert status == 0, report[-6_000:]
