import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inventory_stream.adapters.channels import secrets as module
from inventory_stream.adapters.channels.secrets import SECRET_BYTES_MAX, Secrets
from inventory_stream.ports.channel import ChannelError, Result

VALUE = "very-secret-value"


def of_file(path: Path) -> Secrets:
    """Refer to one file."""
    return Secrets({"token": f"file:{path}"})


@pytest.mark.parametrize("reference", [VALUE, "env:", "file:relative/path", "vault:x", "", "file:"])
def test_a_value_in_place_of_a_reference_is_refused_unshown(reference: str) -> None:
    """Somebody writes the secret itself one day: the message names the field and not the value."""
    with pytest.raises(ValueError, match="token") as refused:
        Secrets({"token": reference})
    assert VALUE not in str(refused.value)


def test_a_value_is_read_when_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file or variable counts at once; the line end of an editor is no part of it."""
    path = tmp_path / "token"
    path.write_text("old\n")
    secrets = of_file(path)
    assert secrets.text("token") == "old"
    path.write_text("new\r\n")
    assert secrets.text("token") == "new"
    monkeypatch.setenv("CHANNEL_TOKEN", " spaces stay ")
    assert Secrets({"token": "env:CHANNEL_TOKEN"}).text("token") == " spaces stay "


def test_two_live_webhook_secrets_are_two_lines(tmp_path: Path) -> None:
    """The newest is first, blank lines are none, and a third is too many to be meant."""
    path = tmp_path / "token"
    path.write_text("new\n\n old \nolder\n")
    assert of_file(path).live("token") == ("new", "old")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"x" * (SECRET_BYTES_MAX + 1)])
def test_a_secret_that_cannot_be_read_parks_the_account(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty, no text or far too large: AUTH, with its name and without its content."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ChannelError) as failed:
        of_file(path).text("token")
    assert failed.value.result is Result.AUTH
    assert failed.value.code.startswith("secret-token-")
    assert not of_file(path).has("token")
    assert not of_file(path).has("other")


def test_nothing_of_a_value_is_in_its_text(tmp_path: Path) -> None:
    """What is printed of the secrets is their names."""
    path = tmp_path / "token"
    path.write_text(VALUE)
    assert repr(of_file(path)) == "Secrets(token)"


async def test_a_new_value_takes_the_old_ones_place_at_once(tmp_path: Path) -> None:
    """Whoever reads finds the old value or the new one; only the owner may read it; nothing is left over."""
    path = tmp_path / "token"
    path.write_text("old")
    path.chmod(0o644)
    await of_file(path).replace("token", "new")
    assert of_file(path).text("token") == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["token"]  # noqa: PTH208  # of three entries


async def test_a_value_that_cannot_be_stored_says_so(tmp_path: Path) -> None:
    """A variable of the environment cannot be written, nor a folder that is not there."""
    variable = Secrets({"token": "env:CHANNEL_TOKEN"})
    assert not variable.can_replace("token")
    for secrets in (variable, of_file(tmp_path / "missing" / "token")):
        with pytest.raises(ChannelError) as failed:
            await secrets.replace("token", VALUE)
        assert failed.value.result is Result.AUTH
        assert VALUE not in repr(failed.value)


async def test_one_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    """Two workers that make the same secret anew do so one after the other, and it is let go of."""
    path, inside = tmp_path / "token", 0

    async def work() -> None:
        nonlocal inside
        async with of_file(path).lock("token"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(5)))


async def test_the_lock_holds_across_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process has it, nobody here gets it; when that one ends, somebody does."""
    path = tmp_path / "token"
    code = (
        f"import fcntl,sys; f=open({str(path) + '.lock'!r},'w'); fcntl.flock(f,2); print(flush=True); input()"
    )
    other = subprocess.Popen(  # noqa: ASYNC220, S603  # our own interpreter; it is waited for
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    other.stdout.readline()
    try:
        monkeypatch.setattr(module, "LOCK_SECONDS_MAX", 0.1)
        with pytest.raises(ChannelError) as failed:
            async with of_file(path).lock("token"):
                pytest.fail("both have it")
        assert failed.value.result is Result.RETRYABLE
    finally:
        other.communicate(b"\n", timeout=10)
    async with of_file(path).lock("token"):
        pass


async def test_an_error_under_the_lock_lets_go_of_it(tmp_path: Path) -> None:
    """A failed renewal does not lock the account out."""
    secrets = of_file(tmp_path / "token")
    with pytest.raises(ChannelError):
        async with secrets.lock("token"):
            raise ChannelError(Result.AUTH, "refused")
    async with asyncio.timeout(1), secrets.lock("token"):
        pass
