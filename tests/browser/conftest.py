"""Chromium, and a cluster with a gateway that serves the page."""

import logging
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.e2e.conftest import cluster, kafka_server

__all__ = ["cluster", "kafka_server"]

# What a browser without a display, a sandbox's rights and the need to call home is started with.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(autouse=True)
def quiet_loop(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the event loop from telling of slow steps while a browser starts."""
    caplog.set_level(logging.CRITICAL, "asyncio")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Run Chromium; where it is missing fail in CI, and skip elsewhere."""
    path = shutil.which("chromium")
    if path is None:
        message = "chromium is not on the path: the pages are tried in a real browser (apt install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    async with async_playwright() as tool:
        one = await tool.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield one
        await one.close()


@pytest.fixture
def screenshots() -> Path | None:
    """Say where to keep pictures of the page; None: nowhere. `make screenshots` names the docs' folder."""
    folder = os.environ.get("SCREENSHOTS")
    return Path(folder) if folder else None
