"""The currencies that Operations itself knows."""

import asyncio

from shared.targets.operations.errors import JSON_ONLY, page_content
from shared.web.odata import ODataClient

_PATH = "/data/Currencies?cross-company=true&$select=CurrencyCode"
PROBE = "/data/Currencies?$select=CurrencyCode&$top=1"  # one cheap request


class OperationsCurrencies:
    """A list kept in the process for `seconds`, and read again for a code that it does not contain."""

    def __init__(self, client: ODataClient, seconds: float = 3600, miss_seconds: float = 5) -> None:
        self._client = client
        self._seconds = seconds
        self._miss_seconds = miss_seconds
        self._codes: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def knows(self, code: str) -> bool:
        """Whether the code is one of Operations' own currencies."""
        wanted, clock = code.upper(), self._client.clock
        for longest in (self._seconds, self._miss_seconds):
            async with self._reading:
                if clock.now().timestamp() - self._read_at > longest:
                    self._codes = await self._read()
                    self._read_at = clock.now().timestamp()
            if wanted in self._codes:
                return True
        return False

    async def _read(self) -> frozenset[str]:
        rows = self._client.rows(_PATH, JSON_ONLY, page_content)
        return frozenset([str(row.get("CurrencyCode", "")).upper() async for row in rows]) - {""}
