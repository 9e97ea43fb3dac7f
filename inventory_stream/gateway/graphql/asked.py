"""A question and where its answers come from, for the fields of all resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
import strawberry

from inventory_stream.gateway.endpoint import Call, Handler
from inventory_stream.gateway.problems import Problem
from inventory_stream.ports.shelf import Shelf

FIRST_MAX: Final = 100
"""Most entries of a list."""

First = Annotated[int, strawberry.argument(description=f"at most {FIRST_MAX}")]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where answers come from: the shelf, and the REST reads of stores and sales."""

    shelf: Shelf
    nearest: Handler
    sales: Handler
    sale: Handler


@dataclass(frozen=True, slots=True)
class Asked:
    """The context of one question."""

    sources: Sources
    call: Call


Info = strawberry.Info[Asked, None]

Lookup = TypeVar("Lookup", bound=Callable[..., Any])


def looked_up(*, description: str) -> Callable[[Lookup], Lookup]:
    """Make a field of a method, `strawberry.field` with the types that it does not give."""
    return cast("Callable[[Lookup], Lookup]", strawberry.field(description=description))


async def read(
    info: Info, handle: Handler, *, query: object = None, path: Mapping[str, str] | None = None
) -> object:
    """Ask a REST read, as who asked the question.

    Raises:
        Problem: what the read refuses.
    """
    asked = info.context.call
    reply = await handle(Call(asked.caller, path or {}, query, None, {}))
    return reply.body


def converted(words: dict[str, Any], kind: type[msgspec.Struct]) -> msgspec.Struct:
    """Make the query of a REST read from words.

    Raises:
        Problem: invalid.
    """
    try:
        return msgspec.convert(words, kind)
    except msgspec.ValidationError as error:
        raise Problem("invalid", str(error)) from error


def bounded(first: int) -> int:
    """Give how many entries are asked for.

    Raises:
        Problem: invalid.
    """
    if not 1 <= first <= FIRST_MAX:
        raise Problem("invalid", f"first must be 1 to {FIRST_MAX}")
    return first
