"""Walks the accounts in Dataverse by their ids: keyset pages, so that no page is missed or read twice.

Dataverse orders ids in its own way (that of SQL Server), so ids are never compared here; a page that does not
go on after the last id ends the walk with a fault.
Source: learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows and .../order-rows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from shared.dataverse.accounts import API, HEADERS
from shared.model.faults import ConditionRefused, System, TransientFault
from shared.model.load import Selection
from shared.ports.load import AccountPage
from shared.web.odata import ODataClient, answer_of, error_text

_REMEDIES = {403: "Give the app's user read access to accounts.", 404: "Check DATAVERSE_URL."}
_OTHERWISE = "Check the environment and the access to it."


class DataverseAccountPages:
    """Implements the port AccountPages."""

    def __init__(self, client: ODataClient) -> None:
        self._client = client

    async def page(self, selection: Selection, after: UUID | None, most: int) -> AccountPage:
        condition = _condition(selection, after)
        query = f"$select=accountid&$orderby=accountid&$top={most}" + (
            f"&$filter={quote(condition, safe='')}" if condition else ""
        )
        response = await self._client.get(f"{API}accounts?{query}", HEADERS)
        if response.status_code == 400 and (selection.where or selection.changed_since):
            raise ConditionRefused(error_text(response, "message") or "it gives no reason")
        rows = answer_of(System.DATAVERSE, response, _REMEDIES, _OTHERWISE).get("value")
        return AccountPage(_ids(rows, after), self._time_of(response))

    async def organization(self) -> UUID:
        response = await self._client.get(f"{API}WhoAmI", HEADERS)
        found = answer_of(System.DATAVERSE, response, _REMEDIES, _OTHERWISE)
        return UUID(str(found["OrganizationId"]))

    def _time_of(self, response: httpx.Response) -> datetime:
        return self._client.answered_at(response)


def _condition(selection: Selection, after: UUID | None) -> str:
    parts = [f"({selection.where})"] if selection.where else []
    if selection.changed_since is not None:
        parts.append(f"modifiedon ge {selection.changed_since.isoformat()}T00:00:00Z")
    if after is not None:
        parts.append(f"accountid gt {after}")
    return " and ".join(parts)


def _ids(rows: object, after: UUID | None) -> list[UUID]:
    """Return the ids in their order. Raises TransientFault for rows without ids, or that were read before."""
    try:
        ids = [UUID(str(row["accountid"])) for row in cast(Sequence[Mapping[str, Any]], rows)]
    except (TypeError, KeyError, ValueError) as error:
        raise TransientFault(System.DATAVERSE, "answered a list without its rows") from error
    if after in ids or len(set(ids)) < len(ids):
        raise TransientFault(System.DATAVERSE, "its pages of accounts do not go on")
    return ids
