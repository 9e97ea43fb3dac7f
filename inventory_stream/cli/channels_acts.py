"""`channels pause`, `resume`, `shadow`, `kill`, `approve`, `refuse`, `replay`: acts for owners to do."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final

import typer
from rich.console import Console

from inventory_stream.cli.channels_letters import print_waiting, replay_deliveries
from inventory_stream.cli.channels_reach import (
    AllOption,
    ByOption,
    ChannelOption,
    ListingOption,
    NameArgument,
    NamesArgument,
    ReasonOption,
    Stories,
    asking,
    chosen,
    integrations,
    mapping,
    run_at_desk,
    who,
)
from inventory_stream.cli.reading import progress, say
from inventory_stream.errors import InventoryStreamError
from inventory_stream.flows.channels.asking import LISTINGS_MAX, NobodyAnswersError, Wish
from inventory_stream.flows.channels.gate import MASS_CHANGE, MASS_DRIFT
from inventory_stream.ports.channel_desk import ChannelDesk
from inventory_stream.ports.integrations import CatalogMapping, Integration
from inventory_stream.settings import Settings, load_settings

EXIT_NOT_DONE: Final = 1
_AWAITED: Final[Mapping[str, frozenset[str]]] = {
    "approve": frozenset({MASS_CHANGE, MASS_DRIFT}),
    "refuse": frozenset({MASS_CHANGE}),
}
"""What must stand among an account's reasons for an act to mean anything."""

SureOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]


def pause(
    names: NamesArgument = None,
    *,
    channel: ChannelOption = None,
    is_all: AllOption = False,
    listings: ListingOption = None,
    reason: ReasonOption = "",
    by: ByOption = None,
) -> None:
    """Send nothing more, for accounts or for some listings of one. What came in goes on being taken.

    Buyers there are shown the last quantities, which may be too high: where that matters use
    `kill --zeros-first`.

    Example: inventory-stream channels pause shop-nl --reason "prices are being mended"
    """
    _act(names, channel, listings, Wish("pause", who(by), reason), "paused", is_all=is_all)


def resume(
    names: NamesArgument = None,
    *,
    channel: ChannelOption = None,
    is_all: AllOption = False,
    listings: ListingOption = None,
    reason: ReasonOption = "",
    by: ByOption = None,
) -> None:
    """Send again, and mend what had parked the account: today's quantities, never those of before.

    Orders that came while it could not be asked wait for `channels replay NAME`: it says how many.

    Example: inventory-stream channels resume shop-nl
    """
    _act(names, channel, listings, Wish("resume", who(by), reason), "sending", is_all=is_all)
    if not listings:
        settings = load_settings()
        print_waiting(settings, chosen(integrations(settings), names or [], channel, is_all=is_all))


def shadow(
    names: NamesArgument = None,
    *,
    channel: ChannelOption = None,
    is_all: AllOption = False,
    reason: ReasonOption = "",
    by: ByOption = None,
) -> None:
    """Do everything but send, and keep what would have been sent: see it with `channels diff --last`.

    Where a vendor has a place that only validates, requests go there.

    Example: inventory-stream channels shadow shop-nl
    """
    _act(names, channel, None, Wish("shadow", who(by), reason), "in shadow mode", is_all=is_all)


def kill(
    names: NamesArgument = None,
    *,
    channel: ChannelOption = None,
    is_all: AllOption = False,
    is_zeros_first: Annotated[
        bool, typer.Option("--zeros-first", help="Have every listing show zero before sending stops.")
    ] = False,
    reason: ReasonOption = "",
    by: ByOption = None,
    is_sure: SureOption = False,
) -> None:
    """Stop accounts within a second; with --zeros-first nothing can be bought there any more.

    Example: inventory-stream channels kill --channel marketplace --zeros-first --reason "oversold"
    """
    wish = Wish("kill", who(by), reason, zeros_first=is_zeros_first)
    _act(names, channel, None, wish, "killed", is_all=is_all, is_asked=not is_sure)


def approve(name: NameArgument, *, reason: ReasonOption = "", by: ByOption = None) -> None:
    """Let the mass change or the mass drift of an account go that waits for approval. Exit 1: none does.

    Example: inventory-stream channels approve shop-nl --reason "season ends"
    """
    _act([name], None, None, Wish("approve", who(by), reason), "approved")


def refuse(name: NameArgument, *, reason: ReasonOption = "", by: ByOption = None) -> None:
    """Keep a mass change back: each of its listings stays as it is until its next change. Exit 1: none waits.

    Example: inventory-stream channels refuse shop-nl --reason "a broken import"
    """
    _act([name], None, None, Wish("refuse", who(by), reason), "refused")


def replay(
    name: NameArgument,
    *,
    listings: ListingOption = None,
    reason: ReasonOption = "",
    by: ByOption = None,
    is_sure: SureOption = False,
) -> None:
    """Try again what was given up: dead pushes with today's quantity, and orders that could not be mapped.

    Both are safe to repeat: a push is an absolute number, an order has its ids (R27). Orders of listings that
    are not mapped yet come back as letters: mend the mapping first (`channels unmapped NAME`).

    Example: inventory-stream channels replay shop-nl
    """
    settings = load_settings()
    (entry,) = chosen(integrations(settings), [name])
    if not (is_sure or listings or typer.confirm(f"Send again all that {name} has given up?", err=True)):
        raise InventoryStreamError("nothing was done")
    _act([name], None, listings, Wish("replay", who(by), reason), "dead pushes are sent again")
    if not listings:
        replay_deliveries(settings, entry)


def _act(
    names: Sequence[str] | None,
    channel: str | None,
    listings: Sequence[str] | None,
    wish: Wish,
    done: str,
    *,
    is_all: bool = False,
    is_asked: bool = False,
) -> None:
    settings = load_settings()
    entries = integrations(settings)
    meant = chosen(entries, names or [], channel, is_all=is_all)
    if listings:
        wish = replace(wish, listings=_checked(meant, listings, mapping(settings, entries)))
    if is_asked:
        shown = ", ".join(entry.name for entry in meant)
        what = "take everything off sale at" if wish.zeros_first else "stop"
        if not typer.confirm(f"{what} {shown}?", err=True):
            raise InventoryStreamError("nothing was done")
    is_done = True

    async def run(desk: ChannelDesk) -> None:
        nonlocal is_done
        console = Console()
        asked = asking(settings, desk)
        waiting = await _waiting(settings, desk, meant, wish)
        with progress("asking owners", len(meant)) as advance:
            for entry in meant:
                if entry.name not in waiting:
                    is_done = False
                    say(console, f"{entry.name}: nothing was done: nothing waits that this is about", "red")
                    continue
                try:
                    row = await asked.done(entry, wish)
                except NobodyAnswersError as error:
                    is_done = False
                    say(console, str(error), "red")
                else:
                    mode = f" (mode {row.mode})" if row.mode is not None else ""
                    say(console, f"{entry.name}: {done}{mode}", "green")
                advance(1)

    run_at_desk(settings, run)
    if not is_done:
        raise typer.Exit(EXIT_NOT_DONE)


async def _waiting(
    settings: Settings, desk: ChannelDesk, meant: Sequence[Integration], wish: Wish
) -> set[str]:
    """Name those of which the act means something."""
    awaited = _AWAITED.get(wish.kind)
    if awaited is None:
        return {entry.name for entry in meant}
    stories = await Stories(settings, desk, meant).look()
    return {story.integration.name for story in stories if awaited & story.parked.keys()}


def _checked(
    meant: Sequence[Integration], listings: Sequence[str], mapped: CatalogMapping
) -> tuple[str, ...]:
    """Give the listings, all of which the one integration has."""
    if len(meant) != 1:
        raise typer.BadParameter("listings are of one integration", param_hint="--listing")
    if len(listings) > LISTINGS_MAX:
        raise typer.BadParameter(f"at most {LISTINGS_MAX:,} at once", param_hint="--listing")
    (entry,) = meant
    for listing in listings:
        if mapped.of_listing(entry.channel, entry.account, listing) is None:
            raise typer.BadParameter(f"{listing!r} is not mapped for {entry.name}", param_hint="--listing")
    return tuple(listings)
