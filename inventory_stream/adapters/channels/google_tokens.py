"""Access tokens of a Google service account: a signed statement (JWT) against a token of an hour."""

from typing import Final
from urllib.parse import urlencode, urlsplit

import jwt
import msgspec
from msgspec import Struct

from inventory_stream.adapters.channels.answers import decoded
from inventory_stream.adapters.channels.spec import Needs
from inventory_stream.adapters.channels.tokens import Fresh
from inventory_stream.ports.channel import ChannelError, Result

SCOPE: Final = "https://www.googleapis.com/auth/content"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
STATEMENT_SECONDS: Final = 3_600
"""How long a statement is good: the most that Google takes."""
BACK_SECONDS: Final = 30
"""A statement is dated back so far, for clocks that run ahead of Google's."""
ASK_SECONDS: Final = 10.0


class _Key(Struct):
    """A key file; `type`, `project_id` and addresses besides these are not needed."""

    client_email: str
    private_key: str
    token_uri: str
    private_key_id: str | None = None


class _Given(Struct):
    access_token: str
    expires_in: float | None = None


class ServiceAccount:
    """Asks with the key file that the secret `service_account` holds, read anew at each use."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def ask(self) -> Fresh:
        """Get a token.

        Raises:
            ChannelError: AUTH: the key is none, or refused.
        """
        needs = self._needs
        try:
            key = msgspec.json.decode(needs.secrets.text("service_account"), type=_Key)
            statement = self._statement(key)
        except (msgspec.MsgspecError, jwt.PyJWTError, ValueError, TypeError):
            # Without the cause: it may quote the key.
            raise ChannelError(Result.AUTH, "service-account-unreadable") from None
        address = urlsplit(key.token_uri)
        exchange = needs.exchange(ASK_SECONDS, f"{address.scheme}://{address.netloc}")
        answer = await exchange.send(
            "POST",
            address.path or "/token",
            limit=None,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({"grant_type": GRANT, "assertion": statement}).encode(),
        )
        if not answer.is_success:
            raise ChannelError(Result.AUTH, f"token-http-{answer.status}")
        given = decoded(answer, _Given, needs.drift, "google", ignored=_IGNORED)
        return Fresh(given.access_token, given.expires_in)

    def _statement(self, key: _Key) -> str:
        now = self._needs.now_ms() // 1_000 - BACK_SECONDS
        claims = {
            "iss": key.client_email,
            "scope": SCOPE,
            "aud": key.token_uri,
            "iat": now,
            "exp": now + STATEMENT_SECONDS,
        }
        headers = None if key.private_key_id is None else {"kid": key.private_key_id}
        return jwt.encode(claims, key.private_key, algorithm="RS256", headers=headers)


_IGNORED: Final = frozenset({"token_type", "scope"})
