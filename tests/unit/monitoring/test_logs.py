"""What lines look like, and what they never show."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from inventory_stream.adapters.logs import configure_logging
from inventory_stream.settings import LogSettings

PAYLOAD = "cart-of-somebody"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before
    logging.getLogger("aiokafka.consumer.group_coordinator").filters = []
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give what was written so far."""
    return capsys.readouterr().err.splitlines()


def fail_with(payload: str) -> None:
    """Fail with something in a variable that nobody may read."""
    secret = payload * 2
    raise RuntimeError(f"{len(secret)} characters")


@pytest.mark.parametrize("form", ["json", "console"])
def test_traceback_shows_no_variables(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault is told with its frames and without what was in them: commands, rows, passwords."""
    configure_logging(LogSettings.model_validate({"format": form}))
    try:
        fail_with(PAYLOAD)
    except RuntimeError as error:
        structlog.get_logger("inventory_stream.x").critical("worker_failed", exc_info=error)
    text = capsys.readouterr().err
    assert "RuntimeError" in text
    assert "fail_with" in text
    assert PAYLOAD not in text


def test_json_is_one_event_a_line_with_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours and libraries' lines have one form."""
    configure_logging(LogSettings(format="json"))
    structlog.get_logger("inventory_stream.x").info("rebalanced", partition=3, term=12)
    logging.getLogger("aiokafka.cluster").warning("Topic %s is\nnot available", "t")
    ours, theirs = map(json.loads, lines(capsys))
    assert (ours["event"], ours["level"], ours["partition"], ours["term"]) == ("rebalanced", "info", 3, 12)
    assert (theirs["event"], theirs["level"]) == ("Topic t is\nnot available", "warning")
    assert theirs["logger"] == "aiokafka.cluster"
    assert {"timestamp"} <= ours.keys() & theirs.keys()


def test_auto_is_json_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    """What a collector reads needs no setting."""
    configure_logging(LogSettings())
    structlog.get_logger("inventory_stream.x").info("ready")
    (line,) = lines(capsys)
    assert json.loads(line)["event"] == "ready"


@pytest.mark.parametrize(
    ("level", "ours", "theirs"),
    [
        ("debug", ["debug", "info", "warning", "error"], ["info", "warning", "error"]),
        ("info", ["info", "warning", "error"], ["warning", "error"]),
        ("error", ["error"], ["error"]),
    ],
)
def test_level_is_that_of_our_lines_and_libraries_never_write_requests(
    level: str, ours: list[str], theirs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """At debug, too, aiokafka's own debug lines stay away: they hold what requests carry."""
    configure_logging(LogSettings.model_validate({"format": "json", "level": level}))
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger("inventory_stream.x"), name)("ours")
        getattr(logging.getLogger("aiokafka.conn"), name)("theirs")
    found = [json.loads(line) for line in lines(capsys)]
    assert [line["level"] for line in found if line["event"] == "ours"] == ours
    assert [line["level"] for line in found if line["event"] == "theirs"] == theirs


def test_coordinator_of_a_fresh_broker_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The line that a healthy first start brings is kept out; other faults of the coordinator stay."""
    configure_logging(LogSettings(format="json"))
    coordinator = logging.getLogger("aiokafka.consumer.group_coordinator")
    coordinator.error("Group Coordinator Request failed: %s", "[Error 15] GroupCoordinatorNotAvailableError")
    coordinator.error("Heartbeat session expired - marking coordinator dead")
    (line,) = lines(capsys)
    assert json.loads(line)["event"].startswith("Heartbeat session expired")
