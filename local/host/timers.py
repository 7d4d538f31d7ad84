"""Timer triggers: each runs on its schedule, one run at a time, in one of the hosts of a settings file.

In: a trigger with its schedule. Out: invocations with a TimerInfo. Missed moments are skipped. The
real host also makes one late run after a restart: it keeps the last run in storage, this one does not.
Source: learn.microsoft.com/azure/azure-functions/functions-bindings-timer.
"""

import asyncio
import contextlib
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from local.host.datums import as_json
from local.host.schedule import Schedule
from local.host.worker import Function, InvocationError, Worker

_log = logging.getLogger(__name__)

TAKE_OVER_SECONDS = 2.0
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


class Timer:
    """One timer function. `lock` is the file that only one host holds at a time."""

    def __init__(
        self, function: Function, schedule: Schedule, worker: Worker, lock: Path, stop: asyncio.Event
    ) -> None:
        self._function, self._schedule, self._worker, self._stop = function, schedule, worker, stop
        self._lock = lock
        self._last = _BEGINNING
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Wait for the lock, then run on schedule until the host stops."""
        handle = await self._take_lock()
        if handle is None:
            return
        with contextlib.closing(handle):
            if self._function.trigger.get("runOnStartup"):
                await self._invoke("timer, on startup")
            due = datetime.now(UTC)
            while True:
                due = self._schedule.next_after(max(due, datetime.now(UTC)))  # a sleep may end a little early
                if await self._stopped_within((due - datetime.now(UTC)).total_seconds()):
                    return
                await self._invoke("timer")

    async def run_by_hand(self, _input: str) -> None:
        """Run now, whatever the schedule says."""
        await self._invoke("by hand")

    async def _invoke(self, reason: str) -> None:
        async with self._one_at_a_time:
            now = datetime.now(UTC)
            status = {"Last": self._last, "LastUpdated": self._last, "Next": self._schedule.next_after(now)}
            info = as_json(
                {
                    "Schedule": {"AdjustForDST": True},
                    "ScheduleStatus": {name: moment.isoformat() for name, moment in status.items()},
                    "IsPastDue": False,
                }
            )
            self._last = now
            with contextlib.suppress(InvocationError):  # logged; the next moment is the retry
                await self._worker.invoke(self._function, info, {}, reason=reason)

    async def _take_lock(self) -> IO[bytes] | None:
        while not self._stop.is_set():
            handle = self._lock.open("ab")
            if _locked(handle):
                _log.debug("timer held", extra={"event": "timer_held", "function": self._function.name})
                return handle
            handle.close()
            await self._stopped_within(TAKE_OVER_SECONDS)
        return None

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return False
        return True


def _locked(handle: IO[bytes]) -> bool:
    """Try to lock the file for this process; the system frees it when the process ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return os.fstat(handle.fileno()).st_nlink > 0
