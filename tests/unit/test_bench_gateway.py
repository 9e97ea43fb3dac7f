"""The gateway's benchmark: its check finds planted faults, its client reads answers however they come."""

import asyncio
import base64
import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b

import pytest

from benchmarks.gateway.checking import check
from benchmarks.gateway.driving import LAG_MS_MAX, lateness_faults
from benchmarks.gateway.generator import Generator, _granted
from benchmarks.gateway.line import Line
from benchmarks.gateway.requests import maker
from benchmarks.gateway.scenarios import MEASURED_SECONDS
from benchmarks.gateway.words import Granted, Outcome, Plan
from inventory_stream.gateway.idempotency import command_id_of

STOCK = {"a": 5, "b": 1}
LEDGER = {"r1": ("a", 2), "r2": ("a", 3), "r3": ("b", 1), "r4": ("b", 0)}
TOLD = [Granted("r1", "a", 2), Granted("r2", "a", 3), Granted("r3", "b", 1)]


def plan(**changed: object) -> Plan:
    """Make a plan of reservations."""
    fields: dict[str, object] = {
        "kind": "reserve",
        "run": "run",
        "port": 1,
        "key": "isk_key",
        "rate_per_s": None,
        "connections": 1,
        "warm_up_seconds": 0.0,
        "seconds": 1.0,
        "prefix": "S",
        "skus": 40,
        "lines": 1,
        "result_file": "none",
    }
    return Plan(**(fields | changed))  # type: ignore[arg-type]  # of the right types


def test_what_was_told_and_written_has_no_faults() -> None:
    """A ledger that agrees with what was told must pass, with nothing oversold."""
    checked = check(Outcome({}, {}, TOLD, 0), LEDGER, STOCK)
    assert checked.faults == []
    assert checked.oversold_units == 0


@pytest.mark.parametrize(
    ("told", "ledger", "fault"),
    [
        ([*TOLD, TOLD[0]], LEDGER, "promised twice"),
        ([*TOLD, Granted("r9", "a", 1)], LEDGER, "are not in the ledger"),
        ([Granted("r1", "a", 1), *TOLD[1:]], LEDGER, "otherwise than promised"),
        (TOLD[1:], LEDGER, "nobody was told"),
        ([*TOLD, Granted("r5", "b", 1)], {**LEDGER, "r5": ("b", 1)}, "1 units oversold"),
    ],
)
def test_planted_fault_is_found(told: list[Granted], ledger: dict[str, tuple[str, int]], fault: str) -> None:
    """Each way in which an answer and the ledger can differ must be found."""
    checked = check(Outcome({}, {}, told, 0), ledger, STOCK)
    assert any(fault in found for found in checked.faults), checked


def test_late_generator_spoils_figures_but_no_trial() -> None:
    """On a busy machine a trial must still say whether everything works; a figure must not be believed."""
    late_ms = LAG_MS_MAX + 1.0
    assert lateness_faults(LAG_MS_MAX, LAG_MS_MAX, MEASURED_SECONDS) == []
    assert len(lateness_faults(late_ms, LAG_MS_MAX, MEASURED_SECONDS)) == 1
    assert lateness_faults(late_ms, LAG_MS_MAX, 1.0) == []


def test_grant_without_answer_is_no_fault_where_the_answer_was_lost() -> None:
    """Whoever got no answer may have a reservation: as many as had none, and not one more."""
    assert check(Outcome({}, {}, TOLD[1:], 1), LEDGER, STOCK).faults == []
    assert check(Outcome({}, {}, TOLD[2:], 1), LEDGER, STOCK).faults != []


@pytest.mark.parametrize("cut", [1, 12, 40, 60])
def test_line_reads_an_answer_in_parts(cut: int) -> None:
    """An answer that comes in two reads, cut anywhere, must be handed on once and whole."""
    answer = b"HTTP/1.1 201 Created\r\ncontent-length: 20\r\nServer: x\r\n\r\n" + b"x" * 20
    heard: list[tuple[int, bytes]] = []
    line = Line(lambda _line, status, body: heard.append((status, body)))
    for _ in range(2):
        line.data_received(answer[:cut])
        line.data_received(answer[cut:])
    assert heard == [(201, b"x" * 20)] * 2


def test_line_that_ends_amid_a_request_says_so() -> None:
    """A connection that ends must answer what was under way with nothing, so that it counts as failed."""
    heard: list[int] = []
    line = Line(lambda _line, status, _body: heard.append(status))
    line.connection_lost(None)
    assert heard == []
    line.number = 7
    line.connection_lost(None)
    assert heard == [0]


@pytest.mark.parametrize(
    ("kind", "lines", "body_of"),
    [
        ("reserve", 1, lambda body: [body]),
        ("sold-out", 1, lambda body: [body]),
        ("batch", 3, lambda body: body["reservations"]),
    ],
)
def test_requests_of_a_run_have_keys_of_their_own(
    kind: str, lines: int, body_of: Callable[[dict[str, object]], list[dict[str, object]]]
) -> None:
    """Every request must carry another key, the announced length and as many lines as planned."""
    make = maker(plan(kind=kind, lines=lines))
    keys = set()
    for number in range(5):
        head, _, body = make(number).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert len(body_of(json.loads(body))) == lines
        keys.add(head.partition(b"Idempotency-Key: ")[2].partition(b"\r\n")[0])
    assert len(keys) == 5


def test_grants_are_read_from_answers_and_batches() -> None:
    """A batch must give each of its grants, and count the lines that had no answer."""
    one = {"reservation_id": "r1", "sku": "a", "moved_units": 2}
    batch = {"results": [{"status": 201, "reservation": one}, {"status": 409}, {"status": 503}]}
    granted, unanswered = _granted([json.dumps(batch).encode(), json.dumps(one).encode()])
    assert granted == [Granted("r1", "a", 2)] * 2
    assert unanswered == 1


def test_command_id_is_the_base_32_of_the_hash() -> None:
    """The hand-made base 32 must be the standard one, or ids would differ between versions of the gateway."""
    for number in range(200):
        caller, key, step = f"isk_{number}", f"key-{number * 7}", f"reserve {number}"
        text = f"{len(caller)}:{caller}{len(key)}:{key}{len(step)}:{step}"
        raw = blake2b(text.encode(), digest_size=16).digest()
        told = base64.b32encode(raw).decode().rstrip("=").lower()
        assert command_id_of(caller, key, step) == f"http:{told}"


async def test_generator_keeps_its_schedule_and_counts_from_when_a_request_was_due() -> None:
    """A server that stalls must show in the latencies of all that fell due meanwhile, and lose no request."""
    stalls, ended = 0.3, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
                await asyncio.sleep(stalls)  # what is tried: an asker that is slow to answer
                writer.write(b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await Generator(
            plan(kind="sold-out", port=port, rate_per_s=20.0, seconds=0.5, connections=1)
        ).run()
        async with asyncio.timeout(5):
            await ended.wait()
    assert outcome.statuses == {"409": 10}
    # The last of ten is due after 0.45 s and answered after ten stalls of a single connection.
    assert outcome.figures["max_ms"] >= (10 * stalls - 0.45) * 1_000
