"""The catalog mapping: which listing shows what of which SKU. One CSV file, read anew when it changes.

    integration,listing,sku,locations
    shop-nl,808950810/655441491,TEE-M,
    shop-nl,808950811/655441491,TEE-L,amsterdam|utrecht
    shop-nl,@place/655441491,,amsterdam

`locations` empty: everywhere. A line whose listing begins with `@place/` says which of our locations the
channel's id of a place is, for orders that name one. See docs/channels/mapping.md.
"""

import asyncio
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TextIO, overload

import structlog

from inventory_stream.adapters.channel_mapping_lines import (
    ERRORS,
    LINE_CHARACTERS_MAX,
    WrongLineError,
    fields_of,
    lines_of,
)
from inventory_stream.adapters.channel_registry import as_one_text
from inventory_stream.adapters.channels.spec import AdapterSpec
from inventory_stream.errors import SettingsError
from inventory_stream.ports.integrations import Integration, MappedListing
from models.ids import ID_CHARACTERS_MAX, has_control_character

LISTINGS_MAX: Final = 5_000_000
"""Most lines: about 1.5 GB in each worker; more is a wrong file."""
LOCATIONS_OF_LINE_MAX: Final = 1_000
"""Most locations of one line."""
PLACE: Final = "@place/"
"""Begins the listing of a line that names a place."""
LOOK_SECONDS: Final = 1.0
"""Pause between looks at the file, one `stat` each. A change is read when two looks saw the same, so that a
file that is being written is left alone."""

_COLUMNS: Final = ["integration", "listing", "sku", "locations"]
# Reading stops here: a file wrong in so many lines is another file. Ten times what is shown, for the count.
_MISTAKES_MAX: Final = 500

log = structlog.get_logger(__name__)


class _Stamp(NamedTuple):
    """Tells one state of the file from another; a replaced file has another inode."""

    mtime_ns: int
    size_bytes: int
    inode: int


class _Account:
    """The lines of one account as columns, each line at its place: a million of them take 300 MB.

    A tuple for each line would take 70 MB more; it is made when it is asked for. One listing for a SKU is the
    rule: its place stands alone, several stand in a tuple.
    """

    __slots__ = ("_by_listing", "_by_sku", "_lines", "_listings", "_locations", "_skus", "places", "spec")

    def __init__(self, spec: AdapterSpec | None) -> None:
        self.spec = spec
        self.places: dict[str, str] = {}
        self._by_listing: dict[str, int] = {}
        self._by_sku: dict[str, int | tuple[int, ...]] = {}
        self._listings: list[str] = []
        self._skus: list[str] = []
        self._locations: list[tuple[str, ...]] = []
        self._lines = array("I")

    def add(self, row: MappedListing) -> int | None:
        """Take a line; give the number of the line that has the listing already, None: none has."""
        place = self._by_listing.setdefault(row.listing, len(self._listings))
        if place < len(self._listings):
            return self._lines[place]
        self._listings.append(row.listing)
        self._skus.append(row.sku)
        self._locations.append(row.locations)
        self._lines.append(row.line)
        there = self._by_sku.setdefault(row.sku, place)
        if there != place:
            self._by_sku[row.sku] = (*_as_many(there), place)
        return None

    def of_listing(self, listing: str) -> MappedListing | None:
        """Find a line."""
        place = self._by_listing.get(listing)
        return None if place is None else self[place]

    def of_sku(self, sku: str) -> Sequence[MappedListing]:
        """Find the lines of a SKU."""
        places = self._by_sku.get(sku)
        return () if places is None else [self[place] for place in _as_many(places)]

    def __getitem__(self, place: int) -> MappedListing:
        return MappedListing(
            self._listings[place], self._skus[place], self._locations[place], self._lines[place]
        )

    def __len__(self) -> int:
        return len(self._listings)


class _Listings(Sequence[MappedListing]):
    """The lines of an account, each made when it is looked at."""

    def __init__(self, account: _Account) -> None:
        self._account = account

    @overload
    def __getitem__(self, place: int) -> MappedListing: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[MappedListing]: ...
    def __getitem__(self, place: int | slice) -> MappedListing | Sequence[MappedListing]:
        if isinstance(place, slice):
            return [self._account[one] for one in range(*place.indices(len(self)))]
        return self._account[place]

    def __len__(self) -> int:
        return len(self._account)


def _as_many(places: int | tuple[int, ...]) -> tuple[int, ...]:
    return (places,) if isinstance(places, int) else places


class MappingFile:
    """A `CatalogMapping` out of one file.

    A new version that is wrong changes nothing: the former stays in use, and `wrong` says why.
    """

    def __init__(
        self, path: Path, integrations: Sequence[Integration], adapters: Mapping[str, AdapterSpec]
    ) -> None:
        self._path = path
        self._integrations = integrations
        self._adapters = adapters
        self._in_use: _Stamp | None = _stamp(path)
        # Of the newest look, and of the newest version that was refused: neither is read again.
        self._seen: _Stamp | None = self._in_use
        self._refused: _Stamp | None = None
        self._accounts = self._read({})
        self._version = 1
        self.wrong: str | None = None
        """What is wrong with the file as it is now; None: nothing, and it is in use."""
        self.refused = 0
        """Versions of the file that were refused since the start."""

    @property
    def version(self) -> int:
        """See the port."""
        return self._version

    def listings(self, channel: str, account: str) -> Sequence[MappedListing]:
        """See the port."""
        found = self._accounts.get((channel, account))
        return () if found is None else _Listings(found)

    def of_listing(self, channel: str, account: str, listing: str) -> MappedListing | None:
        """See the port."""
        found = self._accounts.get((channel, account))
        return None if found is None else found.of_listing(listing)

    def of_sku(self, channel: str, account: str, sku: str) -> Sequence[MappedListing]:
        """See the port."""
        found = self._accounts.get((channel, account))
        return () if found is None else found.of_sku(sku)

    def location_of(self, channel: str, account: str, place: str) -> str | None:
        """See the port."""
        found = self._accounts.get((channel, account))
        return None if found is None else found.places.get(place)

    def look(self) -> bool:
        """Read the file anew if it is not what it was; say whether the content in use changed.

        Blocks while it reads, 5 s for a million lines: call it in a thread.
        """
        before, self._seen = self._seen, None
        try:
            self._seen = _stamp(self._path)
            if self._seen == self._in_use:
                self._refused = self.wrong = None
                return False
            if self._seen == self._refused or self._seen != before:
                return False
            accounts = self._read(self._accounts)
        except SettingsError as error:
            self._refuse(str(error))
            return False
        self._in_use, self._refused, self.wrong = self._seen, None, None
        self._accounts = accounts
        self._version += 1
        log.info("channel_mapping", version=self._version, listings=self.count())
        return True

    def _refuse(self, why: str) -> None:
        self._refused = self._seen
        if why != self.wrong:
            self.wrong = why
            self.refused += 1
            log.error("channel_mapping_refused", why=why, in_use=self._version)

    def count(self) -> int:
        """Give the number of listings of all accounts."""
        return sum(len(account) for account in self._accounts.values())

    async def watch(self) -> None:
        """Look at the file again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.look)

    def _read(self, before: Mapping[tuple[str, str], _Account]) -> dict[tuple[str, str], _Account]:
        return _Reading(self._path, self._integrations, self._adapters, before).accounts()


def load_mapping(
    path: Path, integrations: Sequence[Integration], adapters: Mapping[str, AdapterSpec]
) -> MappingFile:
    """Read the mapping of these integrations.

    Raises:
        SettingsError: one line for each mistake, with its line number.
    """
    return MappingFile(path, integrations, adapters)


class _Reading:
    """One reading of the file.

    Equal texts are one object, also with what is in use already: a million lines read anew would else need
    twice the memory for good.
    """

    def __init__(
        self,
        path: Path,
        integrations: Sequence[Integration],
        adapters: Mapping[str, AdapterSpec],
        before: Mapping[tuple[str, str], _Account],
    ) -> None:
        self._path = path
        self._before = before
        self._found = {
            integration.name: (
                (integration.channel, integration.account),
                _Account(adapters.get(integration.adapter)),
            )
            for integration in integrations
        }
        self._mistakes: list[str] = []
        self._skus: dict[str, str] = {}
        self._locations: dict[str, tuple[str, ...]] = {"": ()}

    def accounts(self) -> dict[tuple[str, str], _Account]:
        """Give each account's lines by (channel, account).

        Raises:
            SettingsError: it cannot be read, or lines are wrong.
        """
        named = f"channels.mapping_file = {str(self._path)!r}"
        try:
            with self._path.open(encoding="utf-8", errors=ERRORS, newline="") as file:
                self._take(file)
        except OSError as error:
            raise SettingsError(f"{named} cannot be read: {error.strerror or error}") from None
        if self._mistakes:
            raise SettingsError(as_one_text([f"{named}, {mistake}" for mistake in self._mistakes]))
        return dict(self._found.values())

    def _take(self, file: TextIO) -> None:
        lines = lines_of(file)
        if not _is_header(next(lines, "")):
            self._mistakes.append(f"line 1: the first line must be: {','.join(_COLUMNS)}")
            return
        taken = 0
        for line, text in enumerate(lines, 2):
            if not text.rstrip("\r\n"):
                continue
            taken += 1
            if taken > LISTINGS_MAX:
                self._mistakes.append(f"line {line}: more than {LISTINGS_MAX:,} lines")
                return
            try:
                self._take_line(fields_of(text), line)
            except WrongLineError as error:
                self._mistakes.append(f"line {line}: {error}")
                if len(self._mistakes) >= _MISTAKES_MAX or len(text) >= LINE_CHARACTERS_MAX:
                    self._mistakes.append(f"reading stopped at line {line}")
                    return

    def _take_line(self, fields: list[str], line: int) -> None:
        if len(fields) != len(_COLUMNS):
            raise WrongLineError(f"{len(fields)} fields instead of {','.join(_COLUMNS)}")
        name, listing, sku, joined = fields
        found = self._found.get(name)
        if found is None:
            known = ", ".join(sorted(self._found)[:20]) or "none"
            raise WrongLineError(f"integration {name[:80]!r} is not in the registry; there are: {known}")
        where, account = found
        if listing.startswith("@"):
            _take_place(account, listing, sku, joined)
            return
        _check_id("listing", listing)
        _check_id("sku", sku)
        spec = account.spec
        if spec is not None and (why := spec.check_listing(listing)) is not None:
            raise WrongLineError(f"listing {listing!r}: {why} ({spec.name}: {spec.listing_form})")
        locations = self._locations.get(joined)
        if locations is None:
            locations = self._locations[joined] = _locations(joined)
        before = self._before.get(where)
        former = None if before is None else before.of_listing(listing)
        if former is not None:
            listing = former.listing
            sku = former.sku if former.sku == sku else sku
        row = MappedListing(listing, self._skus.setdefault(sku, sku), locations, line)
        if (first := account.add(row)) is not None:
            raise WrongLineError(f"listing {listing!r} of {name} stands in line {first} already")


def _is_header(text: str) -> bool:
    try:
        return fields_of(text) == _COLUMNS
    except WrongLineError:
        return False


def _take_place(account: _Account, listing: str, sku: str, location: str) -> None:
    place = listing.removeprefix(PLACE)
    if place == listing:
        raise WrongLineError(f"listing {listing[:40]!r}: only {PLACE}<id of a place> may begin with @")
    if sku:
        raise WrongLineError(f"{listing[:60]!r} is a place: its third field stays empty")
    _check_id("place", place)
    _check_id("location", location)
    if "|" in location:
        raise WrongLineError(f"place {place!r} can be one location only")
    if account.places.setdefault(place, location) != location:
        raise WrongLineError(f"place {place!r} is {account.places[place]!r} already")


def _locations(joined: str) -> tuple[str, ...]:
    locations = tuple(joined.split("|"))
    if len(locations) > LOCATIONS_OF_LINE_MAX:
        raise WrongLineError(f"{len(locations):,} locations; at most {LOCATIONS_OF_LINE_MAX:,}")
    for location in locations:
        _check_id("location", location)
    if len(set(locations)) < len(locations):
        raise WrongLineError("a location stands there twice")
    return locations


def _check_id(what: str, text: str) -> None:
    if not 0 < len(text) <= ID_CHARACTERS_MAX or has_control_character(text):
        raise WrongLineError(f"{what} {text[:40]!r} is no identifier of 1-{ID_CHARACTERS_MAX} characters")


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError as error:
        raise SettingsError(
            f"channels.mapping_file = {str(path)!r} cannot be read: {error.strerror}"
        ) from None
    return _Stamp(status.st_mtime_ns, status.st_size, status.st_ino)
