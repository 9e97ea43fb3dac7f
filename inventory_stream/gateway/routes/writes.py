"""What the endpoints share that have the ledger decide a command about stock or sales."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec import Struct

from inventory_stream.gateway.endpoint import Endpoint, Handler, Scope
from inventory_stream.gateway.words.stock import Decided

_DECIDED: Final = {200: Decided}
_PROBLEMS: Final = ("conflict", "invalid", "key-reused", "not-answered", "not-ready")


class Writes(NamedTuple):
    """What the writing endpoints of one resource have in common."""

    tag: str
    scope: Scope
    method: str = "POST"

    def at(
        self,
        address: str,
        handle: Handler,
        summary: str,
        body: type[Struct] | None,
        *,
        answers: Mapping[int, type[Struct]] = _DECIDED,
        problems: tuple[str, ...] = (),
    ) -> Endpoint:
        """Describe one; `problems` beyond those that all of them have."""
        return Endpoint(
            self.method,
            address,
            handle,
            summary,
            self.tag,
            answers,
            scope=self.scope,
            body=body,
            problems=tuple(sorted((*_PROBLEMS, *problems))),
            is_write=True,
        )
