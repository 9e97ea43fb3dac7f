"""What all commands of `channels` need: the integrations, and the desk where their owners are asked."""

import getpass
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Final
from uuid import uuid4

import typer
import uvloop

from inventory_stream.adapters.channel_mapping import MappingFile, load_mapping
from inventory_stream.adapters.channel_registry import load_registry
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.adapters.kafka.channel_desk import KafkaChannelDesk
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.preflight import check_topic_shape, quiet_client
from inventory_stream.errors import InventoryStreamError, SettingsError
from inventory_stream.flows.channels.asking import Asking
from inventory_stream.flows.channels.status import Story, keys_of, story_of
from inventory_stream.ports.channel_desk import ChannelDesk
from inventory_stream.ports.integrations import Integration
from inventory_stream.settings import Settings, variable
from models.channels import CHANNEL_INBOUND, CHANNEL_OUTCOMES, OutcomeRow, account_key
from models.ids import ID_CHARACTERS_MAX, has_control_character, partition_of

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Integrations, as the registry calls them.", show_default=False),
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="An integration, as the registry calls it.", show_default=False)
]
ChannelOption = Annotated[
    str | None, typer.Option("--channel", help="All accounts of this channel.", show_default=False)
]
AllOption = Annotated[bool, typer.Option("--all", help="All integrations.")]
ListingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--listing",
        metavar="LISTING",
        help="Only this listing, in the mapping's form; may be repeated.",
        show_default=False,
    ),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; kept, and shown by `channels status`.", show_default=False)
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who asks. Without it: your user's name here.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

_UNKNOWN_USER: Final = "operator"


def integrations(settings: Settings) -> tuple[Integration, ...]:
    """Read the registry.

    Raises:
        SettingsError: there is none, or it is wrong.
    """
    path = settings.channels.registry_file
    if path is None:
        raise SettingsError(
            f"there are no channels: set {variable(('channels', 'registry_file'))} to a registry file "
            "(docs/channels/registry.md); `inventory-stream sandbox` writes one to try"
        )
    return load_registry(path, ADAPTERS)


def mapping(settings: Settings, entries: Sequence[Integration]) -> MappingFile:
    """Read the catalog mapping.

    Raises:
        SettingsError: there is none, or it is wrong.
    """
    path = settings.channels.mapping_file
    if path is None:
        raise SettingsError(
            f"nothing is mapped: set {variable(('channels', 'mapping_file'))} (docs/channels/mapping.md)"
        )
    return load_mapping(path, entries, ADAPTERS)


def chosen(
    entries: Sequence[Integration], names: Sequence[str], channel: str | None = None, *, is_all: bool = False
) -> list[Integration]:
    """Give the integrations that are meant, in the registry's order.

    Raises:
        typer.BadParameter: none is, or a name is unknown.
        InventoryStreamError: there are none at all.
    """
    if not entries:
        raise InventoryStreamError("the registry names no integration yet (docs/channels/registry.md)")
    unknown = sorted(set(names) - {entry.name for entry in entries})
    if unknown:
        known = ", ".join(entry.name for entry in entries) or "none"
        raise typer.BadParameter(f"{', '.join(unknown)}: not in the registry; there are: {known}")
    found = [entry for entry in entries if is_all or entry.name in names or entry.channel == channel]
    if not found and channel is not None:
        known = ", ".join(sorted({entry.channel for entry in entries})) or "none"
        raise typer.BadParameter(f"no integration is of channel {channel!r}; there are: {known}")
    if not found:
        raise typer.BadParameter("name integrations, or choose by --channel, or --all")
    return found


def who(by: str | None) -> str:
    """Give the name that an act is kept under.

    Raises:
        typer.BadParameter: no identifier.
    """
    name = by
    if name is None:
        try:
            name = getpass.getuser()
        except (KeyError, OSError):  # a container's user may have no name
            name = _UNKNOWN_USER
    if not 0 < len(name) <= ID_CHARACTERS_MAX or has_control_character(name):
        raise typer.BadParameter(f"1 to {ID_CHARACTERS_MAX} characters, none of control", param_hint="--by")
    return name


def run_at_desk(settings: Settings, run: Callable[[ChannelDesk], Awaitable[None]]) -> None:
    """Connect, do something, let go."""

    async def connected() -> None:
        for topic in (CHANNEL_INBOUND, CHANNEL_OUTCOMES):
            await check_topic_shape(settings, topic)
        async with _desk(settings) as desk:
            await run(desk)

    with quiet_client():
        uvloop.run(connected())


@asynccontextmanager
async def _desk(settings: Settings) -> AsyncIterator[ChannelDesk]:
    desk = KafkaChannelDesk(
        KafkaConnection.of(settings.kafka),
        settings.topic(CHANNEL_INBOUND),
        settings.topic(CHANNEL_OUTCOMES),
    )
    try:
        yield desk
    finally:
        await desk.close()


def asking(settings: Settings, desk: ChannelDesk) -> Asking:
    """Make what asks owners."""
    return Asking(desk, settings.kafka.partitions, lambda: str(uuid4()), now_ms)


def now_ms() -> int:
    """Give the time."""
    return time.time_ns() // 1_000_000


def partition_of_account(settings: Settings, entry: Integration) -> int:
    """Give the partition of an account in both topics."""
    return partition_of(account_key(entry.channel, entry.account), settings.kafka.partitions)


class Stories:
    """How accounts stand, looked at again and again: the first look reads their partitions whole."""

    def __init__(self, settings: Settings, desk: ChannelDesk, entries: Sequence[Integration]) -> None:
        self._desk = desk
        self._entries = entries
        self._keys: frozenset[str] = frozenset().union(*map(keys_of, entries))
        self._next = {partition_of_account(settings, entry): 0 for entry in entries}
        self._rows: dict[str, OutcomeRow] = {}

    async def look(self, letters: Mapping[str, int] | None = None) -> list[Story]:
        """Read what was written since the last look; `letters`: deliveries that wait, by account key."""
        for partition, offset in sorted(self._next.items()):
            rows, self._next[partition] = await self._desk.news(partition, offset, self._keys.__contains__)
            self._rows.update(rows)
        now = now_ms()
        waiting = letters or {}
        return [
            story_of(entry, self._rows, now, waiting.get(account_key(entry.channel, entry.account), 0))
            for entry in self._entries
        ]
