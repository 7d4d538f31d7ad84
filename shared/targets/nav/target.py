"""NAV as the target: finds, creates and changes customers over the page web service of page 21.

Sources: "Using OData Web Services to Modify Data" (learn.microsoft.com/previous-versions/
dynamicsnav-2018-developer), docs/nav.md. A page behaves as it does for a person: it may insert a row and
then refuse a value. NAV has no stable id on the page: a customer is read and written by its number.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import httpx

from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.description import TargetDescription
from shared.model.faults import (
    AccountFault,
    CustomerAlreadyExists,
    CustomerNotFound,
    Fault,
    System,
    TransientFault,
)
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause, Problem
from shared.model.state import Page
from shared.targets import keyset
from shared.targets.edmx import describe
from shared.targets.nav.capabilities import capabilities
from shared.targets.nav.changes import Changes
from shared.targets.nav.companies import Companies
from shared.targets.nav.currencies import NavCurrencies
from shared.targets.nav.errors import Meaning, good_content, list_of_rows, read_error
from shared.targets.nav.values import Values
from shared.targets.nav.wire import Protocol, Wire
from shared.web.odata import ODataClient, literal

_SETTING = "NAV_SERVICE"
_OF_FILTERS = re.compile(r"[*?@<>=|&()'\"]|\.\.")  # signs with a meaning in NAV's own filters


class NavTarget:
    """Implements the port Target.

    `company` is the company's name where a setting gives it; it is only used to ask for currencies.
    """

    def __init__(
        self,
        client: ODataClient,
        field_map: FieldMap,
        *,
        service: str,
        currency_service: str,
        protocol: Protocol,
        local_currency: str | None,
        company: str | None = None,
    ) -> None:
        self.capabilities = capabilities(field_map, local_currency)
        self._client = client
        self._service = service
        self._wire = Wire(protocol)
        self._values = Values(field_map, local_currency)
        self._companies = Companies(client, self._wire, field_map.company)
        among = {*field_map.company.values.values()}
        self._currencies = NavCurrencies(
            client, self._wire, self._companies, currency_service, company, among
        )
        self._changes = Changes(client, self._wire)
        self._number = field_map.key.field
        self._of_account = _of_account(field_map)
        self._select = ",".join((self._number, *self._values.names))

    async def find(self, key: CustomerKey) -> Customer | None:
        """Return the customer with its mapped fields. Raises AccountFault(AmbiguousMatch)."""
        if not key.by and _is_pattern(key.number):
            found = [self._customer(key, row) for row in await self._row_of(key)]
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
        return keyset.page_after(System.NAV, found, after)

    async def look_up(self, keys: Collection[CustomerKey]) -> Mapping[CustomerKey, Customer]:
        """Read many customers in few requests."""
        return await keyset.look_up(keys, self._number, self._list, self.find, _is_pattern)

    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Create. Raises CustomerAlreadyExists, AccountFault, Refused; a refused row may stand there."""
        body = {**({} if key.by else {self._number: key.number}), **self._values.to_send(fields)}
        path, headers = self._path(key, whole=True), self._wire.change_headers
        response = await self._client.write("POST", path, self._wire.encode(body), headers)
        if response.is_success:
            return self._written(key, fields, good_content(response))
        error = read_error(response)
        if error.says_exists(key.number) and not key.by:
            raise CustomerAlreadyExists(key)
        if error.meaning is Meaning.NOT_FOUND:
            await self._check_page(key)
        raise error.fault("create", body, self._of_account)

    async def update(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Change these fields. Raises CustomerNotFound, AccountFault, Refused."""
        body = self._values.to_send(fields)
        response = await self._changes.send(self._path(key), self._wire.encode(body))
        if response.is_success:
            if response.status_code == 204:
                return await self._read_back(key, fields)
            return self._written(key, fields, good_content(response))
        error = read_error(response)
        if error.meaning is Meaning.NOT_FOUND and await self.find(key) is None:
            raise CustomerNotFound
        raise error.fault("update", body, self._of_account)

    async def knows_currency(self, code: str) -> bool:
        """Whether the code is the local currency or one of NAV's own. Raises ConfigurationFault."""
        return self._values.is_local(code) or await self._currencies.knows(code)

    async def knows_value(self, field: str, code: str) -> bool | None:
        """Return None: NAV shows no list but that of currencies, and refuses other codes that it lacks."""
        del field, code
        return None

    async def describe(self) -> TargetDescription:
        """Describe the page of customers by the metadata of the web services."""
        remedy = f"Publish page 21 in NAV (Web Services) under the name in {_SETTING}, or check NAV_PROTOCOL."
        return await describe(self._client, f"{self._wire.root}/$metadata", self._service, remedy)

    async def probe(self) -> None:
        """Read the names of the companies."""
        await self._companies.names()

    async def _read(self, key: CustomerKey, path: str, query: str = "") -> httpx.Response:
        """Return a good answer, or one that says that a row is not there. Raises faults."""
        url = f"{path}?$select={self._select}{query and '&' + query}"
        response = await self._client.get(url, self._wire.headers)
        if response.status_code == 200:
            return response
        error = read_error(response)
        if error.meaning is not Meaning.NOT_FOUND:
            raise error.read_fault(self._select.split(","))
        if path == self._path(key, whole=True):
            raise await self._companies.missing(key.company, _SETTING)
        return response

    async def _list(self, company: str, condition: str, options: str = "") -> Sequence[Customer]:
        """Read one page of the company's customers that meet the condition, if there is one."""
        key, query = CustomerKey(company, ""), (condition and f"$filter={condition}") + options
        response = await self._read(key, self._path(key, whole=True), query.removeprefix("&"))
        return [self._customer(key, row) for row in list_of_rows(response)]

    async def _row_of(self, key: CustomerKey) -> list[dict[str, Any]]:
        """Return the row under exactly this number, read by its key: a filter would read the signs in it."""
        response = await self._read(key, self._path(key))
        if response.status_code == 200:
            return [good_content(response)]
        await self._check_page(key)
        return []

    async def _check_page(self, key: CustomerKey) -> None:
        """Raise the fault of a page or company that is not there."""
        await self._read(key, self._path(key, whole=True), "$top=1")

    async def _read_back(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Return the customer after a change that was answered without it, as V3 does."""
        try:
            found = await self.find(key)
        except Fault:
            found = None
        found = found or Customer(key, {})
        return Customer(found.key, self._values.answered(fields, found.fields))

    def _path(self, key: CustomerKey, *, whole: bool = False) -> str:
        return self._wire.path(key.company, self._service, None if whole else key.number)

    def _customer(self, key: CustomerKey, row: Mapping[str, Any]) -> Customer:
        number = row.get(self._number)
        if not isinstance(number, str) or not number.strip():
            raise TransientFault(System.NAV, "answered a customer without its number")
        return Customer(CustomerKey(key.company, number), self._values.of_row(row))

    def _written(self, key: CustomerKey, sent: Mapping[str, FieldValue], row: Mapping[str, Any]) -> Customer:
        """Return the customer that an answer to a write shows."""
        number = row.get(self._number)
        if not isinstance(number, str) or not number.strip():
            raise TransientFault(System.NAV, "answered a customer without its number", unknown_outcome=True)
        return Customer(
            CustomerKey(key.company, number), self._values.answered(sent, self._values.of_row(row))
        )


def _is_pattern(number: str) -> bool:
    """Whether a filter takes the number for a pattern of NAV's own filters."""
    return _OF_FILTERS.search(number) is not None


def _of_account(field_map: FieldMap) -> Collection[str]:
    """Return the fields whose values are the account's own."""
    return {field_map.key.field, *(name for name, entry in field_map.fields.items() if entry.column)}
