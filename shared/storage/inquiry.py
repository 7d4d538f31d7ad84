# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The tables as the operator asks them: accounts by currency, issues, recent outcomes, customers' owners."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from azure.data.tables.aio import TableClient

from shared.model.customer import CustomerKey
from shared.model.mapping import escape_key
from shared.model.outcome import Cause, keys_of_cause
from shared.model.state import LogEntry, Phase, decode_log
from shared.ports.inquiry import Issue
from shared.ports.mapping import Usage
from shared.storage.tables import table_faults

_MAPPING_CAUSES = (Cause.UNMAPPED_CURRENCY, Cause.BAD_MAPPING, Cause.UNKNOWN_ERP_CURRENCY)


class AccountScan:
    """Implements the ports CurrencyUsage and RecentOutcomes over the table AccountSync."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def count(self) -> Mapping[str, Usage]:
        """Accounts by normalised currency name; one pass over the table, few columns of it."""
        accounts, parked = Counter[str](), Counter[str]()
        with table_faults():
            async for entity in self._table.list_entities(select=["CurrencyKey", "Phase", "Issue"]):
                key = str(entity.get("CurrencyKey") or "")
                if not key:
                    continue
                accounts[key] += 1
                cause = str(entity.get("Issue") or "").partition("|")[0]
                parked[key] += entity.get("Phase") == Phase.PARKED and cause in _MAPPING_CAUSES
        return {key: Usage(count, parked[key]) for key, count in accounts.items()}

    async def since(self, moment: datetime) -> Sequence[LogEntry]:
        """The log lines since then, of the accounts that were touched since then."""
        entries: list[LogEntry] = []
        with table_faults():
            touched = self._table.query_entities(
                "Timestamp ge @moment", parameters={"moment": moment}, select=["Log"]
            )
            async for entity in touched:
                log = decode_log(str(entity.get("Log") or "[]"))
                entries += [entry for entry in log if datetime.fromisoformat(entry.at) >= moment]
        return entries


class IssueRows:
    """Implements the port IssueReport over the table Issues."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def issues(self, cause: str = "") -> Sequence[Issue]:
        """The parked accounts, of one cause or of all; "UnmappedCurrency|yen" names one value."""
        found: list[Issue] = []
        query = "PartitionKey eq @exact or ( PartitionKey ge @first and PartitionKey lt @last )"
        with table_faults():
            for key in keys_of_cause(cause):
                parameters = {"exact": key, "first": f"{key}|", "last": f"{key}}}"}
                entities = (
                    self._table.query_entities(query, parameters=parameters)
                    if key
                    else self._table.list_entities()
                )
                found += [_issue(entity) async for entity in entities]
        return found


class CustomerNumbers:
    """Implements the ports AccountNumbers and CustomerAccounts over the table CustomerOwners."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def by_number(self, number: str) -> Sequence[UUID]:
        """The accounts that own a customer of this number, in whatever company."""
        row_key = escape_key(CustomerKey("", number).folded.number)
        with table_faults():
            entities = self._table.query_entities(
                "RowKey eq @row", parameters={"row": row_key}, select=["AccountId"]
            )
            return [UUID(str(entity["AccountId"])) async for entity in entities]

    async def owner(self, key: CustomerKey) -> UUID | None:
        """The account that owns this customer, if one does."""
        folded = key.folded
        with table_faults():
            entities = self._table.query_entities(
                "PartitionKey eq @company and RowKey eq @row",
                parameters={
                    "company": escape_key(folded.company),
                    "row": escape_key(f"{folded.by}={folded.number}" if folded.by else folded.number),
                },
                select=["AccountId"],
            )
            async for entity in entities:
                return UUID(str(entity["AccountId"]))
        return None


def _issue(entity: Mapping[str, Any]) -> Issue:
    status = entity.get("Status")
    return Issue(
        key=str(entity["PartitionKey"]),
        account_id=UUID(str(entity["RowKey"])),
        cause=_cause(str(entity.get("Cause") or "")),
        value=str(entity.get("Value") or ""),
        field=str(entity.get("Field") or ""),
        remedy=str(entity.get("Remedy") or ""),
        status=None if status is None else int(status),
        error_type=str(entity.get("ErrorType") or ""),
        first_at=str(entity.get("FirstAt") or ""),
        last_at=str(entity.get("LastAt") or ""),
        count=int(entity.get("Count") or 0),
    )


def _cause(text: str) -> str:
    """The cause by its present name; one of a later version stands as it is."""
    return str(Cause(text)) if text in keys_of_cause(Cause.REFUSED) else text
