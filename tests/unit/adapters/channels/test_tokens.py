import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import stamina

from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.channels.tokens import ASKS_MAX, EARLY_MS, REFUSED_MS, Fresh, Tokens
from inventory_stream.ports.channel import ChannelError, Result

HOUR_MS = 3_600_000


class Vendor:
    """Makes tokens; each refresh token is good for one use if `rotates`."""

    def __init__(self, secrets: Secrets, *, rotates: bool = False, failures: Sequence[Result] = ()) -> None:
        self.secrets = secrets
        self.rotates = rotates
        self.failures = list(failures)
        self.asked = 0
        self.good_refresh = "refresh-0"
        self.now_ms = 0

    async def ask(self) -> Fresh:
        """Give a token for the refresh token, or fail."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.failures:
            raise ChannelError(self.failures.pop(0), "failed")
        if self.secrets.text("refresh") != self.good_refresh:
            raise ChannelError(Result.AUTH, "refresh-token-used")
        if self.rotates:
            self.good_refresh = f"refresh-{self.asked}"
        return Fresh(f"access-{self.asked}", 3_600, self.good_refresh if self.rotates else None)

    def tokens(self) -> Tokens:
        """Give a worker's own."""
        name = "refresh" if self.rotates else None
        return Tokens(self.ask, self.secrets, lambda: self.now_ms, refresh_secret=name)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    """Hold a refresh token in a file."""
    (tmp_path / "refresh").write_text("refresh-0\n")
    return Secrets({"refresh": f"file:{tmp_path / 'refresh'}"})


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ASKS_MAX, cap=True):  # its own signature
        yield


async def test_a_token_is_kept_until_it_ends_soon(secrets: Secrets) -> None:
    """One ask serves for its life; a little before its end the next one is made."""
    vendor = Vendor(secrets)
    tokens = vendor.tokens()
    assert [await tokens.get() for _ in range(3)] == ["access-1"] * 3
    vendor.now_ms = HOUR_MS - EARLY_MS - 1
    assert await tokens.get() == "access-1"
    vendor.now_ms += 1
    assert await tokens.get() == "access-2"


async def test_many_who_meet_a_refused_token_make_one(secrets: Secrets) -> None:
    """Whoever comes second gets what the first one made."""
    vendor = Vendor(secrets)
    tokens = vendor.tokens()
    used = await tokens.get()
    assert set(await asyncio.gather(*(tokens.renew(used) for _ in range(5)))) == {"access-2"}
    assert vendor.asked == 2


async def test_two_workers_use_a_rotating_refresh_token_once_each(secrets: Secrets) -> None:
    """Each refresh token is stored before the next ask, so two workers never use the same one."""
    vendor = Vendor(secrets, rotates=True)
    got = await asyncio.gather(*(vendor.tokens().get() for _ in range(4)))
    assert sorted(got) == ["access-1", "access-2", "access-3", "access-4"]
    assert secrets.text("refresh") == vendor.good_refresh == "refresh-4"


async def test_a_new_refresh_token_is_stored_before_the_token_is_used(
    secrets: Secrets, tmp_path: Path
) -> None:
    """If it cannot be stored the token is not given out, and it is stored before anybody is asked again."""
    vendor = Vendor(secrets, rotates=True)
    tokens = vendor.tokens()
    (tmp_path / "refresh").rename(tmp_path / "kept")
    (tmp_path / "refresh").mkdir()  # nothing can be put in its place
    vendor.secrets = Secrets({"refresh": f"file:{tmp_path / 'kept'}"})
    with pytest.raises(ChannelError) as failed:
        await tokens.get()
    assert failed.value.result is Result.AUTH
    (tmp_path / "refresh").rmdir()
    vendor.now_ms += REFUSED_MS
    assert await tokens.get() == "access-1"
    assert vendor.asked == 1
    assert secrets.text("refresh") == "refresh-1"


async def test_a_vendor_in_trouble_is_asked_again_within_bounds(secrets: Secrets) -> None:
    """5xx and lost answers are tried again a few times, then they are the caller's to wait for."""
    vendor = Vendor(secrets, failures=[Result.RETRYABLE, Result.AMBIGUOUS])
    assert await vendor.tokens().get() == "access-3"
    vendor = Vendor(secrets, failures=[Result.RETRYABLE] * 10)
    with pytest.raises(ChannelError) as failed:
        await vendor.tokens().get()
    assert failed.value.result is Result.RETRYABLE
    assert vendor.asked == ASKS_MAX


@pytest.mark.parametrize("result", [Result.AUTH, Result.THROTTLED, Result.PERMANENT])
async def test_what_trying_again_does_not_mend_is_asked_once(secrets: Secrets, result: Result) -> None:
    """A refused grant is for a person, a refusal for how often for the pace."""
    vendor = Vendor(secrets, failures=[result] * 5)
    with pytest.raises(ChannelError) as failed:
        await vendor.tokens().get()
    assert failed.value.result is result
    assert vendor.asked == 1


async def test_a_mended_grant_is_asked_for_at_once(secrets: Secrets) -> None:
    """Whoever mends the access and says so need not wait for the minute; the next refusal counts anew."""
    vendor = Vendor(secrets, failures=[Result.AUTH, Result.AUTH])
    tokens = vendor.tokens()
    for asked in (1, 2):
        for _ in range(2):
            with pytest.raises(ChannelError):
                await tokens.get()
            assert vendor.asked == asked
        secrets.mended()
    assert await tokens.get() == "access-3"


async def test_a_refused_grant_is_not_asked_for_at_every_push(secrets: Secrets) -> None:
    """The vendor counts refused asks against the app: for a minute the answer is remembered."""
    vendor = Vendor(secrets, failures=[Result.AUTH])
    tokens = vendor.tokens()
    for _ in range(3):
        with pytest.raises(ChannelError):
            await tokens.get()
    assert vendor.asked == 1
    vendor.now_ms += REFUSED_MS
    assert await tokens.get() == "access-2"


async def test_a_static_token_is_made_anew_by_whoever_changes_the_secret(tmp_path: Path) -> None:
    """The same one again is a refusal; a changed file counts."""
    path = tmp_path / "token"
    path.write_text("first")
    now_ms = 0
    tokens = Tokens.static("token", Secrets({"token": f"file:{path}"}), lambda: now_ms)
    assert await tokens.get() == "first"
    with pytest.raises(ChannelError) as failed:
        await tokens.renew("first")
    assert (failed.value.result, failed.value.code) == (Result.AUTH, "token-refused")
    path.write_text("second")
    now_ms += REFUSED_MS
    assert await tokens.get() == "second"


async def test_a_call_is_sent_once_more_with_another_token(secrets: Secrets) -> None:
    """A refused token costs one repeat; a second refusal and any other failure are the caller's."""
    vendor = Vendor(secrets)
    tokens, sent = vendor.tokens(), list[str]()

    async def send(token: str) -> str:
        sent.append(token)
        if token == "access-1":  # noqa: S105  # no secret
            raise ChannelError(Result.AUTH, "http-401")
        return "done"

    assert await tokens.call(send) == "done"
    assert sent == ["access-1", "access-2"]

    async def refuse(token: str) -> str:
        sent.append(token)
        raise ChannelError(Result.AUTH, "http-401")

    with pytest.raises(ChannelError):
        await tokens.call(refuse)
    assert sent[2:] == ["access-2", "access-3"]

    async def fail(token: str) -> str:
        sent.append(token)
        raise ChannelError(Result.AMBIGUOUS, "cut-off")

    with pytest.raises(ChannelError):
        await tokens.call(fail)
    assert sent[4:] == ["access-3"]


def test_a_token_is_not_in_its_text() -> None:
    """What is printed of a fresh token is how long it lives."""
    assert repr(Fresh("access", 5.0, "refresh")) == "Fresh(lives_seconds=5.0)"
