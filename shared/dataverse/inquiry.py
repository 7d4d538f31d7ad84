"""Answers people's questions from Dataverse: currencies, accounts by number, and the jobs that post events.

Source: learn.microsoft.com/power-apps/developer/data-platform/webapi/query-data-web-api and
.../reference/entities/asyncoperation.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID

import httpx

from shared.dataverse.accounts import API, HEADERS
from shared.model.account import AccountCurrency, AccountName, SystemJob
from shared.model.faults import System
from shared.web.odata import ODataClient, answer_of, literal

_STATUS = {
    0: "waiting for resources",
    10: "waiting",
    20: "in progress",
    21: "pausing",
    22: "canceling",
    30: "succeeded",
    31: "failed",
    32: "canceled",
}
_REMEDIES = {
    403: "Give the user read access to accounts, currencies and system jobs.",
    404: "Check DATAVERSE_URL.",
}
_MOST_JOBS = 20
_NAMES_AT_ONCE = 40  # ids in one address; some gateways refuse addresses over 4 kB


class DataverseInquiry:
    """Implements the port SalesInquiry."""

    def __init__(self, client: ODataClient, number_column: str) -> None:
        self._client = client
        self._number_column = number_column

    async def currencies(self) -> Sequence[AccountCurrency]:
        query = "transactioncurrencies?$select=currencyname,isocurrencycode&$filter=statecode%20eq%200"
        return [
            AccountCurrency(str(row["currencyname"]), row.get("isocurrencycode"))
            async for row in self._rows(query)
            if row.get("currencyname")
        ]

    async def by_number(self, number: str) -> Sequence[UUID]:
        condition = f"{self._number_column}%20eq%20{literal(number)}"
        query = f"accounts?$select=accountid&$filter={condition}&$top=5"
        return [UUID(str(row["accountid"])) async for row in self._rows(query)]

    async def names(self, account_ids: Collection[UUID]) -> Mapping[UUID, AccountName]:
        found: dict[UUID, AccountName] = {}
        for ids in batched(account_ids, _NAMES_AT_ONCE, strict=False):
            condition = "%20or%20".join(f"accountid%20eq%20{account_id}" for account_id in ids)
            found |= await self._named(f"$filter={condition}")
        return found

    async def by_name(self, part: str, most: int) -> Mapping[UUID, AccountName]:
        return await self._named(f"$filter=contains(name,{literal(part)})&$orderby=name&$top={most}")

    async def _named(self, condition: str) -> dict[UUID, AccountName]:
        columns = ",".join(dict.fromkeys(("accountid", "name", self._number_column)))
        return {
            UUID(str(row["accountid"])): AccountName(
                str(row.get(self._number_column) or ""), str(row.get("name") or "")
            )
            async for row in self._rows(f"accounts?$select={columns}&{condition}")
        }

    async def jobs(self, account_id: UUID) -> Sequence[SystemJob]:
        query = (
            "asyncoperations?$select=name,statuscode,createdon,friendlymessage"
            f"&$filter=_regardingobjectid_value%20eq%20{account_id}%20and%20statuscode%20ne%2030"
            f"&$orderby=createdon%20desc&$top={_MOST_JOBS}"
        )
        jobs = [_job(row) async for row in self._rows(query)]
        return jobs[::-1]

    def _rows(self, query: str) -> AsyncIterator[Mapping[str, Any]]:
        return self._client.rows(API + query, HEADERS, _content)


def _job(row: Mapping[str, Any]) -> SystemJob:
    created = row.get("createdon")
    return SystemJob(
        name=str(row.get("name") or ""),
        status=_STATUS.get(int(row.get("statuscode") or 0), str(row.get("statuscode"))),
        created_at=datetime.fromisoformat(created) if created else None,
        message=str(row.get("friendlymessage") or "").split("\n")[0][:200],
    )


def _content(response: httpx.Response) -> dict[str, Any]:
    return answer_of(System.DATAVERSE, response, _REMEDIES, "Check the environment and the access to it.")
