"""The payment terms of a run: rows of Sales that accounts refer to, and the operator's table for them.

The table is written as any tool for tables would, and not through the proxy.
"""

from typing import NamedTuple

from azure.data.tables.aio import TableClient

from local.erps.erp import Erp
from local.stand import Stand

TABLE = "payment-terms"
UNKNOWN = "NOWHERE"  # a code that no ERP has


class Terms(NamedTuple):
    """Payment terms: their name in Sales, and the code that they have in the end and at first.

    Codes are places among those of the ERP, or UNKNOWN. None at first: the table has no row yet. `renamed`:
    the name that the row in Sales gets during the stream. `meanwhile`: whether the row of the table becomes
    right during the stream; otherwise it does at the end.
    """

    name: str
    code: int
    at_first: int | str | None
    renamed: str = ""
    meanwhile: bool = False


TERMS = (
    Terms("Net 30", 0, 0),
    Terms("Net 60", 1, 2, meanwhile=True),  # a slip that an ERP takes
    Terms("Net 15", 2, None, meanwhile=True),
    Terms("Net 45", 3, 3, renamed="Net 45 days"),
    Terms("Net 10", 1, None),
    Terms("On delivery", 3, UNKNOWN),
)
AFTER_RENAME = Terms("Net 45 days", 0, None, meanwhile=True)  # how the renamed row is called in the table
WEIGHTS = (6, 4, 3, 4, 3, 2)
ROWS = (*TERMS, AFTER_RENAME)


def code_of(erp: Erp, name: str) -> str:
    """The code of the terms of this name; blank for no terms."""
    return next((erp.terms[terms.code] for terms in ROWS if terms.name == name), "")


def codes_of(erp: Erp, name: str) -> set[str]:
    """Every code that customers with these terms may ever have had, whatever their name was.

    Blank too, where the ERP may refuse a creation with an unknown code and leave the customer without it.
    """
    if not name:
        return {""}
    (terms,) = (terms for terms in TERMS if terms.name == name)
    rows = [row for row in ROWS if row.name in {terms.name, terms.renamed}]
    codes = {place for row in rows for place in (row.code, row.at_first) if isinstance(place, int)}
    refused = erp.inserts_first and any(row.at_first == UNKNOWN for row in rows)
    return {erp.terms[place] for place in codes} | ({""} if refused else set())


async def seed(stand: Stand) -> None:
    """Fill the table as it is at first."""
    erp = stand.options.erp
    async with _table(stand) as table:
        for terms in ROWS:
            if terms.at_first is not None:
                first = terms.at_first
                code = first if isinstance(first, str) else erp.terms[first]
                await table.upsert_entity(_row(terms.name, code))


async def correct(stand: Stand, name: str) -> None:
    """Write the right code of the terms of this name."""
    async with _table(stand) as table:
        await table.upsert_entity(_row(name, code_of(stand.options.erp, name)))


async def correct_all(stand: Stand) -> None:
    """Write what is still wrong or missing."""
    async with _table(stand) as table:
        there = {str(row["Source"]): row["Target"] async for row in table.list_entities() if "Target" in row}
    for terms in ROWS:
        if there.get(terms.name) != code_of(stand.options.erp, terms.name):
            await correct(stand, terms.name)


def _table(stand: Stand) -> TableClient:
    return TableClient.from_connection_string(stand.addresses.tables, "ValueMappings")


def _row(name: str, code: str) -> dict[str, str]:
    key = {"PartitionKey": TABLE, "RowKey": name.lower()}
    return {**key, "Source": name, "Target": code, "UpdatedBy": "chaos"}
