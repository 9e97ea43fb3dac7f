"""Where log lines go: to stderr, one event a line, readable on a terminal, a JSON object elsewhere."""

import logging
import sys
from typing import Final

import structlog

from inventory_stream.settings import LogSettings

# Faust's services log by the name of the module that subclasses them, every start and stop of each.
_FAUST_MODULES: Final = ("faust_internals", "batch_transport")

# On a fresh broker the first group makes the topic of offsets; until its leader stands, some 100 ms,
# every lookup of the coordinator is refused. aiokafka tries again by itself and logs each try as an
# ERROR, which would be the first thing that an operator of a healthy system sees. A coordinator that
# stays away shows itself: /ready names the group, and nothing is owned (PartitionWithoutOwner).
_COORDINATOR_LOGGER: Final = "aiokafka.consumer.group_coordinator"
_COORDINATOR_NOISE: Final = "GroupCoordinatorNotAvailable"


def is_json(logs: LogSettings) -> bool:
    """Whether lines are JSON objects."""
    return logs.format == "json" or (logs.format == "auto" and not sys.stderr.isatty())


def configure_logging(logs: LogSettings) -> None:
    """Set up structlog, and route what libraries log through it."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    level = logging.getLevelNamesMapping()[logs.level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(json=is_json(logs)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Never DEBUG for libraries: aiokafka writes whole requests then, and with them what they carry.
    root.setLevel(logging.INFO if level == logging.DEBUG else max(level, logging.WARNING))
    logging.getLogger("inventory_stream").setLevel(level)
    for module in _FAUST_MODULES:
        logging.getLogger(f"inventory_stream.adapters.kafka.{module}").setLevel(max(level, logging.WARNING))
    coordinator = logging.getLogger(_COORDINATOR_LOGGER)
    coordinator.filters = [_demote_coordinator_noise]


def _renderers(*, json: bool) -> list[structlog.typing.Processor]:
    # Both without the variables of a traceback's frames, which structlog shows unless told not to:
    # they hold commands, rows and credentials.
    if json:
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _demote_coordinator_noise(record: logging.LogRecord) -> bool:
    """Make the line of `_COORDINATOR_NOISE` a DEBUG one, which the levels above keep out."""
    if _COORDINATOR_NOISE not in record.getMessage():
        return True
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger().isEnabledFor(logging.DEBUG)
