"""A GraphQL request and its answer (GraphQL over HTTP, media type application/json)."""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct

QUERY_CHARACTERS_MAX: Final = 8_000
"""Longest question: `TOKENS_MAX` words of ordinary length; reading that takes 2 ms."""


class GraphqlBody(Struct, forbid_unknown_fields=True, rename="camel"):
    """A question with its variables; `operation_name` chooses one of several in it."""

    query: Annotated[str, Meta(min_length=1, max_length=QUERY_CHARACTERS_MAX)]
    variables: dict[str, Any] | None = None
    operation_name: Annotated[str, Meta(max_length=128)] | None = None


class GraphqlAnswer(Struct, omit_defaults=True):
    """What was found, and what was wrong: `data` is null where nothing could be asked."""

    data: dict[str, Any] | None
    errors: list[dict[str, Any]] = []
