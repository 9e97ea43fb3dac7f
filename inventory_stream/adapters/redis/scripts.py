"""Lua scripts that the server keeps by hash, sent again when it has forgotten them."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError


class Script:
    """One packaged script of exactly one key.

    A server forgets scripts on restart, failover and SCRIPT FLUSH; the answer is then NOSCRIPT and
    nothing was done, so the call is safe to repeat once the script is loaded.
    """

    def __init__(self, file_name: str) -> None:
        self._source = (files(__package__) / file_name).read_text("utf-8")
        self._digest = ""

    async def load(self, client: Redis) -> None:
        """Give the script to the server."""
        self._digest = await client.script_load(self._source)

    async def run_each(
        self,
        client: Redis,
        calls: Sequence[tuple[str, Sequence[str | bytes]]],
        before: Sequence[Sequence[str]] = (),
        after: Sequence[Sequence[str]] = (),
    ) -> tuple[list[int], list[Any]]:
        """Run the script for each (key, arguments) in one round trip.

        Other commands may ride along `before` and `after` the calls, in this order: a pipeline
        is carried out in order, though other clients' commands may come in between.

        Returns:
            The script's answers, and those of the commands `after`. With a forgotten script one
            more round trip is made for all that was not done.

        Raises:
            redis.exceptions.RedisError: the first one that any command answered.
        """
        if not self._digest:
            await self.load(client)
        # Not done on NOSCRIPT: the calls. All of them are repeated, which is the same as those that
        # failed, as one connection's server knows the script for all of them or for none.
        for is_last in (False, True):
            pipeline = client.pipeline(transaction=False)
            for command in before:
                pipeline.execute_command(*command)
            for key, arguments in calls:
                pipeline.execute_command("EVALSHA", self._digest, 1, key, *arguments)
            for command in after:
                pipeline.execute_command(*command)
            answers = await pipeline.execute(raise_on_error=False)
            if not is_last and any(isinstance(answer, NoScriptError) for answer in answers):
                await self.load(client)
                continue
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            break
        first = len(before)
        return answers[first : first + len(calls)], answers[first + len(calls) :]
