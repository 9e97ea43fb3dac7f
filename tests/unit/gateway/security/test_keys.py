"""API keys: made once, stored as a hash, recognised whole or not at all."""

import hmac
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.security.key_file import (
    KEY_FILE_BYTES_MAX,
    KeyFileError,
    changing_keys,
    read_keys,
)
from inventory_stream.gateway.security.key_ring import LOOK_AGAIN_SECONDS, KeyRing
from inventory_stream.gateway.security.keys import NewKey, create_key, opens, parse_key
from tests.unit.gateway.security.clock import Seconds

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def new_key() -> NewKey:
    """Make a key of a shop."""
    return create_key(scopes=(Scope.STOREFRONT,), created=NOW, channel="web")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a place for a key file."""
    return tmp_path / "keys.jsonl"


def test_a_key_opens_its_own_line_and_no_other() -> None:
    """The secret of one key under the id of another is nothing."""
    first, second = new_key(), new_key()
    one, two = parse_key(first.text), parse_key(second.text)
    assert one is not None
    assert two is not None
    assert opens(first.stored, one)
    assert not opens(second.stored, one)
    assert not opens(first.stored, one._replace(secret=two.secret))


def test_the_secret_is_in_no_line() -> None:
    """Whoever reads the file learns no key."""
    key = new_key()
    assert key.text.split("_", 2)[2] not in repr(key.stored)


def test_equal_secrets_have_unequal_hashes() -> None:
    """Each key has a salt of its own."""
    salts = {new_key().stored.salt for _ in range(50)}
    assert len(salts) == 50


@pytest.mark.parametrize("length", [*range(0, 60, 7), -1])
def test_a_key_cut_short_is_no_key(length: int) -> None:
    """A copy that misses its end, even by one character, opens nothing."""
    assert parse_key(new_key().text[:length]) is None


@pytest.mark.parametrize(
    "text", ["isk__" + "a" * 43, "isk_abc_" + "ä" * 43, "sk_abc_" + "a" * 43, "isk_" * 40]
)
def test_what_has_another_form_is_no_key(text: str) -> None:
    """No id, no ASCII, another mark, too long."""
    assert parse_key(text) is None


def test_secrets_are_compared_in_equal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is the one that does not stop at the first difference."""
    compared: list[int] = []

    def compare(one: str, other: str) -> bool:
        compared.append(len(one))
        return one == other

    key = new_key()
    presented = parse_key(key.text)
    assert presented is not None
    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert opens(key.stored, presented)
    assert compared == [64]


def test_a_key_ends_when_it_expires_or_is_revoked() -> None:
    """To the second of its end it opens; from then on it does not, and says since when."""
    key = create_key(scopes=(Scope.STOCK,), created=NOW, expires=NOW + timedelta(days=1)).stored
    assert key.why_not(NOW + timedelta(hours=23, minutes=59, seconds=59)) is None
    assert "expired" in (key.why_not(NOW + timedelta(days=1)) or "")


def test_what_is_written_is_read_again(file: Path) -> None:
    """The file keeps each key whole, for its owner alone."""
    made = [new_key().stored, new_key().stored]
    for one in made:
        with changing_keys(file) as stored:
            stored[one.id] = one
    assert list(read_keys(file).values()) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o602, 0o644, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused(file: Path, mode: int) -> None:
    """Whoever could add a line would be let in."""
    with changing_keys(file) as stored:
        stored.clear()
    file.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_keys(file)


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"not json",
        b'{"id":"a","salt":"00","hash":"00","scopes":["storefront"],"created":"2026-11-22T09:00:00Z"}',
        b'{"id":"a","salt":"' + b"0" * 32 + b'","hash":"' + b"0" * 64 + b'","scopes":[],'
        b'"created":"2026-11-22T09:00:00Z"}',
        b'{"id":"a","salt":"' + b"0" * 32 + b'","hash":"' + b"0" * 64 + b'","scopes":["root"],'
        b'"created":"2026-11-22T09:00:00Z"}',
        b"\xff\xfe",
    ],
)
def test_a_line_that_is_no_key_is_named(file: Path, line: bytes) -> None:
    """A file with a fault is refused as a whole, by the line's number, and the line is not shown."""
    file.write_bytes(b"\n" + line + b"\n")
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"line 2: not a key"):
        read_keys(file)


def test_two_lines_of_one_id_are_refused(file: Path) -> None:
    """Which of the two would count is nobody's guess."""
    with changing_keys(file) as stored:
        key = new_key().stored
        stored[key.id] = key
    file.write_bytes(file.read_bytes() * 2)
    with pytest.raises(KeyFileError, match="twice"):
        read_keys(file)


def test_a_file_beyond_all_bounds_is_refused(file: Path) -> None:
    """Reading it would hold up every request."""
    file.write_bytes(b"\n" * (KEY_FILE_BYTES_MAX + 1))
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match="larger than"):
        read_keys(file)


def test_a_changed_file_counts_after_the_next_look(file: Path) -> None:
    """A new key is known within the bound, and not looked for on every request."""
    with changing_keys(file):
        pass
    clock = Seconds()
    ring = KeyRing(file, clock)
    key = new_key().stored
    with changing_keys(file) as stored:
        stored[key.id] = key
    ring.refresh()
    assert ring.find(key.id) is None
    clock.now = LOOK_AGAIN_SECONDS
    ring.refresh()
    assert ring.find(key.id) == key
    assert ring.generation == 1


def test_a_broken_or_lost_file_leaves_the_keys_as_they_were(file: Path) -> None:
    """A slip of an editor does not shut the shop out."""
    key = new_key().stored
    with changing_keys(file) as stored:
        stored[key.id] = key
    clock = Seconds()
    ring = KeyRing(file, clock)
    for change in (lambda: file.write_bytes(b"oops"), file.unlink):
        change()
        clock.now += LOOK_AGAIN_SECONDS
        ring.refresh()
        assert ring.find(key.id) == key
    assert ring.generation == 0


def test_a_missing_file_at_the_start_is_an_error_with_its_way_out(file: Path) -> None:
    """A gateway without its keys says so instead of refusing everybody."""
    with pytest.raises(KeyFileError, match="keys create --scope storefront --file"):
        KeyRing(file)
