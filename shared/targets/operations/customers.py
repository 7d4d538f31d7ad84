"""Finds, creates and changes customers in Operations over OData (entity set CustomersV3).

Sources: learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata and observed answers of
live environments. `cross-company=true` goes with every request by key or filter: without it only the
default company of the app's user is visible.
"""

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    CustomerAlreadyExists,
    CustomerNotFound,
    System,
    TransientFault,
)
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause, Problem
from shared.ports import Clock
from shared.targets.operations.errors import OperationsError, read_error
from shared.web.odata import ODataClient, content_of, literal

PROBE = "/data/Currencies?$select=CurrencyCode&$top=1"  # one cheap request
_SET = "/data/CustomersV3"
_COMPANY = "dataAreaId"
_GET_HEADERS = {"Accept": "application/json;odata.metadata=none"}


class OperationsCustomers:
    """Implements the port CustomerWriter."""

    def __init__(self, client: ODataClient, field_map: FieldMap) -> None:
        self._client = client
        self._number = field_map.key.target
        self._company_is_set = field_map.company.setting is not None
        self._fields = (*sorted(field_map.names), field_map.hold.target)
        self._of_account = {self._number} | {name for name, entry in field_map.fields.items() if entry.column}
        self._select = ",".join((_COMPANY, self._number, *self._fields))

    async def find(self, key: CustomerKey) -> Customer | None:
        """The customer with its mapped fields. Raises AccountFault(AmbiguousMatch)."""
        query = f"cross-company=true&$select={self._select}"
        if "*" in key.number and not key.by:  # in a filter, Operations takes an asterisk for a wildcard
            response = await self._client.get(f"{self._path(key)}?{query}", _GET_HEADERS)
            rows = [] if response.status_code == 404 else [_of_customer(response)]
        else:
            ours = f"dataAreaId%20eq%20{literal(key.company)}"
            condition = f"{ours}%20and%20{key.by or self._number}%20eq%20{literal(key.number)}"
            response = await self._client.get(f"{_SET}?{query}&$filter={condition}&$top=2", _GET_HEADERS)
            rows = _of_customer(response)["value"]
        found = [customer for customer in map(self._customer, rows) if _answers(customer, key)]
        if len(found) > 1:
            raise AccountFault(Problem(Cause.AMBIGUOUS_MATCH, field=self._number))
        return found[0] if found else None

    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> CustomerKey:
        """Create; the key as Operations keeps it. Raises CustomerAlreadyExists, AccountFault."""
        body = {_COMPANY: key.company, **({} if key.by else {self._number: key.number}), **fields}
        response = await self._client.write("POST", _SET, _encode(body))
        if response.status_code == 201:
            return self._customer(_json(response)).key
        error = read_error(response)
        if await self._exists(key, error):
            raise CustomerAlreadyExists(key)
        if self._company_is_set and error.field((_COMPANY,)):
            remedy = "Check OPERATIONS_COMPANY: Operations does not know this legal entity."
            raise ConfigurationFault(System.OPERATIONS, "refuses the company.", remedy)
        raise error.fault("create", {*fields, self._number, _COMPANY}, self._of_account)

    async def update(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> None:
        """Change these fields. Raises CustomerNotFound, AccountFault."""
        path = f"{self._path(key)}?cross-company=true"
        response = await self._client.write("PATCH", path, _encode(fields))
        if response.status_code in {200, 204}:
            return
        error = read_error(response)
        if await self._is_missing(key, error, fields):
            raise CustomerNotFound
        raise error.fault("update", fields, self._of_account)

    async def _exists(self, key: CustomerKey, error: OperationsError) -> bool:
        """Only an answer that names the customer's own key says so; a party or a child table may exist too.

        Texts are translated, so any other refusal that names no field is checked by a look.
        """
        if not key.by and error.says_exists(key.number):
            return True
        refused = error.is_business or error.status == 409
        if not refused or error.is_conflict or error.field(self._fields):
            return False
        return error.status in {400, 409, 500} and await self.find(key) is not None

    async def _is_missing(
        self, key: CustomerKey, error: OperationsError, fields: Mapping[str, FieldValue]
    ) -> bool:
        """The same for a change: only a refusal that names no field may mean "there is none"."""
        if error.says_not_found:
            return True
        if error.status != 400 or error.is_conflict or error.field(fields):
            return False
        return await self.find(key) is None

    def _path(self, key: CustomerKey) -> str:
        return f"{_SET}(dataAreaId={literal(key.company)},{self._number}={literal(key.number)})"

    def _customer(self, row: Mapping[str, Any]) -> Customer:
        key = CustomerKey(str(row.get(_COMPANY) or ""), str(row.get(self._number) or ""))
        fields = {name: row[name] for name in self._fields if row.get(name) is not None}
        return Customer(key, fields)


def _answers(customer: Customer, key: CustomerKey) -> bool:
    """Whether it really is the one that was asked for: filters of Operations know wildcards."""
    if not key.by:
        return customer.key.same_as(key)
    value = str(customer.fields.get(key.by, ""))
    return CustomerKey(customer.key.company, value, key.by).same_as(key)


class OperationsCurrencies:
    """Implements the port ErpCurrencies: the list is kept for `seconds`, and asked for anew on a miss."""

    def __init__(self, client: ODataClient, clock: Clock, seconds: float, miss_seconds: float = 5.0) -> None:
        self._client = client
        self._clock = clock
        self._seconds = seconds
        self._miss_seconds = miss_seconds
        self._codes: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def knows(self, code: str) -> bool:
        """Whether the code is one of Operations' own currencies."""
        wanted = code.upper()
        for longest in (self._seconds, self._miss_seconds):
            async with self._reading:
                if self._clock.now().timestamp() - self._read_at > longest:
                    self._codes = await self._read()
                    self._read_at = self._clock.now().timestamp()
            if wanted in self._codes:
                return True
        return False

    async def _read(self) -> frozenset[str]:
        path = "/data/Currencies?cross-company=true&$select=CurrencyCode"
        rows = self._client.rows(path, _GET_HEADERS, _json)
        return frozenset([str(row["CurrencyCode"]).upper() async for row in rows])


def _encode(fields: Mapping[str, FieldValue]) -> bytes:
    plain = {
        name: float(value)
        if isinstance(value, Decimal) and value != int(value)
        else int(value)
        if isinstance(value, Decimal)
        else value
        for name, value in fields.items()
    }
    return json.dumps(plain, ensure_ascii=False).encode()


def _of_customer(response: httpx.Response) -> dict[str, Any]:
    """The content of a good answer to a read of one customer. Raises Refused for what may be its own."""
    if 400 <= response.status_code < 500:
        raise read_error(response).refused("find")
    return _json(response)


def _json(response: httpx.Response) -> dict[str, Any]:
    """The content of a good answer; every other one of a read raises."""
    status = response.status_code
    if status in {200, 201}:
        try:
            return content_of(response, parse_float=Decimal)
        except ValueError as error:
            raise TransientFault(
                System.OPERATIONS, f"answered {status} without JSON", unknown_outcome=status == 201
            ) from error
    if status >= 500:
        raise TransientFault(System.OPERATIONS, f"answered {status}")
    remedy = {
        403: "Give the app's user in Operations access to customers and currencies.",
        404: "Check OPERATIONS_URL.",
    }.get(status, "Check that every field of the field map exists in this environment.")
    raise ConfigurationFault(System.OPERATIONS, f"answered {status} to a read.", remedy)
