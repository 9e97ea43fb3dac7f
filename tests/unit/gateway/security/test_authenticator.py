"""What was proven is remembered, and forgotten in time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security import authenticator
from inventory_stream.gateway.security.authenticator import Authenticator
from inventory_stream.gateway.security.jwks import FRESH_SECONDS, KeySet
from inventory_stream.gateway.security.jwks_sources import from_file
from inventory_stream.gateway.security.key_file import changing_keys
from inventory_stream.gateway.security.key_ring import KeyRing
from inventory_stream.gateway.security.keys import create_key
from inventory_stream.gateway.security.tokens import TokenReader
from tests.unit.gateway.security.clock import Seconds
from tests.unit.gateway.security.issuer import AUDIENCE, ISSUER, key_set, token

NOW = datetime.now(UTC)


def add_key(file: Path, expires: datetime | None = None) -> str:
    """Put a new key into the file; gives the header that carries it."""
    made = create_key(scopes=(Scope.STOREFRONT,), created=NOW, expires=expires)
    with changing_keys(file) as keys:
        keys[made.stored.id] = made.stored
    return f"Bearer {made.text}"


async def test_a_key_is_remembered_until_it_expires(tmp_path: Path) -> None:
    """To the moment of its end, however often it was used before."""
    header = add_key(tmp_path / "keys", NOW + timedelta(seconds=60))
    clock = Seconds(NOW.timestamp())
    one = Authenticator(KeyRing(tmp_path / "keys"), None, clock)
    assert one.remembered(header) is None
    caller = await one.prove(header)
    clock.now += 59.9
    assert one.remembered(header) == caller
    clock.now += 0.2
    assert one.remembered(header) is None
    with pytest.raises(Problem, match="expired"):
        await one.prove(header)


async def test_a_token_is_proven_anew_once_keys_are_no_longer_fresh(tmp_path: Path) -> None:
    """A token of a year would else outlive the withdrawal of the key that signed it."""
    (tmp_path / "jwks").write_bytes(key_set())
    reader = TokenReader(
        KeySet(from_file(tmp_path / "jwks")), issuer=ISSUER, audience=AUDIENCE, leeway_seconds=5
    )
    clock = Seconds(NOW.timestamp())
    one = Authenticator(None, reader, clock)
    header = f"Bearer {token(exp=int(NOW.timestamp()) + 31_536_000)}"
    await one.prove(header)
    assert one.remembered(header) is None  # reading the first key set was a change of keys
    await one.prove(header)
    clock.now += FRESH_SECONDS - 1
    assert one.remembered(header) is not None
    clock.now += 1
    assert one.remembered(header) is None


async def test_no_more_are_remembered_than_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a bound of two the oldest of three is proven anew; all of them go on."""
    monkeypatch.setattr(authenticator, "REMEMBERED_MAX", 2)
    headers = [add_key(tmp_path / "keys") for _ in range(3)]
    one = Authenticator(KeyRing(tmp_path / "keys"), None)
    for header in headers:
        await one.prove(header)
    assert [one.remembered(header) is not None for header in headers] == [False, True, True]


async def test_without_keys_and_issuer_nothing_opens() -> None:
    """The answer says which settings there are."""
    one = Authenticator(None, None)
    for credential in ("isk_abc_" + "A" * 43, token()):
        with pytest.raises(Problem) as refused:
            await one.prove(f"Bearer {credential}")
        assert refused.value.kind.status == 401
