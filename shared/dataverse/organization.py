"""Reads of the Sales environment itself what the app relies on: who the app is there, and two settings.

Source: learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api.
"""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from shared.dataverse.accounts import API, HEADERS
from shared.model.faults import System, TransientFault
from shared.model.observed import WhoAmI
from shared.web.odata import ODataClient, answer_of, literal

_REMEDIES = {
    403: "Give the app's user a role that may read the definitions of tables and columns.",
    404: "Check DATAVERSE_URL.",
}


class DataverseOrganization:
    """Implements the port Organization."""

    def __init__(self, client: ODataClient) -> None:
        self._client = client

    async def who(self) -> WhoAmI:
        content = await self._content("WhoAmI")
        try:
            return WhoAmI(UUID(str(content["OrganizationId"])), UUID(str(content["UserId"])))
        except (KeyError, ValueError) as error:
            raise TransientFault(System.DATAVERSE, "answered WhoAmI without its ids") from error

    async def tracks_changes(self) -> bool | None:
        query = "EntityDefinitions?$select=ChangeTrackingEnabled&$filter=LogicalName%20eq%20'account'"
        return await self._flag(query, "ChangeTrackingEnabled")

    async def updatable(self, column: str) -> bool | None:
        path = "EntityDefinitions(LogicalName='account')/Attributes?$select=IsValidForUpdate"
        return await self._flag(f"{path}&$filter=LogicalName%20eq%20{literal(column)}", "IsValidForUpdate")

    async def _flag(self, query: str, name: str) -> bool | None:
        rows = (await self._content(query)).get("value")
        if not isinstance(rows, list):
            raise TransientFault(System.DATAVERSE, "answered a list without its rows")
        found = [row.get(name) for row in cast(list[Mapping[str, object]], rows)]
        return found[0] if found and isinstance(found[0], bool) else None

    async def _content(self, query: str) -> Mapping[str, Any]:
        response = await self._client.get(API + query, HEADERS)
        return answer_of(System.DATAVERSE, response, _REMEDIES, "Check the environment and the access to it.")
