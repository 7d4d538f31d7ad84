"""The currencies that NAV itself knows: page 5, in each company."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import httpx

from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.targets.nav.companies import Companies
from shared.targets.nav.errors import Meaning, forbidden, good_content, read_error
from shared.targets.nav.wire import Wire
from shared.web.odata import ODataClient

_SETTING = "NAV_CURRENCY_SERVICE"


class NavCurrencies:
    """A list kept in the process for `seconds`, and read again for a code that it does not contain.

    The currencies of `company` count, if it is given; otherwise those of all companies that NAV has `among`
    these, or of all if that is empty.
    """

    def __init__(
        self,
        client: ODataClient,
        wire: Wire,
        companies: Companies,
        service: str,
        company: str | None,
        among: Collection[str],
        *,
        seconds: float = 3600,
        miss_seconds: float = 5,
    ) -> None:
        self._client = client
        self._wire = wire
        self._companies = companies
        self._service = service
        self._company = company
        self._among = among
        self._ages = (seconds, miss_seconds)
        self._codes: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def knows(self, code: str) -> bool:
        """Whether the code is one of NAV's own currencies. Raises ConfigurationFault."""
        wanted, clock = code.strip().upper(), self._client.clock
        for longest in self._ages:
            async with self._reading:
                if clock.now().timestamp() - self._read_at > longest:
                    self._codes = await self._read()
                    self._read_at = clock.now().timestamp()
            if wanted in self._codes:
                return True
        return False

    async def _read(self) -> frozenset[str]:
        return frozenset([code for name in await self._asked() for code in await self._of(name)])

    async def _asked(self) -> list[str]:
        if self._company:
            return [self._company]
        return sorted(
            name for name in await self._companies.names() if not self._among or name in self._among
        )

    async def _of(self, company: str) -> list[str]:
        path = f"{self._wire.path(company, self._service)}?$select=Code"
        try:
            return [_code(row) async for row in self._client.rows(path, self._wire.headers, self._page)]
        except _NotFoundError:
            raise await self._companies.missing(company, _SETTING) from None

    def _page(self, response: httpx.Response) -> Mapping[str, Any]:
        if response.status_code == 200:
            return self._wire.page(good_content(response))
        error = read_error(response)
        if error.meaning is Meaning.NOT_FOUND:
            raise _NotFoundError
        if error.meaning is Meaning.FORBIDDEN:
            raise forbidden(error.status)
        reason, remedy = f"answered {error.status} to a read of its currencies.", f"Check {_SETTING}."
        raise ConfigurationFault(System.NAV, reason, f"{remedy} Publish page 5 (Currencies) under this name.")


class _NotFoundError(Exception):
    """The page was not found."""


def _code(row: object) -> str:
    code: object = row.get("Code") if isinstance(row, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(code, str):
        raise TransientFault(System.NAV, "answered a currency without its code")
    return code.strip().upper()
