"""Webhooks: signed by whom they say, over the bytes that came, lately."""

import hmac

import pytest

from inventory_stream.gateway.security.signatures import (
    TOLERANCE_SECONDS,
    SignatureError,
    check_signature,
    sign,
)

BODY = b'{"event_id":"e1","type":"captured"}'
SECRET, OTHER = b"a" * 32, b"b" * 32
NOW = 1_800_000_000


def test_a_signed_body_passes() -> None:
    """Also while the sender signs with two secrets, or we know two."""
    header = sign(BODY, SECRET, NOW)
    check_signature(header, BODY, [SECRET], NOW)
    check_signature(header, BODY, [OTHER, SECRET], NOW)
    check_signature(f"{header},{sign(BODY, OTHER, NOW).partition(',')[2]}", BODY, [OTHER], NOW)


def test_the_signature_is_hmac_sha256_of_time_and_body() -> None:
    """What a provider in any language computes; the vector is fixed."""
    wanted = hmac.new(SECRET, f"{NOW}.".encode() + BODY, "sha256").hexdigest()
    assert sign(BODY, SECRET, NOW) == f"t={NOW},v1={wanted}"


@pytest.mark.parametrize("seconds", [-TOLERANCE_SECONDS, TOLERANCE_SECONDS])
def test_the_tolerance_is_part_of_it(seconds: int) -> None:
    """Exactly five minutes off, either way, still passes; a second more does not."""
    header = sign(BODY, SECRET, NOW)
    check_signature(header, BODY, [SECRET], NOW + seconds)
    with pytest.raises(SignatureError, match="300"):
        check_signature(header, BODY, [SECRET], NOW + seconds + (1 if seconds > 0 else -1))


def test_a_copied_signature_is_bound_to_body_and_time() -> None:
    """Another body, another time, another secret, none at all: nothing of it passes."""
    time_part, signature = sign(BODY, SECRET, NOW).split(",")
    later = f"t={NOW + 1_000}"
    for header, body, secrets in (
        (f"{time_part},{signature}", BODY + b" ", [SECRET]),
        (f"{later},{signature}", BODY, [SECRET]),
        (f"{time_part},{signature}", BODY, [OTHER]),
        (f"{time_part},{signature}", BODY, []),
        (
            f"{time_part},{signature[:-1]}0" if signature[-1] != "0" else f"{time_part},{signature[:-1]}1",
            BODY,
            [SECRET],
        ),
    ):
        with pytest.raises(SignatureError, match="no signature fits"):
            check_signature(header, body, secrets, NOW)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "v1=" + "0" * 64,
        f"t={NOW}",
        f"t={NOW},v1=00",
        f"t={NOW},v0=" + "0" * 64,
        "t=x,v1=" + "0" * 64,
        "t=-1,v1=" + "0" * 64,
        "t=²,v1=" + "0" * 64,
        "t=" + "9" * 30 + ",v1=" + "0" * 64,
        f"t={NOW},v1=" + "é" * 64,
        "," * 500,
        "t=1," + ",".join("v1=" + "0" * 64 for _ in range(100)),
    ],
)
def test_a_header_of_another_form_is_refused(header: str | None) -> None:
    """Missing, cut, another version, absurd times, megabytes: each is one refusal."""
    with pytest.raises(SignatureError):
        check_signature(header, BODY, [SECRET], NOW)


def test_signatures_are_compared_in_equal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret is held against every signature, whichever fits first."""
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    header = sign(BODY, SECRET, NOW)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    check_signature(header, BODY, [SECRET, OTHER], NOW)
    assert len(compared) == 2
