"""Signatures are those of the vendors: vectors of channels.md section 4, and what must be refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.adapters.channels.inbound.signing import (
    base64_hmac,
    check_one,
    check_standard,
    shopee_push_signature,
    square_signature,
    standard_signature,
    woocommerce_signature,
)
from inventory_stream.ports.channel import ForgedError

BODY = b'{"inventory_item_id":808950810,"location_id":655441491,"available":6}'
KEY = "test-secret-1"
WHSEC = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
AT_SECONDS = 1_674_087_231
STANDARD = {
    "webhook-id": "msg_1",
    "webhook-timestamp": str(AT_SECONDS),
    "webhook-signature": "v1,0UWTB0cQBH/2jXgHJDEtZOff2LwfMHzEKUSIBKTmuYE=",
}


def test_signatures_equal_the_vectors_of_the_vendors() -> None:
    """Every scheme gives the published bytes for the published body."""
    plain = "c3+xeBZVO6Go8+KvB4Rw3OuAHuSQv6b3dbnyj1SH5gc="
    assert base64_hmac(KEY, BODY) == plain
    assert woocommerce_signature(KEY, BODY) == plain
    assert woocommerce_signature("a&amp;b", BODY) == "tIZ84cbeSSnVtMyiz3ZScQCtpR4703tHl6Bce3ZI33c="
    square = square_signature(KEY, "https://h.example/square", BODY)
    assert square == "KmzqSLB0ZNQd3FfwRYtMxoGcK8X9Ve4FDXy0nXU6jpg="
    shopee = shopee_push_signature(KEY, "https://h.example/shopee", BODY)
    assert shopee == "5b07cfd9fb9625feaa27a3c9c7c1826f841e8d6b17efac44f978c84b426c88fc"
    assert standard_signature(WHSEC, "msg_1", AT_SECONDS, BODY) == STANDARD["webhook-signature"]


def test_one_of_two_secrets_is_enough() -> None:
    """While a secret is renewed, deliveries of the old and the new one are genuine."""
    old, new = base64_hmac("old", BODY), base64_hmac("new", BODY)
    check_one(old, [new, old], "X-Signature")
    check_one(new, [new, old], "X-Signature")


@pytest.mark.parametrize("shown", [None, "", "c3+x", "ümläut", "\ud800", base64_hmac("other", BODY)])
def test_what_is_not_the_signature_is_forged(shown: str | None) -> None:
    """A missing, short, strange or foreign signature is refused, and nothing else is raised."""
    with pytest.raises(ForgedError):
        check_one(shown, [base64_hmac(KEY, BODY)], "X-Signature")


def test_a_standard_webhook_is_genuine_with_any_of_its_signatures_and_any_of_our_secrets() -> None:
    """The list in the header and the secrets here may both hold others."""
    headers = {**STANDARD, "webhook-signature": f"v1a,AAAA {STANDARD['webhook-signature']} v1,BBBB"}
    assert check_standard(headers, BODY, ["whsec_QUFBQQ==", WHSEC], AT_SECONDS * 1_000) == "msg_1"


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_a_standard_webhook_from_another_time_is_refused(seconds: int) -> None:
    """What was overheard cannot be sent again after 5 minutes, nor be from the future."""
    with pytest.raises(ForgedError, match="from now"):
        check_standard(STANDARD, BODY, [WHSEC], (AT_SECONDS + seconds) * 1_000)


@given(
    st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
        st.text(max_size=40) | st.sampled_from(["msg_1", str(AT_SECONDS), "v1,", "v1,ü", "1" * 30, "²"]),
    ),
    st.binary(max_size=40),
)
def test_malformed_headers_are_forged_and_nothing_else(headers: dict[str, str], raw: bytes) -> None:
    """Whatever stands in the three headers, the only refusal is ForgedError."""
    with pytest.raises(ForgedError):
        check_standard(headers, raw, [WHSEC, "not base64!"], AT_SECONDS * 1_000)
