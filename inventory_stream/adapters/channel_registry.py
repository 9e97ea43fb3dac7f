"""The integration registry: one TOML file that says which channel accounts there are, and who keeps them.

Everything that is wrong with it is said at once, each with the file, the entry and the way out. A value of a
secret is never repeated, whatever field it was written into.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inventory_stream.adapters.channels.addresses import why_refused
from inventory_stream.adapters.channels.spec import AdapterSpec
from inventory_stream.errors import SettingsError
from inventory_stream.ports.integrations import Integration
from models.ids import ID_CHARACTERS_MAX, has_control_character

INTEGRATIONS_MAX: Final = 1_000
"""Most entries: each is a connection pool, a budget and a loop in some worker; more is a wrong file."""
FILE_BYTES_MAX: Final = 4_194_304
"""Largest file: 4 KiB for each of the entries."""
MISTAKES_SHOWN_MAX: Final = 50
"""Mistakes told at once: two screens full; the rest is counted."""
RAISE_HOLD_MS_MAX: Final = 60_000
"""Longest that a raise may wait for the channel's orders: beyond a minute stock is hidden for nothing."""
RECONCILE_SECONDS_MIN: Final = 60.0
"""Shortest time between two comparisons: each reads all listings, from the same budget as the pushes."""
DAY_SECONDS: Final = 86_400.0

# What webhook addresses and commands call it: safe in a path, in a shell and in a metric's label.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_REFERENCE: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/[^\x00-\x1f\x7f]{1,1023}")
_LOOPBACK: Final = {"127.0.0.1", "::1"}


class _Entry(BaseModel):
    """One `[[integration]]` as it is written."""

    # Nothing of the input may be shown: somebody wrote a secret into it, sooner or later.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: str
    adapter: str
    channel: str
    account: str
    owner: str = Field(min_length=1, max_length=200)
    escalation: str = Field(min_length=1, max_length=200)
    freshness_seconds: float = Field(gt=0, le=DAY_SECONDS)
    error_budget: float = Field(ge=0, lt=1)
    mode: Literal["on", "shadow", "off"]
    retires: date | None = None
    url: str | None = None
    secrets: dict[str, str] = {}
    options: dict[str, Any] = {}
    mass_change_share: float = Field(0.3, gt=0, le=1)
    raise_hold_ms: int = Field(2_000, ge=0, le=RAISE_HOLD_MS_MAX)
    is_count_authority: bool = False
    reconcile_seconds: float = Field(900.0, ge=RECONCILE_SECONDS_MIN, le=DAY_SECONDS)
    order_group: str | None = Field(None, min_length=1, max_length=ID_CHARACTERS_MAX)
    counts_net_orders: bool = True


assert set(_Entry.model_fields) == {field.name for field in fields(Integration)}  # noqa: S101  # one list of words


def load_registry(
    path: Path, adapters: Mapping[str, AdapterSpec], *, today: date | None = None
) -> tuple[Integration, ...]:
    """Read the integrations, in the file's order.

    Args:
        path: The TOML file of `channels.registry_file`.
        adapters: The kinds of channel that there are, by name.
        today: Decides which entries are retired; None: by the clock, UTC.

    Raises:
        SettingsError: one line for each mistake.
    """
    entries = _entries(path)
    mistakes: list[str] = []
    found: list[Integration] = []
    day = today or datetime.now(UTC).date()
    for number, entry in enumerate(entries, 1):
        where = f"channels.registry_file = {str(path)!r}, integration {number}"
        if isinstance(name := entry.get("name"), str) and _NAME.fullmatch(name):
            where += f" ({name})"
        try:
            integration = Integration(**dict(_Entry.model_validate(entry)))
        except ValidationError as error:
            mistakes += [f"{where}: {_said(one)}" for one in error.errors(include_input=False)]
            continue
        mistakes += [f"{where}: {why}" for why in _mistakes_of(integration, adapters, day)]
        mistakes += [f"{where}: {why}" for why in _clashes(integration, found)]
        found.append(integration)
    if mistakes:
        raise SettingsError(as_one_text(mistakes))
    return tuple(found)


def as_one_text(mistakes: Sequence[str]) -> str:
    """Put mistakes into one message, a line for each; beyond a bound they are only counted."""
    shown = list(mistakes[:MISTAKES_SHOWN_MAX])
    if more := len(mistakes) - len(shown):
        shown.append(f"and {more:,} more")
    return "\n".join(shown)


def _entries(path: Path) -> list[dict[str, Any]]:
    named = f"channels.registry_file = {str(path)!r}"
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
        if len(raw) > FILE_BYTES_MAX:
            raise SettingsError(f"{named}: more than {FILE_BYTES_MAX:,} bytes; that is no registry")
        content = tomllib.loads(raw.decode())
    except OSError as error:
        raise SettingsError(
            f"{named} cannot be read: {error.strerror or error}; name an existing file"
        ) from None
    except ValueError as error:  # a fault of syntax or of UTF-8
        raise SettingsError(f"{named} cannot be read as TOML: {error}") from None
    entries = content.pop("integration", [])
    if content:
        names = ", ".join(sorted(content))
        raise SettingsError(f"{named}: {names[:200]}: unknown; each account is one [[integration]]")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SettingsError(f"{named}: integration is not a list; write [[integration]] with two brackets")
    if len(entries) > INTEGRATIONS_MAX:
        raise SettingsError(f"{named}: {len(entries):,} integrations; at most {INTEGRATIONS_MAX:,}")
    return entries


def _said(error: Any) -> str:  # noqa: ANN401  # pydantic's dictionary
    field = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = ", ".join(_Entry.model_fields)
        return f"{field[:80]}: unknown field; there are {known}"
    if error["type"] == "missing":
        return f"{field}: missing; docs/channels/registry.md says what it means"
    return f"{field[:80]}: {error['msg']}"


def _mistakes_of(entry: Integration, adapters: Mapping[str, AdapterSpec], day: date) -> list[str]:
    mistakes = []
    if not _NAME.fullmatch(entry.name):
        mistakes.append("name: 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit")
    for field, text in (("channel", entry.channel), ("account", entry.account)):
        if not 0 < len(text) <= ID_CHARACTERS_MAX or has_control_character(text):
            mistakes.append(f"{field}: 1 to {ID_CHARACTERS_MAX} characters, no control characters")
    if entry.retires is not None and entry.retires <= day:
        mistakes.append(
            f"retires: {entry.retires} has come; take the entry out, or ask {entry.owner} for a later date"
        )
    mistakes += _mistakes_of_url(entry.url)
    spec = adapters.get(entry.adapter)
    if spec is None:
        known = ", ".join(sorted(adapters)) or "none is built in"
        mistakes.append(f"adapter: {entry.adapter[:80]!r} is not known; there are: {known}")
        return mistakes
    mistakes += _mistakes_of_secrets(entry.secrets or {}, spec)
    for name in sorted(set(entry.options or {}) - set(spec.options)):
        known = ", ".join(spec.options) or "none"
        mistakes.append(f"options.{name[:80]}: unknown to {spec.name}; there are: {known}")
    # What the adapter looks at is only there when the rest is right.
    if not mistakes and (why := spec.check_integration(entry)):
        mistakes.append(why)
    return mistakes


def _mistakes_of_secrets(references: Mapping[str, str], spec: AdapterSpec) -> list[str]:
    known = (*spec.secrets, *spec.optional_secrets)
    mistakes = [
        f"secrets.{name}: missing; write {name} = 'env:NAME' or 'file:/path' under [integration.secrets]"
        for name in spec.secrets
        if name not in references
    ]
    for name, reference in references.items():
        if name not in known:
            mistakes.append(
                f"secrets.{name[:80]}: unknown to {spec.name}; there are: {', '.join(known) or 'none'}"
            )
        if not _REFERENCE.fullmatch(reference):
            mistakes.append(
                f"secrets.{name[:80]}: no reference; a secret never stands here: put it into a variable or a "
                "file, write 'env:NAME' or 'file:/absolute/path', and replace the secret if it stood here"
            )
    return mistakes


def _mistakes_of_url(url: str | None) -> list[str]:
    if url is None:
        return []
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return ["url: cannot be read; write https://host/path"]
    if parts.username is not None or parts.password is not None:
        return [
            "url: has a user or a password in it; those are secrets, and the password must be replaced now"
        ]
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        return ["url: write https://host/path (http only for the sandbox on this machine)"]
    if parts.query or parts.fragment:
        return ["url: has a query or a fragment; it is the base that paths are put behind"]
    why = why_refused(
        url, allow_loopback=True
    )  # whether loopback counts is a setting, seen at the first request
    return [] if why is None else [f"url: {why}"]


def _clashes(entry: Integration, others: Sequence[Integration]) -> list[str]:
    clashes = []
    for other in others:
        if other.name == entry.name:
            clashes.append(f"name: {entry.name!r} stands there twice; each entry needs its own")
        if (other.channel, other.account) == (entry.channel, entry.account):
            clashes.append(
                f"account: {entry.account!r} of channel {entry.channel!r} is that of {other.name!r} already; "
                "two entries would push against each other"
            )
    return clashes
