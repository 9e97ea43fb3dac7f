"""Refusals as RFC 9457 problem details: one catalogue, source of docs and OpenAPI."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

PROBLEM_BASE: Final = "/problems/"
"""What begins the `type` of a problem: its page here. The slug after it is part of the contract."""


class Kind(NamedTuple):
    """One kind of problem: its status, and a title that never changes."""

    status: int
    title: str


KINDS: Final[dict[str, Kind]] = {
    # What any endpoint may answer.
    "malformed": Kind(400, "The request is not what this endpoint reads"),
    "not-authenticated": Kind(401, "No valid key or token came with the request"),
    "not-allowed": Kind(403, "The key or token does not allow this"),
    "not-found": Kind(404, "There is nothing at this address"),
    "method-not-allowed": Kind(405, "The address does not take this method"),
    "not-acceptable": Kind(406, "None of the asked media types can be given"),
    "too-slow": Kind(408, "The request took too long to arrive"),
    "too-large": Kind(413, "The request is larger than allowed"),
    "media-type": Kind(415, "The body is not of the media type that the endpoint reads"),
    "invalid": Kind(422, "The request can be read but asks for what cannot be"),
    "too-many-requests": Kind(429, "More requests than the caller may make"),
    "not-answered": Kind(503, "The ledger did not answer in time; the same request may be sent again"),
    "not-ready": Kind(503, "The gateway cannot answer this now"),
    "failed": Kind(500, "The gateway failed"),
    # What came of a decision.
    "sold-out": Kind(409, "There are not enough units"),
    "all-reserved": Kind(409, "All units are held by others; some may become free"),
    "no-single-location": Kind(409, "No single location has all the units"),
    "limit-reached": Kind(409, "The customer may not have that many"),
    "sale-not-open": Kind(409, "The sale has not started"),
    "sale-closed": Kind(409, "The sale is over"),
    "expired": Kind(409, "The reservation is over and the units are gone: refund the payment"),
    "not-live": Kind(409, "The reservation has nothing left that this could act on"),
    "conflict": Kind(409, "The state of things does not allow it"),
    "key-reused": Kind(422, "The Idempotency-Key was used for another request"),
    "id-reused": Kind(422, "The id was used for something else"),
    "waiting-room": Kind(403, "The sale has a waiting room, and the request carries no admission of it"),
}
"""Every kind of problem by its slug."""


class Problem(Exception):  # noqa: N818  # the word of the RFC
    """A refusal with a kind of the catalogue, a sentence with the way out, and members of its own.

    `members` become fields of the JSON beside `type`, `title`, `status` and `detail`.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        *,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.slug = slug
        self.kind = KINDS[slug]
        self.detail = detail
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Give the JSON document."""
        return {
            "type": PROBLEM_BASE + self.slug,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            **self.members,
        }
