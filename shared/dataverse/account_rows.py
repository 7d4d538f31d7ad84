"""Reads whole accounts page by page, in the order of their versions.

A version is a number that no two rows share and that only rises, so a row that is changed during the walk
comes once more at its end, and none is left out. The ids would not do: Dataverse documents the operator `gt`
for numbers, dates and texts, not for unique identifiers (learn.microsoft.com/power-apps/developer/
data-platform/fetchxml/reference/operators).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx

from shared.dataverse.accounts import API, HEADERS, account_of, existing_accounts, select_of
from shared.model.faults import ConfigurationFault, System
from shared.model.field_map import FieldMap
from shared.ports.reconciling import AccountRow
from shared.web.odata import ODataClient, answer_of

_REMEDIES = {
    400: "Check that every column of the field map exists in this environment: `accountsync preview` of an "
    "account names one that does not.",
    403: "Give the app's user the right to read all accounts of the organization, and currencies.",
    404: "Check DATAVERSE_URL.",
}


class DataverseAccountRows:
    """Implements the port AccountRows."""

    def __init__(self, client: ODataClient, field_map: FieldMap) -> None:
        self._client = client
        self._columns = field_map.columns
        self._select = select_of(field_map, "accountid", "modifiedon")

    async def after(self, version: str, size: int) -> Sequence[AccountRow]:
        """Return the accounts of a higher version, with their currencies: one request."""
        where = f"&$filter=versionnumber%20gt%20{int(version)}" if version else ""
        query = f"accounts?{self._select}{where}&$orderby=versionnumber&$top={size}"
        response = await self._client.get(API + query, HEADERS)
        read_at = self._client.answered_at(response)
        rows = [self._row(row, read_at) for row in _content(response)["value"]]
        versions = [int(version or -1), *(row.account.version for row in rows)]
        if any(later <= earlier for earlier, later in pairwise(versions)):
            remedy = "Read one page again; if it repeats itself, this is a defect: report it."
            raise ConfigurationFault(System.DATAVERSE, "lists accounts out of the order asked for.", remedy)
        return rows

    async def existing(self, account_ids: Collection[UUID]) -> frozenset[UUID]:
        """Return those of the accounts that exist."""
        return await existing_accounts(self._client, account_ids, _content)

    def _row(self, row: Mapping[str, Any], read_at: datetime) -> AccountRow:
        changed = row.get("modifiedon")
        account = account_of(UUID(str(row["accountid"])), row, self._columns, read_at)
        return AccountRow(account, datetime.fromisoformat(str(changed)) if changed else None)


def _content(response: httpx.Response) -> dict[str, Any]:
    return answer_of(
        System.DATAVERSE, response, _REMEDIES, "Check the environment and the app's access to it."
    )
