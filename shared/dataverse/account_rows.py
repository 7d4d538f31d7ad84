"""Reads whole accounts page by page, in the order of their ids.

Source: learn.microsoft.com/power-apps/developer/data-platform/webapi/query-data-web-api. Sales sorts ids as
its database does, which is not the order of their texts, so the last id is handed over and never compared.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID

import httpx

from shared.dataverse.accounts import API, HEADERS, account_of, select_of
from shared.model.faults import ConfigurationFault, System
from shared.model.field_map import FieldMap
from shared.ports.reconciling import AccountRow
from shared.web.odata import ODataClient, answer_of, http_date

_IDS_AT_ONCE = 40  # ids in one address; some gateways refuse addresses over 4 kB
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

    async def after(self, account_id: str, size: int) -> Sequence[AccountRow]:
        """Return the accounts after this id, with their currencies: one request."""
        where = f"&$filter=accountid%20gt%20{UUID(account_id)}" if account_id else ""
        query = f"accounts?{self._select}{where}&$orderby=accountid&$top={size}"
        response = await self._client.get(API + query, HEADERS)
        read_at = http_date(response.headers.get("date", "")) or self._client.clock.now()
        rows = [self._row(row, read_at) for row in _content(response)["value"]]
        ids = {str(row.account.account_id) for row in rows}
        if account_id in ids or len(ids) < len(rows):
            remedy = "Read one page again; if it repeats itself, this is a defect: report it."
            raise ConfigurationFault(System.DATAVERSE, "lists its accounts without an end.", remedy)
        return rows

    async def existing(self, account_ids: Collection[UUID]) -> frozenset[UUID]:
        """Return those of the accounts that exist."""
        found = set[UUID]()
        for ids in batched(account_ids, _IDS_AT_ONCE, strict=False):
            condition = "%20or%20".join(f"accountid%20eq%20{account_id}" for account_id in ids)
            query = f"accounts?$select=accountid&$filter={condition}"
            async for row in self._client.rows(API + query, HEADERS, _content):
                found.add(UUID(str(row["accountid"])))
        return frozenset(found)

    def _row(self, row: Mapping[str, Any], read_at: datetime) -> AccountRow:
        changed = row.get("modifiedon")
        account = account_of(UUID(str(row["accountid"])), row, self._columns, read_at)
        return AccountRow(account, datetime.fromisoformat(str(changed)) if changed else None)


def _content(response: httpx.Response) -> dict[str, Any]:
    return answer_of(
        System.DATAVERSE, response, _REMEDIES, "Check the environment and the app's access to it."
    )
