"""Reads accounts from the Dataverse Web API.

Source: learn.microsoft.com/power-apps/developer/data-platform/webapi.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from difflib import get_close_matches
from itertools import batched
from typing import Any, cast
from uuid import UUID

import httpx

from shared.model.account import COMMON_COLUMNS, Account, AccountCurrency
from shared.model.faults import ConfigurationFault, Refused, System, TransientFault
from shared.model.field_map import FieldMap
from shared.model.field_source import CURRENCY_COLUMN, Column
from shared.model.outcome import Cause, Problem
from shared.web.odata import ODataClient, answer_of, error_text

API = "/api/data/v9.2/"
PROBE = f"{API}accounts?$select=accountid&$top=1"  # one cheap request
HEADERS = {"Accept": "application/json", "OData-Version": "4.0", "OData-MaxVersion": "4.0"}
_IDS_AT_ONCE = 40  # ids in one address; some gateways refuse addresses over 4 kB
# ObjectDoesNotExist, see the list of web service error codes in the developer's reference of Dataverse.
_DOES_NOT_EXIST = "0x80040217"
# The error codes for an unknown column, of a query and of a write (learn.microsoft.com/troubleshoot/
# power-platform/dataverse/working-with-solutions/web-api-client-errors). Column names are no personal data.
_UNKNOWN_COLUMN = re.compile(r"(?:property named|Invalid property) '(\w{1,128})'", re.ASCII)


class DataverseAccounts:
    """Implements the port AccountReader, with one request for each account and its currency."""

    def __init__(self, client: ODataClient, field_map: FieldMap) -> None:
        self._client = client
        self._columns = field_map.columns
        self._query = select_of(field_map)

    async def read(self, account_id: UUID) -> Account | None:
        """Read the account; None only if Dataverse itself says that it does not exist."""
        response = await self._client.get(f"{API}accounts({account_id})?{self._query}", HEADERS)
        if response.status_code != 200:
            return _no_account(response, "read")
        row = answer_of(System.DATAVERSE, response, {}, "")
        read_at = self._client.answered_at(response)
        return account_of(account_id, row, self._columns, read_at)

    async def write_back(self, account_id: UUID, column: str, number: str) -> None:
        """Write an assigned number into the account. If-Match prevents that the PATCH creates the row."""
        body = json.dumps({column: number}).encode()
        headers = {**HEADERS, "If-Match": "*"}
        response = await self._client.write("PATCH", f"{API}accounts({account_id})", body, headers)
        if response.status_code != 204:
            _no_account(response, "write-back")


def account_of(
    account_id: UUID, row: Mapping[str, Any], columns: Collection[Column], read_at: datetime
) -> Account:
    """Return the account in a row that was read with `select_of`."""
    return Account(
        account_id=account_id,
        version=int(row["versionnumber"]),
        read_at=read_at,
        columns={column.path: _value(row, column) for column in columns},
        currency=_currency(row.get(CURRENCY_COLUMN)),
    )


def select_of(field_map: FieldMap, *more: str) -> str:
    """Return the query options that read the mapped columns, the currency, and `more` columns."""
    names = {column.selected for column in field_map.columns if column.lookup is None}
    plain = sorted({*names, *more, "versionnumber"})
    expanded = ",".join(look_ups_of(field_map).values())
    return f"$select={','.join(plain)}" + (f"&$expand={expanded}" if expanded else "")


def look_ups_of(field_map: FieldMap) -> dict[str, str]:
    """Return what reads the rows that each look-up column refers to, as $expand takes it."""
    expand: defaultdict[str, set[str]] = defaultdict(set)
    for column in field_map.columns:
        if column.lookup:
            expand[column.column].add(column.lookup)
    if CURRENCY_COLUMN in field_map.watched:
        expand[CURRENCY_COLUMN] |= {"currencyname", "isocurrencycode"}
    return {name: f"{name}($select={','.join(sorted(of))})" for name, of in sorted(expand.items())}


def _value(row: Mapping[str, Any], column: Column) -> object:
    value = row.get(column.selected)
    if column.lookup is None:
        return value
    return cast(Mapping[str, object], value).get(column.lookup) if isinstance(value, Mapping) else None


def _currency(row: Mapping[str, Any] | None) -> AccountCurrency | None:
    if not row or not row.get("currencyname"):
        return None
    return AccountCurrency(str(row["currencyname"]), row.get("isocurrencycode"))


def _no_account(response: httpx.Response, operation: str) -> None:
    """Return if the account does not exist; raise for any other answer. A refusal is this account's own."""
    status, code = response.status_code, error_text(response, "code")
    if status == 404 and code == _DOES_NOT_EXIST:
        return
    if status >= 500:
        raise TransientFault(System.DATAVERSE, f"answered {status}")
    if status == 400 and (column := _UNKNOWN_COLUMN.search(error_text(response, "message"))):
        raise _unknown_column(column[1])
    problem = Problem(Cause.REFUSED_BY_SALES, status=status, error_type=code[:120])
    remedy = {
        400: "Check that every column of the field map exists in this environment.",
        403: f"Give the app's user the right to {operation} accounts, and to read currencies.",
        404: "Check DATAVERSE_URL.",
    }.get(status, "Check the environment and the app's access to it.")
    raise Refused(System.DATAVERSE, operation, problem, remedy)


def _unknown_column(name: str) -> ConfigurationFault:
    """Make the configuration fault of a field map that names a column unknown to Dataverse."""
    if name.startswith("_"):  # the id of a row that the column refers to
        name = name.removeprefix("_").removesuffix("_value")
    nearest = get_close_matches(name, COMMON_COLUMNS, 1)
    meant = f' Did you mean "{nearest[0]}"?' if nearest else ""
    remedy = f"Correct the field map, or add the column.{meant}"
    return ConfigurationFault(System.DATAVERSE, f'has no column "{name}", which the field map names.', remedy)


async def existing_accounts(
    client: ODataClient, account_ids: Collection[UUID], read: Callable[[httpx.Response], dict[str, Any]]
) -> frozenset[UUID]:
    """Return those of the accounts that Sales has, many in a request. `read` reads a page, or raises."""
    found = set[UUID]()
    for ids in batched(account_ids, _IDS_AT_ONCE, strict=False):
        condition = "%20or%20".join(f"accountid%20eq%20{account_id}" for account_id in ids)
        path = f"{API}accounts?$select=accountid&$filter={condition}"
        found |= {UUID(str(row["accountid"])) async for row in client.rows(path, HEADERS, read)}
    return frozenset(found)
