"""Keeps this process's copy of the breakers' rows, and changes the rows for all instances.

Work does not wait for a Table service that hangs or fails: the copy is used, and a change is then known to
this process only.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from shared.model.breaker import Breaker
from shared.model.faults import ConfigurationFault, StateConflict, System, TransientFault
from shared.ports import Clock, Control
from shared.telemetry import LOGGER
from shared.telemetry.metrics import BREAKER_OPEN

_CACHE = timedelta(seconds=5)
_LONGEST_REQUEST = 5.0  # seconds


class SharedBreakers:
    """The rows as they were read last, at most 5 s ago."""

    def __init__(self, rows: Control, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._known: dict[System, tuple[Breaker, str | None]] = {}
        self._read_at: datetime | None = None
        self._reading = asyncio.Lock()

    @property
    def known(self) -> list[Breaker]:
        """Return every breaker that was ever opened or paused."""
        return [breaker for breaker, _ in self._known.values()]

    def current(self, system: System) -> Breaker:
        """Return the system's breaker."""
        breaker, _ = self._known.get(system, (Breaker(system), None))
        return breaker

    def expire(self) -> None:
        """Read the rows again when next needed."""
        self._read_at = None

    async def refresh(self) -> None:
        """Read the rows if they are old. Simultaneous callers wait for the same answer, and never long."""
        async with self._reading:
            now = self._clock.now()
            if self._read_at is not None and now - self._read_at < _CACHE:
                return
            self._read_at = now  # also after a fault: the next messages do not read again
            with suppress(TransientFault, ConfigurationFault):  # the next step shows it
                await self._read()
            for breaker in self.known:
                stopped = breaker.open_until is not None or bool(breaker.paused_by)
                BREAKER_OPEN.note(int(stopped), system=breaker.system)

    async def put(self, breaker: Breaker, instead_of: Breaker) -> bool:
        """Store the row and copy it; False if another was faster. If the table fails, only copy it."""
        if self.current(breaker.system) != instead_of:
            return False
        _, etag = self._known.get(breaker.system, (breaker, None))
        try:
            async with asyncio.timeout(_LONGEST_REQUEST):
                self._known[breaker.system] = breaker, await self._rows.put_breaker(breaker, etag)
        except StateConflict:
            self.expire()
            return False
        except (TransientFault, ConfigurationFault, TimeoutError) as trouble:
            self._known[breaker.system] = breaker, etag
            LOGGER.warning("breaker of %s is not shared: %s", breaker.system, trouble)
        return True

    async def change(self, system: System, change: Callable[[Breaker], Breaker]) -> tuple[Breaker, Breaker]:
        """Change the row as it is now, for all instances, and return it before and after.

        Raises faults of the Table service.
        """
        while True:
            await self._read()
            before, etag = self._known.get(system, (Breaker(system), None))
            after = change(before)
            if after == before:
                return before, after
            with suppress(StateConflict):
                self._known[system] = after, await self._rows.put_breaker(after, etag)
                return before, after

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(_LONGEST_REQUEST):
                self._known = dict((await self._rows.breakers()).items())
        except TimeoutError as error:
            raise TransientFault(System.TABLES, "no answer") from error
