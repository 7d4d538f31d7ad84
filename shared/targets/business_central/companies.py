"""The companies of the environment: a name becomes the id that stands in addresses.

The whole list is read (an environment has at most 300 companies): a filter might find a company by a pattern,
and the wrong company means the wrong books. It is read again only for a name that it does not contain.
"""

import asyncio
from collections.abc import Mapping
from uuid import UUID

from shared.model.faults import AccountFault, ConfigurationFault, TransientFault
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause, Problem
from shared.targets.business_central.errors import HEADERS, SYSTEM, page_content, text_of
from shared.web.odata import ODataClient

STANDARD = "/api/v2.0"  # companies, currencies and the ledger's set-up are on no partner's page
_PATH = f"{STANDARD}/companies?$select=id,name"
PROBE = f"{STANDARD}/companies?$select=id&$top=1"


class Companies:
    """Ids by name, kept in the process."""

    def __init__(self, client: ODataClient, field_map: FieldMap) -> None:
        self._client = client
        self._company = field_map.company
        self._ids: Mapping[str, str] = {}
        self._reading = asyncio.Lock()

    async def id_of(self, name: str) -> str:
        """Return the company's id. Raises the fault of `unknown`."""
        wanted = name.strip()
        if wanted not in self._ids:
            async with self._reading:
                if wanted not in self._ids:
                    self._ids = await self._read()
        if wanted not in self._ids:
            raise self.unknown()
        return self._ids[wanted]

    async def all_ids(self) -> Mapping[str, str]:
        """Return the ids of all companies, read once."""
        async with self._reading:
            self._ids = self._ids or await self._read()
        return self._ids

    def forget(self) -> None:
        """Read the list again when an id is next needed: a company may be gone."""
        self._ids = {}

    def unknown(self) -> AccountFault | ConfigurationFault:
        """Return the fault of a name that no company has."""
        if (setting := self._company.setting) is None:
            return AccountFault(Problem(Cause.REFUSED, field=self._company.field))
        remedy = f"Check {setting}: it must be the exact name of a company."
        return ConfigurationFault(SYSTEM, f"does not know the company of {setting}.", remedy)

    async def _read(self) -> Mapping[str, str]:
        rows = self._client.rows(_PATH, HEADERS, page_content)
        return {text_of(row, "name"): guid(text_of(row, "id")) async for row in rows}


def guid(text: str) -> str:
    """Return an id as it stands in an address; a text that is none raises."""
    try:
        return str(UUID(text))
    except ValueError as error:
        raise TransientFault(SYSTEM, "answered an id of another form") from error
