"""Counts the accounts of each currency: one grouped request, or one request for each currency.

Dataverse groups at most 50,000 rows (learn.microsoft.com/power-apps/developer/data-platform/webapi/query/
aggregate-data) and refuses more with the code 0x8004E023. Then each currency is counted by itself, and
Dataverse counts no further than 5,000 (".../webapi/query/count-rows").
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from shared.dataverse.accounts import API, HEADERS
from shared.model.account import AccountCurrency
from shared.model.description import CurrencyUse
from shared.model.faults import System
from shared.model.map_sections import RowRule
from shared.web.odata import ODataClient, answer_of, error_text

_TOO_MANY = "0x8004e023"  # AggregateQueryRecordLimit exceeded
_MOST_COUNTED = 5_000
_LOOKUP = "_transactioncurrencyid_value"
_REMEDIES = {403: "Give the app's user in Sales read access to accounts and currencies of all owners."}
_OTHERWISE = "Check DATAVERSE_URL, the access of the app's user, and the columns of the field map's only_if."


async def currency_uses(client: ODataClient, only_if: Sequence[RowRule]) -> list[CurrencyUse]:
    """Return the currencies of the active accounts that the row rules let through, most accounts first."""
    condition = condition_of(only_if)
    currencies = await _currencies(client)
    grouped = f"filter({condition})/groupby(({_LOOKUP}),aggregate($count as accounts))"
    response = await client.get(f"{API}accounts?$apply={quote(grouped, safe='(),/$')}", HEADERS)
    if response.status_code == 400 and error_text(response, "code").lower() == _TOO_MANY:
        found = [await _counted(client, condition, *item) for item in currencies.items()]
    else:
        found = [_use(currencies, row) for row in _answer(response)["value"] if row.get(_LOOKUP)]
    return sorted((use for use in found if use.accounts), key=lambda use: -use.accounts)


def condition_of(only_if: Sequence[RowRule]) -> str:
    """Return the OData condition of active accounts that the row rules let through, as far as it can say."""
    return " and ".join(["statecode eq 0", *map(_rule, only_if)])


def _rule(rule: RowRule) -> str:
    name = rule.column
    if rule.filled is not None:
        return f"{name} {'ne' if rule.filled else 'eq'} null"
    if rule.in_ is not None:
        return "(" + " or ".join(f"{name} eq {_literal(value)}" for value in rule.in_) + ")"
    others = " and ".join(f"{name} ne {_literal(value)}" for value in rule.not_in or ())
    return f"({name} eq null or ({others}))"


def _literal(value: int | str | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


async def _currencies(client: ODataClient) -> dict[str, AccountCurrency]:
    """Return all currencies by id, inactive ones too: an account may still have one."""
    path = f"{API}transactioncurrencies?$select=transactioncurrencyid,currencyname,isocurrencycode"
    return {
        str(UUID(str(row["transactioncurrencyid"]))): AccountCurrency(
            str(row.get("currencyname") or ""), row.get("isocurrencycode")
        )
        async for row in client.rows(path, HEADERS, _answer)
    }


def _use(currencies: Mapping[str, AccountCurrency], row: Mapping[str, Any]) -> CurrencyUse:
    key = str(row[_LOOKUP])
    return CurrencyUse(currencies.get(key.lower()) or AccountCurrency(key), int(row["accounts"]))


async def _counted(
    client: ODataClient, condition: str, currency_id: str, currency: AccountCurrency
) -> CurrencyUse:
    wanted = quote(f"{condition} and {_LOOKUP} eq {currency_id}", safe="()'")
    path = f"{API}accounts?$select=accountid&$filter={wanted}&$count=true"
    headers = {**HEADERS, "Prefer": "odata.maxpagesize=1"}
    counted = int(_answer(await client.get(path, headers))["@odata.count"])
    return CurrencyUse(currency, counted, at_least=counted >= _MOST_COUNTED)


def _answer(response: httpx.Response) -> dict[str, Any]:
    return answer_of(System.DATAVERSE, response, _REMEDIES, _OTHERWISE)
