"""The bytes of requests: made for each one, as every write has a key of its own."""

import random
from collections.abc import Callable
from typing import Final

from benchmarks.gateway.words import Plan, sku_name

SKUS_ASKED: Final = 20
"""Of one read, as the target says."""
LOCATION: Final = "DC1"
TTL_SECONDS: Final = 600
"""Longer than any run: nothing expires while it is measured."""
MADE_BEFOREHAND: Final = 2_000
"""Different texts that a run chooses from; what must differ for each request is put in as it is sent."""

Maker = Callable[[int], bytes]
"""Number of a request -> its bytes."""


def maker(plan: Plan) -> Maker:
    """Give what makes the requests of a plan; the same plan makes the same ones."""
    dice = random.Random(plan.run)
    if plan.kind == "reads":
        return _reads(plan, dice)
    if plan.kind == "batch":
        return _batches(plan, dice)
    return _reservations(plan, dice)


def _reads(plan: Plan, dice: random.Random) -> Maker:
    texts = [
        b"GET /v1/availability?skus=%b HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\n\r\n"
        % (
            ",".join(_sku(plan, number) for number in dice.sample(range(plan.skus), SKUS_ASKED)).encode(),
            plan.key.encode(),
        )
        for _ in range(MADE_BEFOREHAND)
    ]
    return lambda number: texts[number % MADE_BEFOREHAND]


def _reservations(plan: Plan, dice: random.Random) -> Maker:
    head = _head(plan, "/v1/reservations")
    tails = [_tail(_line(plan, dice)) for _ in range(MADE_BEFOREHAND)]
    return lambda number: b"%b%d%b" % (head, number, tails[number % MADE_BEFOREHAND])


def _batches(plan: Plan, dice: random.Random) -> Maker:
    head = _head(plan, "/v1/reservations:batch")
    count = MADE_BEFOREHAND // plan.lines + 1
    tails = [
        _tail('{"reservations":[' + ",".join(_line(plan, dice) for _ in range(plan.lines)) + "]}")
        for _ in range(count)
    ]
    return lambda number: b"%b%d%b" % (head, number, tails[number % count])


def _head(plan: Plan, path: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {plan.key}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {plan.run}-"
    ).encode()


def _tail(body: str) -> bytes:
    return f"\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def _line(plan: Plan, dice: random.Random) -> str:
    return (
        f'{{"sku":"{_sku(plan, dice.randrange(plan.skus))}","units":1,"ttl_seconds":{TTL_SECONDS},'
        f'"location":"{LOCATION}","channel":"web"}}'
    )


def _sku(plan: Plan, number: int) -> str:
    return sku_name(plan.prefix, number)
