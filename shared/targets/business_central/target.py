"""Business Central as the target: finds, creates and changes customers over its API.

Sources: learn.microsoft.com/dynamics365/business-central/dev-itpro/api-reference/v2.0/resources/
dynamics_customer and ".../dev-itpro/webservices/use-odata-to-modify-data". A customer's own id never changes;
a number that is sent with a change renames the customer, so it never is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.description import TargetDescription
from shared.model.faults import (
    AccountFault,
    CustomerAlreadyExists,
    CustomerNotFound,
    Fault,
    TransientFault,
)
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause, Problem
from shared.model.state import Page
from shared.targets import keyset
from shared.targets.business_central.capabilities import capabilities
from shared.targets.business_central.companies import PROBE, Companies, guid
from shared.targets.business_central.errors import (
    HEADERS,
    SYSTEM,
    Meaning,
    another_customer,
    good_content,
    page_content,
    read_error,
    text_of,
    written_content,
)
from shared.targets.business_central.values import Values, encode, is_pattern, lost_parts
from shared.targets.edmx import describe
from shared.web.dates import retry_after
from shared.web.odata import ODataClient, literal

_ETAG = "@odata.etag"


class BusinessCentralTarget:
    """Implements the port Target.

    `company` is the company of a field map that takes it from a setting; it decides whose currencies count.
    """

    def __init__(
        self,
        client: ODataClient,
        field_map: FieldMap,
        *,
        api_path: str,
        local_currency: str | None,
        company: str | None = None,
    ) -> None:
        self.capabilities = capabilities(field_map)
        self._client = client
        self._api = "/" + api_path.strip("/")
        self._companies = Companies(client, field_map)
        local = (local_currency or "").strip().upper()
        self._values = Values(client, self._companies, field_map, company, local)
        self._number = field_map.key.field
        self._of_account = {self._number, field_map.hold.field, field_map.key.second_key} | {
            name for name, entry in field_map.fields.items() if entry.column
        }
        self._select = ",".join(("id", self._number, *self._values.names))

    async def find(self, key: CustomerKey) -> Customer | None:
        """Return the customer with its mapped fields. Raises AccountFault(AmbiguousMatch)."""
        customers = await self._customers_path(key)
        if key.id:
            row = await self._read_one(customers, key.id, self._select)
            return None if row is None else self._customer(key, row)
        found = await self._matching(key, customers)
        if len(found) > 1:
            raise AccountFault(Problem(Cause.AMBIGUOUS_MATCH, field=key.by or self._number))
        return found[0] if found else None

    async def customers_after(self, company: str, after: str, size: int) -> Page[Customer]:
        """Read a page of the company's customers in the order of their numbers."""
        order = f"&$orderby={self._number}&$top={size}"
        found = await self._list(company, keyset.after_key(self._number, after), order)
        return keyset.page_after(SYSTEM, found, after)

    async def look_up(self, keys: Collection[CustomerKey]) -> Mapping[CustomerKey, Customer]:
        """Read many customers in few requests."""
        return await keyset.look_up(keys, self._number, self._list, self.find, is_pattern)

    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Create the customer. Raises CustomerAlreadyExists, AccountFault."""
        path = await self._customers_path(key)
        own = {} if key.by else {self._number: key.number}
        body = {**own, **await self._values.to_send(key.company, fields)}
        response = await self._write("POST", path, body)
        if response.status_code in {200, 201}:
            return self._written(key, response)
        error = read_error(response)
        if error.meaning is Meaning.EXISTS and not key.by:
            raise CustomerAlreadyExists(key)
        raise self._fault("create", response, body)

    async def update(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Change these fields. Raises CustomerNotFound, AccountFault."""
        found = key if key.id else await self._existing(key)
        body = {name: value for name, value in fields.items() if name != self._number}
        body = await self._values.to_send(found.company, body)
        changed = await self._change(found, body)
        lost = lost_parts(body, changed.fields)
        return await self._change_rest(changed.key, lost) if lost else changed

    async def knows_currency(self, code: str) -> bool:
        """Whether the code is one of Business Central's own currencies."""
        return await self._values.currencies.knows(code)

    async def knows_value(self, field: str, code: str) -> bool | None:
        """Whether the code is in Business Central's list for the field; None if it has none."""
        return await self._values.references.know(field, code)

    async def describe(self) -> TargetDescription:
        """Describe the API page of customers by the metadata of its API."""
        remedy = "Check BUSINESS_CENTRAL_API_PATH: the path of an API that has the page customers."
        return await describe(self._client, f"{self._api}/$metadata", "customers", remedy)

    async def probe(self) -> None:
        """Read one company."""
        page_content(await self._client.get(PROBE, HEADERS))

    async def _customers_path(self, key: CustomerKey) -> str:
        company_id = await self._companies.id_of(key.company)
        await self._values.references.prepare(key.company)
        return f"{self._api}/companies({company_id})/customers"

    async def _matching(self, key: CustomerKey, customers: str) -> list[Customer]:
        """Return the customers with this number or second key; a wildcard in a filter finds others too."""
        condition = f"{key.by or self._number}%20eq%20{literal(key.number)}"
        if not is_pattern(key.number):
            found = await self._list(key.company, condition, "&$top=2")
        else:
            path = f"{customers}?$select={self._select}&$filter={condition}"
            rows = self._client.rows(path, HEADERS, self._page)
            found = [self._customer(key, row) async for row in rows]
        return [customer for customer in found if keyset.answers(customer, key)]

    async def _list(self, company: str, condition: str, options: str = "") -> Sequence[Customer]:
        """Read one page of the company's customers that meet the condition, if there is one."""
        where, key = condition and f"&$filter={condition}", CustomerKey(company, "")
        path = f"{await self._customers_path(key)}?$select={self._select}{where}{options}"
        return [self._customer(key, row) for row in await self._read_page(path)]

    async def _existing(self, key: CustomerKey) -> CustomerKey:
        found = await self.find(key)
        if found is None:
            raise CustomerNotFound
        return found.key

    async def _read_one(self, customers: str, customer_id: str, select: str) -> dict[str, Any] | None:
        """Return the record of this id; None if there is none."""
        response = await self._client.get(f"{customers}({guid(customer_id)})?$select={select}", HEADERS)
        if response.status_code == 200:
            return good_content(response)
        if await self._is_missing(response, customers):
            return None
        raise self._fault("find", response, {})

    async def _read_page(self, path: str) -> list[Mapping[str, Any]]:
        return self._page(await self._client.get(path, HEADERS))["value"]

    def _page(self, response: httpx.Response) -> dict[str, Any]:
        """Return a page of customers; a refusal to read it may be about one customer only."""
        if response.status_code != 200:
            raise self._fault("find", response, {})
        return page_content(response)

    async def _is_missing(self, response: httpx.Response, customers: str) -> bool:
        """Whether the answer says that the customer is gone; one that may mean the API page is checked."""
        meaning = read_error(response).meaning
        if meaning is Meaning.NO_PAGE:
            await self._read_page(f"{customers}?$select=id&$top=1")
        return meaning in {Meaning.MISSING, Meaning.NO_PAGE}

    async def _change(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Send one change. A record that somebody else is changing is read again once, for its ETag."""
        customers = await self._customers_path(key)
        path = f"{customers}({guid(key.id)})"
        response = await self._write("PATCH", path, fields, "*")
        if response.status_code >= 400 and read_error(response).meaning is Meaning.CHANGED:
            row = await self._read_one(customers, key.id, "id")
            if row is None:
                raise CustomerNotFound
            response = await self._write("PATCH", path, fields, text_of(row, _ETAG))
        if response.status_code == 200:
            return self._written(key, response)
        if response.status_code == 204:
            return Customer(key, self._values.references.read(key.company, fields))
        if await self._is_missing(response, customers):
            raise CustomerNotFound
        raise self._fault("update", response, fields)

    async def _change_rest(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        """Send the rest of a change that was written in part. If it fails, what is written is not known."""
        try:
            return await self._change(key, fields)
        except Fault as fault:
            reason = "wrote a part of an address only"
            raise TransientFault(SYSTEM, reason, unknown_outcome=True) from fault

    async def _write(
        self, method: str, path: str, fields: Mapping[str, FieldValue], etag: str | None = None
    ) -> httpx.Response:
        headers = HEADERS if etag is None else {**HEADERS, "If-Match": etag}
        return await self._client.write(method, path, encode(fields), headers, passed_on=(503,))

    def _fault(self, operation: str, response: httpx.Response, sent: Mapping[str, object]) -> Fault:
        error = read_error(response)
        if error.meaning is Meaning.COMPANY:
            self._companies.forget()
            return self._companies.unknown()
        wait = retry_after(response, self._client.clock.now())
        return error.fault(operation, sent.keys(), {name for name in self._of_account if name}, wait)

    def _written(self, key: CustomerKey, response: httpx.Response) -> Customer:
        """Return the customer in the answer to a write. If it cannot be read, the outcome is unknown."""
        try:
            customer = self._customer(key, written_content(response))
            if not (key.id or key.by or customer.key.same_as(key)):
                raise another_customer()
            return customer
        except TransientFault as fault:
            raise TransientFault(SYSTEM, fault.reason, unknown_outcome=True) from fault

    def _customer(self, key: CustomerKey, row: Mapping[str, Any]) -> Customer:
        stored = replace(key, number=text_of(row, self._number), by="", id=guid(text_of(row, "id")))
        if not stored.number.strip() or (key.id and stored.id != guid(key.id)):
            raise another_customer()
        return Customer(stored, self._values.read(key.company, row))
