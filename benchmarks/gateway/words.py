"""What the harness tells a generator, and what a generator tells back."""

from typing import Literal

from msgspec import Struct

Kind = Literal["reserve", "batch", "sold-out", "reads"]
"""What is asked: see `requests`."""


class Plan(Struct, frozen=True):
    """One load, for a generator process.

    `rate_per_s` None: closed loop, each connection asks again once it was answered. `run` begins every
    Idempotency-Key, so that no run hears the answers of another. `skus` are named by `prefix`.
    """

    kind: Kind
    run: str
    port: int
    key: str
    rate_per_s: float | None
    connections: int
    warm_up_seconds: float
    seconds: float
    prefix: str
    skus: int
    lines: int
    result_file: str


class Granted(Struct, frozen=True, array_like=True):
    """A reservation that was promised to whoever asked."""

    reservation_id: str
    sku: str
    units: int


class Outcome(Struct, frozen=True):
    """What a generator saw.

    `figures` by name with unit. `statuses` of all requests, warm-up included, by HTTP status ("0": never
    answered). `not_told` counts reservations whose asker does not know what became of them: no answer, or
    a 5xx.
    """

    figures: dict[str, float]
    statuses: dict[str, int]
    granted: list[Granted]
    not_told: int


class LivePlan(Struct, frozen=True):
    """Many readers of one SKU whose count is stated anew once a second."""

    run: str
    port: int
    key: str
    sku: str
    readers: int
    seconds: int
    result_file: str


def sku_name(prefix: str, number: int) -> str:
    """Name a SKU of a scenario."""
    return f"{prefix}-{number:05d}"
