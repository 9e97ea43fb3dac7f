"""Tickets and admissions hold only as they were signed: for one purpose, one sale, by a key that counts."""

import string
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from inventory_stream.gateway.tokens import Purpose, Signed, TokenError, TokenSigner

SIGNED = Signed("abcdefghij0123456-_9", 0, 1_700_000_000_000_001)
OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def signer() -> TokenSigner:
    """Give a signer with one key."""
    return TokenSigner("1", {"1": OLD})


def test_token_says_what_was_signed_and_fits_an_address(signer: TokenSigner) -> None:
    """What goes in comes out, in at most 128 characters that need no escaping."""
    largest = Signed("z" * 20, 999_999, 9_999_999_999_999_999)
    for signed in (SIGNED, largest):
        token = signer.sign(Purpose.TICKET, "drop", signed)
        assert signer.read(Purpose.TICKET, "drop", token) == signed
        assert len(token) <= 128
        assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_no_single_character_may_be_changed(signer: TokenSigner) -> None:
    """Whichever character of a token is changed, it does not hold: nobody writes an earlier place."""
    token = signer.sign(Purpose.ADMISSION, "drop", SIGNED)
    for at, old in enumerate(token):
        for new in ("A", "0", "1", "9", ".", "-", "=", "\n", "é"):
            if new != old:
                with pytest.raises(TokenError):
                    signer.read(Purpose.ADMISSION, "drop", token[:at] + new + token[at + 1 :])


def test_other_text_of_the_same_signature_does_not_hold(signer: TokenSigner) -> None:
    """The last character of base64 has unused bits: a second text of the same bytes is no second token."""
    token = signer.sign(Purpose.TICKET, "drop", SIGNED)
    text, _, mac = token.rpartition(".")
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    twins = [
        mac[:-1] + last
        for last in alphabet
        if last != mac[-1] and urlsafe_b64decode(mac[:-1] + last + "=") == urlsafe_b64decode(mac + "=")
    ]
    assert twins
    for twin in (*twins, urlsafe_b64encode(urlsafe_b64decode(mac + "=")).decode()):
        if twin != mac:
            with pytest.raises(TokenError):
                signer.read(Purpose.TICKET, "drop", f"{text}.{twin}")


@pytest.mark.parametrize(
    "token",
    ["", ".", "....", "1.x.0.1.y", "x" * 10_000, "1" * 128, "\x00", "eyJhbGciOiJub25lIn0.e30.", "🎟" * 30],
)
def test_what_is_no_token_is_refused_as_such(signer: TokenSigner, token: str) -> None:
    """Anything that a client may send is a refusal, never a fault."""
    with pytest.raises(TokenError):
        signer.read(Purpose.TICKET, "drop", token)


def test_token_is_for_its_purpose_and_sale_only(signer: TokenSigner) -> None:
    """A ticket is no admission, and what one sale gave opens no other."""
    ticket = signer.sign(Purpose.TICKET, "drop", SIGNED)
    with pytest.raises(TokenError):
        signer.read(Purpose.ADMISSION, "drop", ticket)
    with pytest.raises(TokenError):
        signer.read(Purpose.TICKET, "drop-2", ticket)


def test_key_before_still_reads_and_no_longer_signs() -> None:
    """A change of the key costs nobody the place; a key that is taken away opens nothing any more."""
    ticket = TokenSigner("1", {"1": OLD}).sign(Purpose.TICKET, "drop", SIGNED)
    rotated = TokenSigner("2", {"2": NEW, "1": OLD})
    assert rotated.read(Purpose.TICKET, "drop", ticket) == SIGNED
    assert rotated.sign(Purpose.TICKET, "drop", SIGNED).startswith("2.")
    for others in (TokenSigner("2", {"2": NEW}), TokenSigner("1", {"1": NEW})):
        with pytest.raises(TokenError):
            others.read(Purpose.TICKET, "drop", ticket)
    with pytest.raises(KeyError):
        TokenSigner("3", {"2": NEW})
    assert "nnn" not in repr(rotated)
