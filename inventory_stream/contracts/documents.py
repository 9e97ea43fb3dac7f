"""Every generated file of docs/contracts/, and whether those that lie there are current."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, LEDGER
from inventory_stream.contracts.asyncapi import asyncapi_document
from inventory_stream.contracts.compatibility import breaks, surface
from inventory_stream.contracts.letters import letters_document
from inventory_stream.contracts.records import (
    audit_document,
    availability_document,
    channel_inbound_document,
    channel_outcomes_document,
    exceptions_document,
    ledger_document,
    orders_document,
    outcomes_document,
    payment_outcomes_document,
    payments_document,
    stock_document,
)
from inventory_stream.errors import InventoryStreamError
from inventory_stream.ports.audit import AUDIT
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.ports.events import EventTopic
from inventory_stream.ports.payments import PAYMENT_EVENTS, PAYMENT_OUTCOMES
from models.channels import CHANNEL_INBOUND, CHANNEL_OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping

SURFACE_FILE: Final = "version-1.json"
"""What version 1 has promised: written only while nothing of it is broken, so it only ever grows."""


class ContractBrokenError(InventoryStreamError):
    """The code does not keep what version 1 has promised. The message names each promise."""


def documents() -> dict[str, Any]:
    """Give every file's name and content, but for what version 1 has promised before."""
    availability, exceptions = EventTopic.AVAILABILITY.value, EventTopic.EXCEPTIONS.value
    return {
        f"{STOCK_EVENTS}.json": stock_document(STOCK_EVENTS),
        f"{ORDER_EVENTS}.json": orders_document(ORDER_EVENTS),
        f"{LEDGER}.json": ledger_document(LEDGER),
        "outcomes.json": outcomes_document(),
        f"{availability}.json": availability_document(availability),
        f"{exceptions}.json": exceptions_document(exceptions),
        f"{DEAD_LETTERS}.json": letters_document(DEAD_LETTERS),
        f"{AUDIT}.json": audit_document(AUDIT),
        f"{PAYMENT_EVENTS}.json": payments_document(PAYMENT_EVENTS),
        f"{PAYMENT_OUTCOMES}.json": payment_outcomes_document(PAYMENT_OUTCOMES),
        f"{CHANNEL_INBOUND}.json": channel_inbound_document(CHANNEL_INBOUND),
        f"{CHANNEL_OUTCOMES}.json": channel_outcomes_document(CHANNEL_OUTCOMES),
        "asyncapi.json": asyncapi_document(),
    }


def write(folder: Path) -> list[str]:
    """Write what is missing or out of date; gives the names of those files.

    Raises:
        ContractBrokenError: something promised before is gone or changed; nothing was written.
    """
    wanted = _wanted(folder)
    folder.mkdir(parents=True, exist_ok=True)
    changed = [name for name, text in wanted.items() if _text_of(folder / name) != text]
    for name in changed:
        (folder / name).write_text(wanted[name], encoding="utf-8")
    return changed


def outdated(folder: Path) -> list[str]:
    """Name the files that differ from what the code says now.

    Raises:
        ContractBrokenError: as `write`.
    """
    return [name for name, text in _wanted(folder).items() if _text_of(folder / name) != text]


def _wanted(folder: Path) -> dict[str, str]:
    now = surface()
    stored = _text_of(folder / SURFACE_FILE)
    promised: Mapping[str, Any] = json.loads(stored) if stored is not None else {}
    broken = breaks(promised, now)
    if broken:
        raise ContractBrokenError(
            "version 1 of the contract is broken (docs/compatibility.md):\n" + "\n".join(broken)
        )
    return {name: _encode(part) for name, part in {**documents(), SURFACE_FILE: now}.items()}


def _text_of(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def _encode(content: Any) -> str:  # noqa: ANN401  # any JSON
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
