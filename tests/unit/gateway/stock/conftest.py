"""The shop of these tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.unit.gateway.stock.shop import Shop


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    """Give a running shop."""
    async with Shop().running() as shop:
        yield shop
