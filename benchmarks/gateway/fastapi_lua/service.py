"""Reservations in Redis, decided by a script that Redis runs alone.

    REDIS_URL=redis://... API_KEY=... uvicorn benchmarks.gateway.fastapi_lua.service:app

It takes the same request as the gateway and answers in the same words, as far as it has them. What it does
not keep is told in docs/performance.md.
"""

import asyncio
import hmac
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel, Field
from redis.asyncio import BlockingConnectionPool, Redis
from redis.commands.core import AsyncScript

ANSWERS_KEPT_SECONDS: Final = 86_400
"""How long a repeated Idempotency-Key hears its first answer: a day, as the gateway's notes."""
EXPIRE_EVERY_SECONDS: Final = 1.0
EXPIRED_AT_ONCE_MAX: Final = 1_000
CONNECTIONS_MAX: Final = 64
"""To Redis; a request waits for one."""
_SCRIPTS: Final = Path(__file__).parent


class ReserveBody(BaseModel):
    """What a shopper wants held."""

    sku: str = Field(min_length=1, max_length=128)
    units: int = Field(ge=1, le=1_000_000)
    ttl_seconds: int = Field(600, ge=1, le=86_400)
    location: str = Field(min_length=1, max_length=128)
    channel: str | None = None


class Reservation(BaseModel):
    """What is held, and until when."""

    reservation_id: str
    sku: str
    moved_units: int
    deadline_ms: int
    location: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connect to Redis, and give back what ran out once a second."""
    pool = BlockingConnectionPool.from_url(os.environ["REDIS_URL"], max_connections=CONNECTIONS_MAX)
    redis = Redis(connection_pool=pool)
    app.state.reserve = redis.register_script((_SCRIPTS / "reserve.lua").read_text())
    expire = redis.register_script((_SCRIPTS / "expire.lua").read_text())
    expiring = asyncio.create_task(_expire(expire))
    try:
        yield
    finally:
        expiring.cancel()
        with suppress(asyncio.CancelledError):
            await expiring
        await redis.aclose()
        await pool.disconnect()


async def _expire(expire: AsyncScript) -> None:
    while True:
        await expire(keys=["deadlines"], args=[_now_ms(), EXPIRED_AT_ONCE_MAX])
        await asyncio.sleep(EXPIRE_EVERY_SECONDS)


async def check_key(authorization: Annotated[str, Header()]) -> None:
    """Let in who has the key. A coroutine: FastAPI would run a plain function in a thread."""
    if not hmac.compare_digest(authorization, f"Bearer {os.environ['API_KEY']}"):
        raise HTTPException(401)


app: Final = FastAPI(lifespan=lifespan)


@app.post("/v1/reservations", status_code=201, dependencies=[Depends(check_key)])
async def reserve(
    request: Request, body: ReserveBody, idempotency_key: Annotated[str, Header(max_length=255)]
) -> Reservation:
    """Hold units, or say that there are not enough."""
    new_id = uuid.uuid4().hex
    deadline_ms = _now_ms() + body.ttl_seconds * 1_000
    held = await request.app.state.reserve(
        keys=[f"stock:{body.sku}:{body.location}", f"answer:{idempotency_key}", "deadlines"],
        args=[body.units, new_id, deadline_ms, ANSWERS_KEPT_SECONDS],
    )
    if held is None:
        raise HTTPException(409, "sold-out")
    reservation_id, until_ms = held.decode().split(":")
    return Reservation(
        reservation_id=reservation_id,
        sku=body.sku,
        moved_units=body.units,
        deadline_ms=int(until_ms),
        location=body.location,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
