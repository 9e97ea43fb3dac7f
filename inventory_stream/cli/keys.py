"""`keys create`, `keys list` and `keys revoke`: who may call the gateway."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.security.key_file import KeyFileError, changing_keys, read_keys
from inventory_stream.gateway.security.keys import ApiKey, create_key
from inventory_stream.settings import load_settings, variable
from models.ids import ID_CHARACTERS_MAX, has_control_character

_LIFE: Final = re.compile(r"([1-9]\d{0,4})([hd])")
_HOURS: Final = {"h": 1, "d": 24}

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help=(
        "Make, list and revoke the API keys of the gateway.\n\n"
        "A key is what a caller sends: `Authorization: Bearer isk_...`. The file holds salted hashes, so "
        "that nobody can read a key out of it: keep what `create` prints, it is printed once. Gateways see a "
        "changed file within 2 s. To change a key: create a second, give it to the caller, revoke the "
        "first.\n\n"
        "Scopes stand alone. storefront: reserve and read, for a shop. stock: adjust, count, transfer, "
        "fulfil, for a warehouse. admin: sales, limits, policies; each act leaves a row (`audit list`)."
    ),
)

FileOption = Annotated[
    Path | None, typer.Option("--file", help="Instead of gateway.api_keys_file.", show_default=False)
]


@app.command()
def create(
    scopes: Annotated[
        list[Scope], typer.Option("--scope", help="What it may do; may be repeated.", show_default=False)
    ],
    *,
    channel: Annotated[
        str | None,
        typer.Option(help="The channel that its reservations are made in.", show_default=False),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(help="When it ends: 12h or 90d from now. Without it: never.", show_default=False),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            help="Requests a second, twice that at once. Without it: gateway.key_requests_per_second.",
            show_default=False,
        ),
    ] = None,
    is_public: Annotated[
        bool,
        typer.Option(
            "--public",
            help="It stands in pages or apps: it holds a few units for a while, confirms nothing, and each "
            "address that uses it is limited, too.",
        ),
    ] = False,
    file: FileOption = None,
) -> None:
    """Make a key and print it, once: on stdout, with what it is on stderr.

    Example: inventory-stream keys create --scope storefront --channel web --expires 90d
    """
    if is_public and set(scopes) != {Scope.STOREFRONT}:
        raise typer.BadParameter("everybody can read a public key: it has --scope storefront alone")
    if channel is not None and (not 1 <= len(channel) <= ID_CHARACTERS_MAX or has_control_character(channel)):
        raise typer.BadParameter(
            f"1 to {ID_CHARACTERS_MAX} characters, none of control", param_hint="--channel"
        )
    now = datetime.now(UTC).replace(microsecond=0)
    key = create_key(
        scopes=tuple(dict.fromkeys(scopes)),
        created=now,
        channel=channel,
        requests_per_second=rate,
        is_public=is_public,
        expires=None if expires is None else now + _life(expires),
    )
    with changing_keys(_file(file)) as keys:
        keys[key.stored.id] = key.stored
    typer.echo(key.text)
    typer.echo(
        f"{_words(key.stored)}; it is not shown again. Revoke it: keys revoke {key.stored.id}", err=True
    )


@app.command("list")
def list_keys(
    *,
    is_json: Annotated[bool, typer.Option("--json", help="One JSON object per key and line.")] = False,
    file: FileOption = None,
) -> None:
    """Show every key by its id, those that ended too. The keys themselves are nowhere.

    Example: inventory-stream keys list
    """
    keys, now = read_keys(_file(file)), datetime.now(UTC)
    if is_json:
        for key in keys.values():
            shown = msgspec.to_builtins(key)
            shown = {name: value for name, value in shown.items() if name not in {"salt", "hash"}}
            typer.echo(msgspec.json.encode({**shown, "is_open": key.why_not(now) is None}))
        return
    table = Table(Column("id", no_wrap=True), "scopes", "channel", "rate", "made", "ends", "state")
    for key in keys.values():
        state = (
            "revoked" if key.revoked else "expired" if key.why_not(now) else "public" if key.is_public else ""
        )
        table.add_row(
            key.id,
            " ".join(key.scopes),
            Text(key.channel or ""),
            str(key.requests_per_second or ""),
            f"{key.created:%Y-%m-%d}",
            "" if key.expires is None else f"{key.expires:%Y-%m-%d %H:%M}",
            state,
        )
    Console().print(table)


@app.command()
def revoke(
    key_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="As `keys list` shows it, or the whole key.", show_default=False),
    ],
    *,
    file: FileOption = None,
) -> None:
    """Let a key open nothing from now on (2 s at most). It stays in the list, and cannot come back.

    Example: inventory-stream keys revoke mfrggzdfmztwq
    """
    path = _file(file)
    wanted = key_id.split("_")[1] if key_id.startswith("isk_") else key_id
    with changing_keys(path) as keys:
        key = keys.get(wanted)
        if key is None:
            raise KeyFileError(
                f"{path} has no key {wanted!r}; `inventory-stream keys list` shows those it has"
            )
        if key.revoked is None:
            keys[wanted] = msgspec.structs.replace(key, revoked=datetime.now(UTC).replace(microsecond=0))
    typer.echo(f"{wanted} opens nothing any more")


def _file(given: Path | None) -> Path:
    file = given or load_settings().gateway.api_keys_file
    if file is None:
        raise typer.BadParameter(
            f"name the key file with --file, or set {variable(('gateway', 'api_keys_file'))}"
        )
    return file


def _life(text: str) -> timedelta:
    life = _LIFE.fullmatch(text)
    if life is None:
        raise typer.BadParameter(f"{text!r} is no time to live, like 12h or 90d", param_hint="--expires")
    return timedelta(hours=int(life[1]) * _HOURS[life[2]])


def _words(key: ApiKey) -> str:
    ends = "never ends" if key.expires is None else f"ends {key.expires:%Y-%m-%d %H:%M} UTC"
    channel = f", channel {key.channel}" if key.channel else ""
    return f"key {key.id}: {' '.join(key.scopes)}{channel}, {ends}"
