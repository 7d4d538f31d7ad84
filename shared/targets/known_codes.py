"""Codes that an ERP knows, such as its currencies: read seldom, and asked often."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.ports import Clock

_KEPT_SECONDS = 3600.0
_MISS_SECONDS = 5.0  # a code that is not there is looked for again after this time


class KnownCodes:
    """A list of codes in upper case, kept in the process, and read again for a code that it does not contain.

    `read` returns the list as the ERP has it now, and may raise faults.
    """

    def __init__(self, read: Callable[[], Awaitable[frozenset[str]]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._codes: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def contain(self, code: str) -> bool:
        """Whether the code, in any case, is on the list."""
        wanted = code.strip().upper()
        for longest in (_KEPT_SECONDS, _MISS_SECONDS):
            async with self._reading:
                if self._clock.now().timestamp() - self._read_at > longest:
                    self._codes = await self._read()
                    self._read_at = self._clock.now().timestamp()
            if wanted in self._codes:
                return True
        return False
