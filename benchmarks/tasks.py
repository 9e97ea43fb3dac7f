"""Several things at once, of which the first that fails says why."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

Given = TypeVar("Given")


async def together(*coroutines: Coroutine[None, None, Given]) -> list[Given]:
    """Run all; give what each gave. When one fails the others are cancelled, and its own error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return [task.result() for task in tasks]
