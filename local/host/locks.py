"""Renewal of a lock while its message or session is in use, as the .NET ServiceBusProcessor does it.

Each renewal comes half of the remaining time, at most ten seconds, before the lock runs out; the last one
before the deadline that maxAutoLockRenewalDuration sets.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

from azure.servicebus.exceptions import MessageLockLostError, ServiceBusError, SessionLockLostError

_log = logging.getLogger(__name__)

Renew = Callable[[], Awaitable[datetime]]


@contextlib.asynccontextmanager
async def kept_locked(
    renew: Renew, locked_until: datetime | None, longest: timedelta, what: str
) -> AsyncIterator[None]:
    """Renew in the background until the block ends, for at most `longest` from now.

    The end waits for a renewal that is under way instead of breaking it off: both use one connection.
    """
    stop = asyncio.Event()
    task = asyncio.create_task(_renew_until(stop, renew, locked_until or datetime.now(UTC), longest, what))
    try:
        yield
    finally:
        stop.set()
        await task


async def _renew_until(
    stop: asyncio.Event, renew: Renew, locked_until: datetime, longest: timedelta, what: str
) -> None:
    deadline = datetime.now(UTC) + longest
    while True:
        remaining = max((locked_until - datetime.now(UTC)).total_seconds(), 0)
        delay = max(remaining - min(remaining / 2, 10), 0.1)
        if datetime.now(UTC) + timedelta(seconds=delay) >= deadline:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay)
            return
        try:
            locked_until = await renew()
            _log.debug("lock renewed", extra={"event": "lock_renewed", "what": what})
        except (MessageLockLostError, SessionLockLostError) as error:
            _log.warning("lock lost", extra={"event": "lock_lost", "what": what, "error": str(error)})
            return
        except ServiceBusError as error:
            _log.warning(
                "lock not renewed", extra={"event": "lock_not_renewed", "what": what, "error": str(error)}
            )
