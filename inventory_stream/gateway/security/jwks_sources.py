"""Where an issuer's keys come from: its address, or a file."""

import asyncio
from pathlib import Path
from typing import Final

import aiohttp

from inventory_stream.gateway.security.jwks import JWKS_BYTES_MAX, Fetch

FETCH_SECONDS_MAX: Final = 5.0
"""Longest wait for the issuer: requests with a token of a new key wait for it."""

_OK: Final = 200


def from_address(url: str) -> Fetch:
    """Fetch the keys by HTTP: no redirects, bounded in time and size."""

    async def fetch() -> bytes:
        try:
            async with (
                asyncio.timeout(FETCH_SECONDS_MAX),
                aiohttp.ClientSession() as session,
                session.get(url, allow_redirects=False, headers={"Accept": "application/json"}) as answer,
            ):
                if answer.status != _OK:
                    raise ValueError(f"{url} answered {answer.status}")
                return await _read(answer.content)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OSError(f"{url} gave no keys ({type(error).__name__})") from error

    return fetch


def from_file(file: Path) -> Fetch:
    """Read the keys from a file, again as often as an address would be asked."""

    async def fetch() -> bytes:
        def read() -> bytes:
            with file.open("rb") as opened:
                return opened.read(JWKS_BYTES_MAX + 1)

        return await asyncio.to_thread(read)

    return fetch


async def _read(content: aiohttp.StreamReader) -> bytes:
    """Read until the end, or until it is more than any key set; the caller refuses that."""
    read = bytearray()
    async for chunk in content.iter_chunked(JWKS_BYTES_MAX):
        read += chunk
        if len(read) > JWKS_BYTES_MAX:
            break
    return bytes(read)
