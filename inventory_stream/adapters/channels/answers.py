"""What a channel answers: read once, compared with what it should be, and told as an end for each item."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.ports.channel import MISFIT, ChannelError, DriftMonitor, Ended, Push, Result

T = TypeVar("T")

CODE_CHARACTERS_MAX: Final = 64
"""Longest code that is kept of a channel's word: it stands in rows, logs and reports."""

_UNKNOWN_FIELDS_MAX: Final = 20
"""Most fields of one answer that are told as unknown: an answer of another kind has hundreds."""

_NOT_OF_CODES: Final = re.compile(r"[^A-Za-z0-9_.:+-]+")
_MISSING: Final = re.compile(r"missing required field `([^`]{1,100})`(?: - at `\$\.?([^`]{0,200})`)?")
_MISFIT: Final = re.compile(r" - at `\$\.?([^`]{0,200})`")


def decoded(
    answer: Answer,
    kind: type[T],
    drift: DriftMonitor,
    channel: str,
    *,
    ignored: Collection[str] = (),
    counts_unknown: bool = True,
) -> T:
    """Read a JSON body as a msgspec type, and tell where it does not fit.

    Args:
        answer: Of the channel.
        kind: Structs that declare what is used; a field is required only where nothing can be done without.
        drift: Hears of each field that is missing, of another type, or unknown, once per answer.
        channel: The word of the adapter (`AdapterSpec.name`).
        ignored: Fields that the channel documents and nobody here needs, as paths without indexes (`a.b`).
        counts_unknown: False for a channel whose every shop adds fields of its own.

    Raises:
        ChannelError: AMBIGUOUS: `unreadable` if it is no JSON, `misfit` if what is needed is not there.
    """
    raw = answer.json()
    try:
        value = msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        drift.misfit(channel, *misfit_of(str(error)))
        raise ChannelError(Result.AMBIGUOUS, MISFIT) from None
    if not counts_unknown:
        return value
    told: set[str] = set(ignored)
    for path in _unknown(raw, value, ""):
        if path not in told and len(told) - len(ignored) < _UNKNOWN_FIELDS_MAX:
            told.add(path)
            drift.misfit(channel, path[:CODE_CHARACTERS_MAX], "unknown")
    return value


def code_of(text: object) -> str:
    """Make a code of a channel's code: short and of few characters, as it stands in rows, logs and labels.

    Not for messages: a sentence may name a person or repeat what was sent.
    """
    return _NOT_OF_CODES.sub("-", str(text))[:CODE_CHARACTERS_MAX].strip("-") or "unnamed"


def all_ended(
    batch: Sequence[Push], result: Result, code: str = "", retry_at_ms: int | None = None
) -> list[Ended]:
    """Give one end to every item."""
    return [Ended(push.listing, result, code, retry_at_ms) for push in batch]


def ended_by(batch: Sequence[Push], error: ChannelError) -> list[Ended]:
    """Give every item the end that the whole request had."""
    return all_ended(batch, error.result, error.code, error.retry_at_ms)


def whole(batch: Sequence[Push], named: Mapping[str, Ended]) -> list[Ended]:
    """Complete the ends that an answer names: an item that it does not name is AMBIGUOUS, never a success."""
    return [named.get(push.listing) or Ended(push.listing, Result.AMBIGUOUS, "not-named") for push in batch]


def not_sent(batch: Sequence[Push]) -> list[Ended]:
    """End a dry run of a channel that has no place that only validates."""
    return all_ended(batch, Result.APPLIED, "not-sent")


def misfit_of(text: str) -> tuple[str, str]:
    """Read out of msgspec's words which field does not fit, and how: `missing` or `type`."""
    missing = _MISSING.search(text)
    if missing is not None:
        parent = _plain(missing[2] or "")
        return f"{parent}.{missing[1]}".lstrip(".")[:CODE_CHARACTERS_MAX], "missing"
    place = _MISFIT.search(text)
    return (_plain(place[1]) if place else "")[:CODE_CHARACTERS_MAX] or "body", "type"


def _plain(path: str) -> str:
    return re.sub(r"\[[^\]]*\]", "", path)


def _unknown(raw: object, value: object, path: str) -> Iterator[str]:
    if isinstance(value, msgspec.Struct) and isinstance(raw, dict):
        names = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
        for key, item in raw.items():
            here = f"{path}.{key}" if path else str(key)
            if key in names:
                yield from _unknown(item, getattr(value, names[key]), here)
            elif key != value.__struct_config__.tag_field:
                yield here
    elif isinstance(value, list | tuple) and isinstance(raw, list):
        for item, read in zip(raw, value, strict=False):
            yield from _unknown(item, read, path)
    elif isinstance(value, dict) and isinstance(raw, dict):
        for key, item in raw.items():
            yield from _unknown(item, value.get(key), path)
