"""A request's parts become values of the endpoint's own types, or a refusal that says what is wrong."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from inventory_stream.gateway.problems import Problem
from models.ids import ID_CHARACTERS_MAX, has_control_character

JSON_TYPES: Final = frozenset({"application/json", "text/json"})
_READABLE: Final = ("*/*", "application/*", "application/json", "application/problem+json", "text/json")
_DECODERS: Final[dict[type[Struct], msgspec.json.Decoder[Any]]] = {}


async def body_of(request: web.Request, kind: type[Struct], *, seconds_max: float) -> Struct:
    """Read and decode a JSON body; without one, the type's defaults if it has them all.

    Raises:
        Problem: `too-large`, `too-slow`, `media-type` or `malformed`.
    """
    return decoded(await raw_body_of(request, seconds_max=seconds_max) or b"{}", kind)


async def raw_body_of(request: web.Request, *, seconds_max: float, is_any_type: bool = False) -> bytes:
    """Read a JSON body without looking into it; or one of any media type.

    Raises:
        Problem: `too-large`, `too-slow` or `media-type`.
    """
    raw = await _read(request, seconds_max)
    # What nearly everybody sends needs no parser.
    if raw and not is_any_type and request.headers.get("Content-Type") != "application/json":
        kind = request.content_type
        if kind not in JSON_TYPES and not kind.endswith("+json"):
            raise Problem("media-type", f"send application/json, not {kind[:80]!r}")
    return raw


def decoded(raw: bytes, kind: type[Struct]) -> Struct:
    """Decode JSON strictly: no field that the type does not have, no text that no row could hold.

    Raises:
        Problem: `malformed`, with the place in the JSON.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        body: Struct = decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("malformed", f"the body does not fit: {error}") from error
    # JSON can carry a control character only escaped, DEL, or as C1 in UTF-8: one look spares the rest.
    if b"\\" in raw or b"\x7f" in raw or not raw.isascii():
        _check_texts(body, "$")
    return body


def query_of(request: web.Request, kind: type[Struct] | None) -> Struct | None:
    """Decode the query; each name at most once, and none that the endpoint does not know.

    Raises:
        Problem: `malformed`.
    """
    query = request.query if request.query_string else {}
    words = dict(query)
    if len(words) != len(query):
        raise Problem("malformed", "a name stands twice in the query")
    if kind is None:
        if words:
            raise Problem("malformed", f"the query has {next(iter(words))[:80]!r}; this address takes none")
        return None
    try:
        value = msgspec.convert(words, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("malformed", f"the query does not fit: {error}") from error
    for name in words:
        if getattr(value, name) is None:
            raise Problem("malformed", f"{name} in the query is null: leave it out")
    _check_texts(value, "$")
    return value


def path_of(request: web.Request) -> Mapping[str, str]:
    """Give the words of the address, each one that could be an identifier.

    Raises:
        Problem: `malformed`.
    """
    words = request.match_info
    if not words:
        return words
    for name, word in words.items():
        if not 1 <= len(word) <= ID_CHARACTERS_MAX or not _is_text(word):
            raise Problem(
                "malformed",
                f"{name} in the address must have 1 to {ID_CHARACTERS_MAX} characters, none of control",
            )
    return words


def check_acceptable(request: web.Request) -> None:
    """Refuse a caller that takes no JSON.

    Raises:
        Problem: `not-acceptable`.
    """
    accept = request.headers.get("Accept")
    if accept is None or "*/*" in accept:
        return
    offers = (part.partition(";")[0].strip().lower() for part in accept.split(","))
    if not any(offer in _READABLE for offer in offers):
        raise Problem("not-acceptable", "the answers of this address are application/json")


async def _read(request: web.Request, seconds_max: float) -> bytes:
    if not request.can_read_body:
        return b""
    try:
        if request.content.is_eof():  # all of it came with the head
            return await request.read()
        async with asyncio.timeout(seconds_max):
            return await request.read()
    except TimeoutError as error:
        raise Problem("too-slow", f"the body did not arrive within {seconds_max:g} s") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise Problem("too-large", f"a body may have {request._client_max_size} bytes") from error  # noqa: SLF001  # nowhere public
    except web.RequestPayloadError as error:
        raise Problem("malformed", "the body ended before its announced length") from error


def _is_text(text: str) -> bool:
    if has_control_character(text):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _check_texts(value: object, place: str) -> None:
    if isinstance(value, str):
        if not _is_text(value):
            raise Problem("malformed", f"a control character or half a character at {place}")
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            _check_texts(getattr(value, name), f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            _check_texts(part, f"{place}[{index}]")
    elif isinstance(value, dict):
        for key, part in value.items():
            _check_texts(key, place)
            _check_texts(part, f"{place}.{key}")
