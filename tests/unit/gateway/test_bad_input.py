"""What no client should send, to every address of the API: a documented refusal; the ledger hears nothing.

`make schemathesis` makes up requests from the document; these are those that a document does not think of.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from inventory_stream.gateway.app import Limits
from inventory_stream.gateway.graphql.words import GraphqlBody
from inventory_stream.gateway.idempotency import KEY_HEADER
from inventory_stream.gateway.openapi.examples import EXAMPLES
from inventory_stream.gateway.security.signatures import SIGNATURE_HEADER, sign
from tests.unit.gateway.asker import ENDPOINTS, PATH_WORDS, SECRET, WITH_BODY, Headers, asking

BODIES: Final = {
    "cut off": b'{"sku":"SKU-1',
    "nothing but white space": b" \n",
    "null": b"null",
    "a list": b"[]",
    "a number": b"7",
    "two values": b"{} {}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"sku":"A"}'.encode("utf-16"),
    "not UTF-8 in a name": b'{"\xff":1}',
    "not UTF-8 in a text": b'{"sku":"\xff\xfe","id":"\xff","query":"\xff"}',
    "half a character": b'{"sku":"\\ud800","id":"\\ud800","query":"\\ud800","order_id":"\\ud800"}',
    "NaN": b'{"units":NaN}',
    "a comment": b"{}//",
    "lists 100,000 deep": b"[" * 100_000,
    "objects 100,000 deep": b'{"a":' * 100_000,
    "deep in an unknown field": b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "an unknown field": b'{"units_of_measure":"kg"}',
    "100,000 unknown fields": json.dumps({f"f{n}": n for n in range(60_000)}).encode(),
}
"""No endpoint has a body that reads so. A document whose every field may be left out takes `{}`."""


@pytest.mark.parametrize("raw", BODIES.values(), ids=BODIES.keys())
async def test_body_that_is_no_document_of_the_endpoint_is_malformed(raw: bytes) -> None:
    """Whatever stands there instead of the fields asked for, every endpoint with a body says 400."""
    async with asking() as asker:
        for endpoint in WITH_BODY:
            assert await asker.refused(endpoint, raw) == "malformed", endpoint.path


def spoilt(value: object, wrong: Callable[[object], list[object]]) -> Iterator[Any]:
    """Give copies of a JSON value, each with one leaf or one list made wrong."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from ({**value, name: other} for other in spoilt(part, wrong))
    elif isinstance(value, list):
        yield from ([other, *value[1:]] for other in spoilt(value[0], wrong))
    yield from wrong(value)


def of_another_type(value: object) -> list[object]:
    """Give what cannot stand in a value's place by its type."""
    if isinstance(value, bool):
        return ["true", 1, [], {}]
    if isinstance(value, int | float):
        return ["7", True, [], {}]
    if isinstance(value, str):
        return [True, [], {}, ["a"]]
    return [7, "text", True, {"a": 1} if isinstance(value, list) else []]


def absurd(value: object) -> list[object]:
    """Give numbers, texts and lists beyond every bound."""
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [10**9 + 1, -(10**9) - 1, 2**63, -(2**63) - 1, 10**40, 1e308]
    if isinstance(value, str):
        return ["", "x" * 100_000, "a\0b", "a\x7f", "a\x85b"]
    return [value * 60_000] if isinstance(value, list) else []


FREE_TEXTS: Final = {GraphqlBody}
"""A question's text is judged by GraphQL: its faults are told with status 200, as its own rules have it."""


@pytest.mark.parametrize("wrong", [of_another_type, absurd])
async def test_field_that_cannot_be_is_refused_at_every_endpoint(
    wrong: Callable[[object], list[object]],
) -> None:
    """Each field of each example in turn, at any depth: of another type, or beyond its bounds."""
    tried = 0
    async with asking() as asker:
        for endpoint in WITH_BODY:
            assert endpoint.body is not None
            if endpoint.body in FREE_TEXTS:
                continue
            for body in spoilt(EXAMPLES[endpoint.body], wrong):
                slug = await asker.refused(endpoint, json.dumps(body).encode())
                assert slug in {"malformed", "too-large"}, f"{endpoint.path} {str(body)[:200]}: {slug}"
                tried += 1
    assert tried > 300


@pytest.mark.parametrize("ttl", [-1, 0, 10**6, 10**18, 0.5, 1e400, "600", None])
async def test_ttl_that_no_hold_may_have_is_malformed(ttl: object) -> None:
    """A deadline in the past, after months, of half a second, or for ever is never asked of the ledger."""
    holds = {"/v1/reservations", "/v1/orders", "/v1/reservations/{reservation_id}/extend"}
    async with asking() as asker:
        for endpoint in WITH_BODY:
            if endpoint.path in holds:
                assert endpoint.body is not None
                body = {**EXAMPLES[endpoint.body], "ttl_seconds": ttl}
                assert await asker.refused(endpoint, json.dumps(body).encode()) == "malformed"


async def test_too_much_of_a_body_is_too_large() -> None:
    """A byte above the limit, and a bomb that is small until opened, are 413 wherever a body is read."""
    size = Limits().request_bytes_max + 1
    bomb = gzip.compress(b" " * 4 * size)
    async with asking() as asker:
        for endpoint in WITH_BODY:
            assert await asker.refused(endpoint, b" " * size) == "too-large", endpoint.path
            packed = {"Content-Encoding": "gzip", SIGNATURE_HEADER: sign(b"", SECRET, 0)}
            assert await asker.refused(endpoint, bomb, headers=packed) == "too-large", endpoint.path


HEADERS: Final[dict[str, tuple[Headers, str]]] = {
    "no JSON wanted": ({"Accept": "image/png"}, "not-acceptable"),
    "a key that is not known": ({"Authorization": "Bearer inv_forged"}, "not-authenticated"),
    "a token that nobody signed": (
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."},
        "not-authenticated",
    ),
    "another scheme": ({"Authorization": "Basic YTpi"}, "not-authenticated"),
}


@pytest.mark.parametrize(("headers", "slug"), HEADERS.values(), ids=HEADERS.keys())
async def test_header_that_lets_nobody_in_is_refused_everywhere(headers: Headers, slug: str) -> None:
    """A forged credential opens no endpoint that needs one, and no other media type is promised."""
    async with asking() as asker:
        for endpoint in ENDPOINTS:
            if slug != "not-authenticated" or endpoint.scope is not None:
                assert await asker.refused(endpoint, headers=headers) == slug, endpoint.path


@pytest.mark.parametrize("key", [None, "", " ", "a b", "\u00e9", "x" * 256, "x" * 8_000])
async def test_write_without_a_usable_key_is_malformed(key: str | None) -> None:
    """No Idempotency-Key, or one that is empty, too long or not ASCII: no write is begun."""
    async with asking() as asker:
        for endpoint in ENDPOINTS:
            if endpoint.is_write:
                assert await asker.refused(endpoint, headers={KEY_HEADER: key}) == "malformed"


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "json"])
async def test_body_of_another_media_type_is_refused(kind: str) -> None:
    """What says that it is no JSON is not read as JSON."""
    async with asking() as asker:
        for endpoint in WITH_BODY:
            assert await asker.refused(endpoint, headers={"Content-Type": kind}) == "media-type"


@pytest.mark.parametrize("query", ["limit=%00", "a=1&a=1", "unknown=1", "%ff=%ff"])
async def test_query_that_the_endpoint_does_not_know_is_refused(query: str) -> None:
    """A name twice, one that is not known, or no text."""
    async with asking() as asker:
        for endpoint in ENDPOINTS:
            assert await asker.refused(endpoint, query=query) == "malformed", endpoint.path


@pytest.mark.parametrize("word", ["%00", "%7F", "%C2%85", "x" * 129, "%F0%9F%98%80" * 129])
async def test_word_of_an_address_that_no_id_could_be_is_refused(word: str) -> None:
    """Control characters and more than 128 characters, in each place of each address."""
    async with asking() as asker:
        for endpoint in ENDPOINTS:
            for name in PATH_WORDS:
                if f"{{{name}}}" in endpoint.path:
                    path = endpoint.path.format_map({**PATH_WORDS, name: word})
                    assert await asker.refused(endpoint, path=path) == "malformed", endpoint.path


async def test_bytes_in_an_address_that_are_no_text_name_nothing() -> None:
    """%FF is no UTF-8: such a word is refused or names nothing, and never ends in a 5xx."""
    async with asking() as asker:
        for endpoint in ENDPOINTS:
            for name in PATH_WORDS:
                if f"{{{name}}}" in endpoint.path and endpoint.path.startswith("/v1/waiting-rooms"):
                    path = endpoint.path.format_map({**PATH_WORDS, name: "%FF%FE"})
                    assert await asker.refused(endpoint, path=path) in {"malformed", "not-found"}


async def test_last_of_a_field_that_stands_twice_counts() -> None:
    """As in every JSON reader, so that no proxy before the gateway understands another request than it."""
    async with asking() as asker:
        (reserve,) = (endpoint for endpoint in WITH_BODY if endpoint.path == "/v1/reservations")
        twice = b'{"sku":"SKU-1","location":"DC-1","units":1,"units":%b}'
        assert await asker.refused(reserve, twice % b"0") == "malformed"
        assert (await asker.granted(reserve, twice % b"2"))["moved_units"] == 2
