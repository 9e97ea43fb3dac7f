"""`channels` without a broker: files are checked, and what cannot be meant is said before it is asked."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from inventory_stream.cli import channels, channels_acts, channels_reach
from inventory_stream.errors import InventoryStreamError, SettingsError
from inventory_stream.settings import load_settings
from models.channels import ACCOUNT, STATUS, AccountRow, Inbound, StatusRow, outcome_key
from tests.fakes.channel_desk import FakeChannelDesk

REGISTRY = """
[[integration]]
name = "{name}"
adapter = "webhook"
channel = "partner"
account = "{name}"
url = "https://{name}.example/hooks"
owner = "web team"
escalation = "on call"
freshness_seconds = 30
error_budget = 0.01
mode = "shadow"
[integration.secrets]
signing = "env:PARTNER_SECRET"
"""
HEAD = "integration,listing,sku,locations\n"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name two files with two partners."""
    (tmp_path / "registry.toml").write_text(REGISTRY.format(name="p1") + REGISTRY.format(name="p2"))
    (tmp_path / "mapping.csv").write_text(f"{HEAD}p1,mug,MUG,\np1,cup,CUP,\n")
    monkeypatch.setenv("INVENTORY_STREAM_CHANNELS__REGISTRY_FILE", str(tmp_path / "registry.toml"))
    monkeypatch.setenv("INVENTORY_STREAM_CHANNELS__MAPPING_FILE", str(tmp_path / "mapping.csv"))
    # Nobody is there: whoever is asked all the same fails the test.
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    return tmp_path


def run(*arguments: str) -> Result:
    """Run one command; a fault is raised, as the command line would print it."""
    result = CliRunner().invoke(channels.app, arguments)
    if isinstance(result.exception, InventoryStreamError):
        raise result.exception
    return result


def test_check_names_accounts_listings_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right files and a secret that cannot be read here: exit 1, with its reference."""
    monkeypatch.delenv("PARTNER_SECRET", raising=False)
    result = run("check")
    assert result.exit_code == 1
    assert "p1: webhook, 2 listings, mode shadow" in result.stdout
    assert "p1: secret signing cannot be read here from env:PARTNER_SECRET" in result.stdout
    assert "2 integrations, 2 listings" in result.stdout


def test_check_says_that_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its secrets the set-up is complete, and no value of them is shown."""
    monkeypatch.setenv("PARTNER_SECRET", "whsec_c2VjcmV0")
    result = run("check")
    assert result.exit_code == 0
    assert "whsec" not in result.output


def test_check_says_when_an_address_will_not_be_asked(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's registry is right, and a worker that may not ask this machine sends nothing."""
    monkeypatch.setenv("PARTNER_SECRET", "whsec_c2VjcmV0")
    registry = REGISTRY.format(name="p1").replace("https://p1.example/hooks", "http://127.0.0.1:8095/p1")
    (files / "registry.toml").write_text(registry)
    refused = run("check")
    assert refused.exit_code == 1
    assert "p1: nothing will be sent: its url must be https (channels.allow_loopback)" in refused.stdout
    (files / "registry.toml").write_text(REGISTRY.format(name="p1").replace("p1.example", "localhost"))
    refused = run("check")
    assert (refused.exit_code, "its url is in a private or reserved network" in refused.stdout) == (1, True)
    monkeypatch.setenv("INVENTORY_STREAM_CHANNELS__ALLOW_LOOPBACK", "true")
    assert run("check").exit_code == 0


def test_check_tells_wrong_lines(files: Path) -> None:
    """Line numbers of the mapping, entries of the registry; the command line then ends with 2."""
    (files / "mapping.csv").write_text(f"{HEAD}p1,mug,MUG,\np1,mug,CUP,\np3,mug,MUG,\n")
    with pytest.raises(SettingsError, match=r"line 3: .*\n.*line 4: integration 'p3'"):
        run("check")


@pytest.mark.parametrize("command", ["status", "check"])
def test_without_a_registry_the_way_to_one_is_said(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has channels at first."""
    monkeypatch.delenv("INVENTORY_STREAM_CHANNELS__REGISTRY_FILE")
    with pytest.raises(SettingsError, match=r"INVENTORY_STREAM_CHANNELS__REGISTRY_FILE.*sandbox"):
        run(command)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pause", "p9"), "p9: not in the registry; there are: p1, p2"),
        (("pause",), "name integrations, or choose by --channel, or --all"),
        (("resume", "--channel", "web"), "no integration is of channel 'web'; there are: partner"),
        (("pause", "p1", "p2", "--listing", "mug"), "listings are of one integration"),
        (("pause", "p1", "--listing", "jug"), "'jug' is not mapped for p1"),
        (("pause", "p1", "--by", "a\x07"), "none of control"),
        (("smoke", "p1", "--listing", "mug", "--listing", "cup"), "one listing is checked"),
        (("diff", "p1", "--wait", "0"), "--wait"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(
    arguments: tuple[str, ...], told: str
) -> None:
    """A slip of the hand costs nothing."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.output.replace("│", " ").split())


def test_an_empty_registry_says_so(files: Path) -> None:
    """As a fresh deployment has it: nothing is wrong, and nobody is there."""
    (files / "registry.toml").write_text("# none yet\n")
    (files / "mapping.csv").write_text(HEAD)
    assert run("check").exit_code == 0
    with pytest.raises(InventoryStreamError, match="names no integration yet"):
        run("status")


def test_kill_asks_first() -> None:
    """Who does not say yes has done nothing."""
    result = CliRunner().invoke(channels.app, ["kill", "--all", "--zeros-first"], input="n\n")
    assert isinstance(result.exception, InventoryStreamError)
    assert str(result.exception) == "nothing was done"
    assert "take everything off sale at p1, p2?" in result.output


def test_replay_asks_before_anything_is_sent() -> None:
    """Neither dead pushes nor deliveries: who does not say yes has done nothing."""
    result = CliRunner().invoke(channels.app, ["replay", "p1"], input="n\n")
    assert isinstance(result.exception, InventoryStreamError)
    assert str(result.exception) == "nothing was done"
    assert "Send again all that p1 has given up?" in result.output


@pytest.mark.parametrize(
    ("kind", "parked", "is_asked"),
    [
        ("approve", {}, False),
        ("approve", {"auth": "http-401"}, False),
        ("approve", {"mass_change": "20 of 40"}, True),
        ("approve", {"mass_drift": "20 of 40"}, True),
        ("refuse", {"mass_drift": "20 of 40"}, False),
        ("refuse", {"mass_change": "20 of 40"}, True),
    ],
)
def test_an_approval_of_nothing_says_so(
    kind: str, parked: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, is_asked: bool
) -> None:
    """Only what waits can be approved or refused: else nobody is asked, and the exit is 1."""
    settings = load_settings()
    entry = channels_reach.integrations(settings)[0]
    partition = channels_reach.partition_of_account(settings, entry)
    key = outcome_key("partner", "p1", ACCOUNT)

    def owner(_: Inbound, asked: int) -> None:
        desk.write(asked, key, AccountRow(last_act_id=desk.acts[-1].act_id))

    desk = FakeChannelDesk(owner)
    desk.write(partition, key, AccountRow(parked=parked))
    monkeypatch.setattr(channels_acts, "run_at_desk", lambda _, work: asyncio.run(work(desk)))
    result = run(kind, "p1")
    assert [act.kind for act in desk.acts] == [kind] * is_asked
    assert result.exit_code == (0 if is_asked else 1)
    assert ("nothing was done" in result.stdout) == (not is_asked)


def test_every_command_teaches() -> None:
    """Each has an example in its help."""
    for name in channels.app.registered_commands:
        assert name.name is not None
        assert "Example: inventory-stream channels" in " ".join(run(name.name, "--help").output.split())


async def test_watching_reads_only_what_is_new(files: Path) -> None:
    """The first look reads all, the next ones what was written since: a million listings cost once."""
    del files
    settings = load_settings()
    entries = channels_reach.integrations(settings)
    desk = FakeChannelDesk()
    partition = channels_reach.partition_of_account(settings, entries[0])
    key = outcome_key("partner", "p1", STATUS)
    stories = channels_reach.Stories(settings, desk, entries)
    desk.write(partition, key, StatusRow(worker="w1", at_ms=1, mode="on", dead=7))
    assert [story.status and story.status.dead for story in await stories.look()] == [7, None]
    desk.written[partition][0] = (key, StatusRow(worker="w1", at_ms=1, mode="on", dead=99))
    assert [story.status and story.status.dead for story in await stories.look()] == [7, None]
    desk.write(partition, key, StatusRow(worker="w1", at_ms=2, mode="on"))
    assert [story.status and story.status.dead for story in await stories.look()] == [0, None]
