"""What the README shows of the HTTP side does what it says, on the whole API over the ledger in memory."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from typer.testing import CliRunner

from inventory_stream.cli import app
from models.commands import Sync
from tests.contract.fake_gateway import CREDENTIALS, FakeGateway, serving

ROOT: Final = Path(__file__).parents[3]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
KEY: Final = CREDENTIALS.removeprefix("Bearer ")
ADDRESS: Final = "http://localhost:8080"
NODE_SECONDS_MAX: Final = 60.0
"""It takes a second."""


def block(language: str) -> str:
    """Give the README's one block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    text: str = found
    assert ADDRESS in text
    return text


def curl() -> str:
    """Give the line with which the README reserves."""
    (found,) = re.findall(r"^curl \S+/v1/reservations .*$", README, re.MULTILINE)
    line: str = found
    return line


@pytest.fixture
def gateway() -> FakeGateway:
    """Give a gateway with two units of the README's SKU."""
    made = FakeGateway()
    made.desk.decide(Sync(id="count", sku="TEE-M", location="DC1", on_hand=2, effective_at=made.desk.now_ms))
    return made


def left(gateway: FakeGateway) -> int:
    """Give how many units of it can be sold."""
    (view,) = gateway.shelf.availability(["TEE-M"])
    assert view is not None
    return view.shown.total


async def test_the_lines_of_python_sell_a_unit_and_say_when_there_is_none(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice they sell one unit each, then they print the refusal."""
    async with serving(gateway) as url:
        named: dict[str, Any] = {}
        exec(compile(block("python").replace(ADDRESS, url), "README.md", "exec"), named)  # noqa: S102  # our own
        for units in (1, 0):
            await named["sell"](KEY)
            assert left(gateway) == units
        assert not capsys.readouterr().out
        await named["sell"](KEY)
    assert capsys.readouterr().out == "sold-out\n"


async def test_the_lines_of_javascript_sell_a_unit(gateway: FakeGateway, tmp_path: Path) -> None:
    """Run by node as they are, but for the address and for where the module is."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on the path: the browser module needs node 20 or newer")
    module = ROOT / "inventory_stream/storefront/javascript/inventory-stream.mjs"
    async with serving(gateway) as url:
        text = block("js").replace(f"{ADDRESS}/sdk/{module.name}", module.as_uri()).replace(ADDRESS, url)
        (tmp_path / "readme.mjs").write_text(f"const key = {json.dumps(KEY)};\n{text}")
        process = await asyncio.create_subprocess_exec(
            *(node, str(tmp_path / "readme.mjs")), stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(NODE_SECONDS_MAX):
            _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
    assert left(gateway) == 1


async def test_the_line_of_curl_holds_a_unit_once(gateway: FakeGateway) -> None:
    """Its body and headers are taken, and the same line again is the same reservation."""
    (body,) = re.findall(r"--json '([^']*)'", curl())
    headers = dict(re.findall(r'-H "([\w-]+): ([^"]*)"', curl()))
    assert headers["Authorization"] == "Bearer $KEY"
    headers["Authorization"] = CREDENTIALS
    async with serving(gateway) as url, aiohttp.ClientSession() as session:
        for _ in range(2):
            call = session.post(f"{url}/v1/reservations", json=json.loads(body), headers=headers)
            async with call as answer:
                assert answer.status == 201, await answer.text()
    assert left(gateway) == 1


def test_the_commands_before_it_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line makes a key and prints it alone; the command after it is there."""
    line = "KEY=$(inventory-stream keys create --scope storefront); inventory-stream gateway &"
    assert f"\n{line}\n" in README
    monkeypatch.setenv("INVENTORY_STREAM_GATEWAY__API_KEYS_FILE", str(tmp_path / "keys.jsonl"))
    made = CliRunner().invoke(app, ["keys", "create", "--scope", "storefront"])
    assert re.fullmatch(r"isk_[\w-]+", made.stdout.strip()), made.stdout
    assert CliRunner().invoke(app, ["gateway", "--help"]).exit_code == 0
