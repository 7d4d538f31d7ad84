"""Walks the ids of the accounts in Dataverse in the order of their versions, as `account_rows` does.

An account that changes during the walk comes once more at its end; none is left out. A page that does not go
on after the last version ends the walk with a fault.
Source: learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows and .../order-rows.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

from shared.dataverse.accounts import API, HEADERS
from shared.model.faults import ConditionRefused, System, TransientFault
from shared.model.load import Selection
from shared.ports.load import AccountPage
from shared.web.odata import ODataClient, answer_of, error_text

_REMEDIES = {
    400: "Check that the columns of [[related]] in the field map are look-ups of the account.",
    403: "Give the app's user read access to accounts.",
    404: "Check DATAVERSE_URL.",
}
_OTHERWISE = "Check the environment and the access to it."


class DataverseAccountPages:
    """Implements the port AccountPages."""

    def __init__(self, client: ODataClient) -> None:
        self._client = client

    async def page(self, selection: Selection, after: str, most: int) -> AccountPage:
        condition = _condition(selection, after)
        query = f"$select=accountid,versionnumber&$orderby=versionnumber&$top={most}" + (
            f"&$filter={quote(condition, safe='')}" if condition else ""
        )
        response = await self._client.get(f"{API}accounts?{query}", HEADERS)
        if response.status_code == 400 and (selection.where or selection.changed_since):
            raise ConditionRefused(error_text(response, "message") or "it gives no reason")
        rows = answer_of(System.DATAVERSE, response, _REMEDIES, _OTHERWISE).get("value")
        versions = _versions(rows, after)
        last = str(versions[-1][0]) if versions else after
        ids = [account_id for _, account_id in versions]
        return AccountPage(ids, last, self._client.answered_at(response))

    async def organization(self) -> UUID:
        response = await self._client.get(f"{API}WhoAmI", HEADERS)
        found = answer_of(System.DATAVERSE, response, _REMEDIES, _OTHERWISE)
        return UUID(str(found["OrganizationId"]))


def _condition(selection: Selection, after: str) -> str:
    parts = [f"({selection.where})"] if selection.where else []
    if selection.changed_since is not None:
        parts.append(f"modifiedon ge {selection.changed_since.isoformat()}T00:00:00Z")
    if selection.refers_to is not None:
        columns, row_id = selection.refers_to
        parts.append("(" + " or ".join(f"_{column}_value eq {row_id}" for column in columns) + ")")
    if after:
        parts.append(f"versionnumber gt {int(after)}")
    return " and ".join(parts)


def _versions(rows: object, after: str) -> list[tuple[int, UUID]]:
    """Return the rows in their order. Raises TransientFault for rows without ids, or out of the order."""
    try:
        found = cast(Sequence[Mapping[str, Any]], rows)
        versions = [(int(row["versionnumber"]), UUID(str(row["accountid"]))) for row in found]
    except (TypeError, KeyError, ValueError) as error:
        raise TransientFault(System.DATAVERSE, "answered a list without its rows") from error
    if any(later <= earlier for earlier, later in pairwise([int(after or -1), *(v for v, _ in versions)])):
        raise TransientFault(System.DATAVERSE, "its pages of accounts do not go on")
    return versions
