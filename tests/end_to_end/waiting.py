"""Waiting for what other processes do: ask until it is so, or fail with what was seen last."""

import asyncio
from collections.abc import Awaitable, Callable

WITHIN_SECONDS = 75.0  # what heals by itself may take a run of the timer, which is a minute
PAUSE_SECONDS = 0.05


async def eventually[T](
    ask: Callable[[], Awaitable[T]],
    good: Callable[[T], bool],
    what: str,
    within: float = WITHIN_SECONDS,
) -> T:
    """The first answer that is good; AssertionError if there is none within that many seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not good(answer := await ask()):
        if loop.time() > end:
            raise AssertionError(f"not within {within:g} s: {what}; last seen: {answer!r}")
        await asyncio.sleep(PAUSE_SECONDS)
    return answer
