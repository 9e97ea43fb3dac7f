"""Settings: what is wrong is said in one line that names the setting, its value and the way out."""

from pathlib import Path

import pytest

from inventory_stream.errors import SettingsError
from inventory_stream.settings import OTHER_VARIABLES, SECRETS_VARIABLE, load_settings, without_password


def fault(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Set variables, each without the prefix; give what loading says."""
    for name, value in variables.items():
        monkeypatch.setenv(f"INVENTORY_STREAM_{name}", value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    return str(raised.value)


def fault_of_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> str:
    """Write a settings file; give what loading says, after its name."""
    path = tmp_path / "shop.toml"
    path.write_text(text)
    line = fault(monkeypatch, SETTINGS_FILE=str(path))
    assert str(path) in line
    assert len(line.splitlines()) == 1
    return line


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS"),
        ("REDIS_URL", "INVENTORY_STREAM_REDIS__URL"),
        ("KAFKA__PARTITION", "INVENTORY_STREAM_KAFKA__PARTITIONS"),
        ("SETTING_FILE", "INVENTORY_STREAM_SETTINGS_FILE"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_right_name(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that sets nothing ends the start, and the nearest right name is told."""
    line = fault(monkeypatch, **{name: "1"})
    assert line == f"INVENTORY_STREAM_{name}: unknown setting, did you mean {meant}?"


def test_a_variable_like_no_other_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name is suggested where none is near."""
    assert "INVENTORY_STREAM_NOPE: unknown setting" in fault(monkeypatch, NOPE="1")


def test_right_variables_are_taken_in_any_case(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sections as JSON, lower case and the variables that are no settings all pass."""
    (tmp_path / "shop.toml").write_text("")
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA", '{"partitions": 3}')
    monkeypatch.setenv("inventory_stream_redis__timeout_seconds", "7")
    for name in OTHER_VARIABLES:
        monkeypatch.setenv(name, str(tmp_path if name == SECRETS_VARIABLE else tmp_path / "shop.toml"))
    settings = load_settings()
    assert (settings.kafka.partitions, settings.redis.timeout_seconds) == (3, 7.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kafka = 3", "kafka = 3 in"),
        ("[kafka", "cannot be read as TOML"),
        ("[kafka]\npartition = 3", "kafka.partition: unknown setting"),
        ("[kafka]\npartition = 3", "did you mean kafka.partitions?"),
        ("[kafka]\npartitions = 0", "kafka.partitions = 0 in"),
        ("[kafak]\npartitions = 3", "kafak: unknown setting"),
    ],
)
def test_a_fault_of_the_file_names_the_file(
    text: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever reads the line knows which file to open, and is sent to no variable that does not exist."""
    line = fault_of_file(monkeypatch, tmp_path, text)
    assert words in line
    assert "INVENTORY_STREAM_KAFKA__PARTITION " not in line


def test_settings_that_do_not_fit_each_other_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both settings, both values and both variables: either may be the one to change."""
    line = fault(monkeypatch, WORKER__LEASE_SECONDS="100")
    assert line.startswith("worker.alive_interval_seconds = 60.0 must be at most half of")
    for words in (
        "worker.lease_seconds = 100.0",
        "INVENTORY_STREAM_WORKER__ALIVE_INTERVAL_SECONDS",
        "INVENTORY_STREAM_WORKER__LEASE_SECONDS",
    ):
        assert words in line


def test_heartbeat_must_outlive_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat that expires before the next is written makes every shop fall back, forever."""
    line = fault(monkeypatch, PROJECTION__HEARTBEAT_EXPIRY_MS="499")
    assert line.startswith("projection.heartbeat_expiry_ms = 499 must be at least 1000")
    assert "raise INVENTORY_STREAM_PROJECTION__HEARTBEAT_EXPIRY_MS" in line


def test_a_wrong_url_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that lands in logs holds no secret."""
    line = fault(monkeypatch, REDIS__URL="http://shop:se:cr@et@cache/0")
    assert "http://shop:***@cache/0" in line


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("redis://:secret@cache:6379/0", "redis://:***@cache:6379/0"),
        ("unix:///run/redis.sock?password=secret&db=1", "unix:///run/redis.sock?password=***&db=1"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    """Only the password is hidden."""
    assert without_password(url) == shown
