"""Operations as the target: finds, creates and changes customers over OData (entity set CustomersV3).

Sources: learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata and observed answers of
live environments. `cross-company=true` goes with every request by key or filter: without it only the
default company of the app's user is visible.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.description import TargetDescription
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
from shared.model.state import Page
from shared.targets import keyset
from shared.targets.operations.capabilities import capabilities
from shared.targets.operations.codes import OperationsCodes
from shared.targets.operations.currencies import PROBE, currencies_of
from shared.targets.operations.description import describe
from shared.targets.operations.errors import (
    JSON_ONLY,
    OperationsError,
    good_content,
    other_form,
    page_content,
    read_error,
)
from shared.web.odata import ODataClient, literal

_SET = "/data/CustomersV3"


class OperationsTarget:
    """Implements the port Target."""

    def __init__(self, client: ODataClient, field_map: FieldMap) -> None:
        self.capabilities = capabilities(field_map)
        self._client = client
        self._currencies = currencies_of(client)
        self._codes = OperationsCodes(client)
        self._company = field_map.company.field
        self._number = field_map.key.field
        self._company_is_set = field_map.company.setting is not None
        self._fields = (*sorted(field_map.names), field_map.hold.field)
        self._of_account = {self._number} | {name for name, entry in field_map.fields.items() if entry.column}
        self._select = ",".join((self._company, self._number, *self._fields))

    async def find(self, key: CustomerKey) -> Customer | None:
        """The customer with its mapped fields. Raises AccountFault(AmbiguousMatch)."""
        query = f"cross-company=true&$select={self._select}"
        if "*" in key.number and not key.by:  # in a filter, Operations takes an asterisk for a wildcard
            response = await self._client.get(f"{self._path(key)}?{query}", JSON_ONLY)
            rows = [] if response.status_code == 404 else [_of_customer(response)]
            found = [self._customer(row) for row in rows]
        else:
            condition = f"{key.by or self._number}%20eq%20{literal(key.number)}"
            found = await self._list(key.company, condition, "&$top=2")
        found = [customer for customer in found if keyset.answers(customer, key)]
        if len(found) > 1:
            raise AccountFault(Problem(Cause.AMBIGUOUS_MATCH, field=self._number))
        return found[0] if found else None

    async def customers_after(self, company: str, after: str, size: int) -> Page[Customer]:
        """Read a page of the company's customers in the order of their numbers."""
        order = f"&$orderby={self._number}&$top={size}"
        found = await self._list(company, keyset.after_key(self._number, after), order)
        return keyset.page_after(System.OPERATIONS, found, after)

    async def look_up(self, keys: Collection[CustomerKey]) -> Mapping[CustomerKey, Customer]:
        """Read many customers in few requests."""
        return await keyset.look_up(keys, self._number, self._list, self.find, lambda number: "*" in number)

    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Create. Raises CustomerAlreadyExists, AccountFault."""
        body = {self._company: key.company, **({} if key.by else {self._number: key.number}), **fields}
        response = await self._client.write("POST", _SET, _encode(body))
        if response.status_code == 201:
            return self._created(key, fields, response)
        error = read_error(response)
        if await self._exists(key, error):
            raise CustomerAlreadyExists(key)
        if self._company_is_set and error.field((self._company,)):
            remedy = "Check OPERATIONS_COMPANY: Operations does not know this legal entity."
            raise ConfigurationFault(System.OPERATIONS, "refuses the company.", remedy)
        raise error.fault("create", {*fields, self._number, self._company}, self._of_account)

    async def update(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Change these fields. Raises CustomerNotFound, AccountFault."""
        path = f"{self._path(key)}?cross-company=true"
        response = await self._client.write("PATCH", path, _encode(fields))
        if response.status_code in {200, 204}:
            return Customer(key, _confirmed(fields, _written(response) if response.content else {}))
        error = read_error(response)
        if await self._is_missing(key, error, fields):
            raise CustomerNotFound
        raise error.fault("update", fields, self._of_account)

    async def knows_currency(self, code: str) -> bool:
        """Whether the code is one of Operations' own currencies."""
        return await self._currencies.contain(code)

    async def knows_value(self, field: str, code: str) -> bool | None:
        """Whether the code is in Operations' list for the field; None if it has none that can be read."""
        return await self._codes.contain(field, code)

    async def describe(self) -> TargetDescription:
        """Describe the entity of customers by the metadata service, with the enumerations in use."""
        return await describe(self._client, self._fields)

    async def probe(self) -> None:
        """Read one currency."""
        await self._client.probe(PROBE)

    async def _list(self, company: str, condition: str, options: str = "") -> Sequence[Customer]:
        """Read one page of the company's customers that meet the condition, if there is one."""
        ours = f"{self._company}%20eq%20{literal(company)}"
        if condition:
            ours += f"%20and%20({condition})" if keyset.OR in condition else f"%20and%20{condition}"
        path = f"{_SET}?cross-company=true&$select={self._select}&$filter={ours}{options}"
        rows = _of_customer(await self._client.get(path, JSON_ONLY), page=True)["value"]
        return [self._customer(row) for row in rows]

    async def _exists(self, key: CustomerKey, error: OperationsError) -> bool:
        """Only an answer that names the customer's own key says so; a party or a child table may exist too.

        Texts are translated, so after any other refusal that names no field the customer is read.
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

    def _created(
        self, key: CustomerKey, fields: Mapping[str, FieldValue], response: httpx.Response
    ) -> Customer:
        row = _written(response)
        found = CustomerKey(*(str(row.get(name) or "") for name in (self._company, self._number)))
        if not found.number.strip() or not (key.by or found.same_as(key)):
            raise other_form(unknown_outcome=True)
        return Customer(found, _confirmed(fields, row))

    def _path(self, key: CustomerKey) -> str:
        return f"{_SET}({self._company}={literal(key.company)},{self._number}={literal(key.number)})"

    def _customer(self, row: Mapping[str, Any]) -> Customer:
        key = CustomerKey(str(row.get(self._company) or ""), str(row.get(self._number) or ""))
        fields = {name: row[name] for name in self._fields if row.get(name) is not None}
        if not all(isinstance(value, str | int | Decimal) for value in fields.values()):
            raise other_form()
        return Customer(key, fields)


def _confirmed(sent: Mapping[str, FieldValue], row: Mapping[str, Any]) -> dict[str, FieldValue]:
    """Return the values of the fields that were sent: those of the answer, where it has them."""
    kept = {name: row.get(name, value) for name, value in sent.items()}
    if not all(value is None or isinstance(value, str | int | Decimal) for value in kept.values()):
        raise other_form(unknown_outcome=True)
    return {name: "" if value is None else value for name, value in kept.items()}


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


def _of_customer(response: httpx.Response, *, page: bool = False) -> dict[str, Any]:
    """The content of a good answer to a read of one customer. Raises Refused for what may be its own."""
    if 400 <= response.status_code < 500:
        raise read_error(response).refused("find")
    return page_content(response) if page else good_content(response)


def _written(response: httpx.Response) -> dict[str, Any]:
    """The content of a good answer to a write. If it cannot be read, the outcome is unknown."""
    try:
        return good_content(response)
    except TransientFault:
        raise other_form(unknown_outcome=True) from None
