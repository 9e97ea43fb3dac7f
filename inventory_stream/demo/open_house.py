"""What a finished demo leaves open: the shop's page, the API and the commands, until Ctrl-C."""

import os
import shlex
import sys
import threading
import webbrowser
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from rich.console import Console

from inventory_stream.demo.shop import LOCATION, PAGE_SKU, SALE_SKU, SPARE_SKU, page_of
from inventory_stream.demo.stage import GATEWAYS, Stage

_POST: Final = (
    'curl -X POST {path} -H "Authorization: Bearer ${key}" -H "Idempotency-Key: {name}" '
    '-H "Content-Type: application/json" -d {body}'
)


def invitation(stage: Stage, hints: Iterable[str]) -> Iterator[str]:
    """Give the lines that say what is there to try; `hints` are commands."""
    gateway = stage.gateway_urls[GATEWAYS[0]]
    keys = stage.shop.keys
    yield "\nEverything is still running, until Ctrl-C. In another terminal:"
    for name, value in stage.environment.items():
        yield f"  export {name}={shlex.quote(value)}"
    yield f"  inventory-stream atp get {SALE_SKU}"
    yield "  inventory-stream channels status"
    yield f"  curl {stage.sandbox_url}    # what the three channels show; docs/channels/sandbox.md: break one"
    for hint in hints:
        yield f"  {hint}"
    for name, url in stage.monitoring_urls.items():
        yield f"  curl {url}/metrics    # {name}; also /live and /ready"
    yield f"Data and logs: {stage.data_dir}"
    yield f"Every call of the API, to read: {gateway}/docs"
    yield "A reservation by curl:"
    yield f"  GATEWAY={gateway}"
    yield f"  KEY={keys.storefront}"
    reserve = _post("/v1/reservations", "KEY", "try-1", SPARE_SKU, '"units": 1')
    yield f"  {reserve}"
    yield "One more unit for the page below, from the shop's owner:"
    yield f"  OWNER={keys.owner}"
    now = '"delta": 1, "effective_at": "\'$(date -u +%FT%TZ)\'"'
    adjust = _post("/v1/stock/adjustments", "OWNER", "more-$(date +%s)", PAGE_SKU, now)
    yield f"  {adjust}"
    yield "The shop's page has one unit. Open it in two browsers, or a private window too: one gets it."
    yield f"  {page_of(gateway)}"


def open_page(stage: Stage, console: Console) -> None:
    """Open the page in the user's browser, where somebody sits at a terminal with a display."""
    if console.is_terminal and has_display(os.environ, sys.platform):
        webbrowser.open(page_of(stage.gateway_urls[GATEWAYS[0]]))


def has_display(environment: Mapping[str, str], platform: str) -> bool:
    """Say whether a browser would have a window: without one, some take the terminal."""
    return platform in {"darwin", "win32"} or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def wait_for_ctrl_c() -> None:
    """Wait for it."""
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _post(path: str, key: str, name: str, sku: str, more: str) -> str:
    body = f'\'{{"sku": "{sku}", "location": "{LOCATION}", {more}}}\''
    return _POST.format(path=f"$GATEWAY{path}", key=key, name=name, body=body)
