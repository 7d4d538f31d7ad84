"""The API under `/v2.0`: a call enters, the documented answer leaves.

Address: `/v2.0/[TENANT/]ENVIRONMENT/API/companies(ID)/SET`
(learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/api-endpoint-structure). What this
module does is to find out whom a call is for, and to write single rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from local.dynamics.business_central import errors, metadata
from local.dynamics.business_central.bodies import read_body
from local.dynamics.business_central.customers import Customers
from local.dynamics.business_central.entities import APIS, COMPANIES, LEDGER, PAYMENT_TERMS
from local.dynamics.business_central.environment import Company, Environment
from local.dynamics.business_central.errors import BusinessCentralError
from local.dynamics.business_central.queries import check_names, list_page, shown
from local.dynamics.business_central.schema import Entity
from local.dynamics.business_central.store import Row, Tables
from local.dynamics.calls import Answer, Call
from local.dynamics.metadata import FieldFault, Planted
from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.options import parse_options, parse_segment

PREFIX = "/v2.0"
STANDARD_TERMS = ("14 DAYS", "1M(8D)", "CM", "COD")


@dataclass(slots=True)
class BusinessCentral:
    """One environment behind `/v2.0`."""

    environment: Environment = field(default_factory=Environment)
    tables: Tables = field(default_factory=Tables)
    planted: Planted = field(default_factory=dict[str, FieldFault])

    @property
    def path(self) -> str:
        """The path of the environment, below which its APIs are."""
        return f"{PREFIX}/{self.environment.tenant}/{self.environment.name}"

    def __post_init__(self) -> None:
        """Give each company its payment terms."""
        empty = {name: item.empty for name, item in PAYMENT_TERMS.properties.items()}
        for company in self.environment.companies.values():
            for code in STANDARD_TERMS:
                row = self.tables.new_row({**empty, "code": code, "displayName": code.title()})
                self.tables.of(company, PAYMENT_TERMS).put(row)

    def reset(self) -> None:
        """Everything as at the start: no customers, no currencies but the ledgers' own."""
        self.environment = Environment()
        self.tables.clear()
        self.__post_init__()

    def customers(self, company: Company) -> Customers:
        """The customers of a company."""
        return Customers(company, self.environment, self.tables)

    def handle(self, call: Call) -> Answer:
        """Answer one call, which writes one row at most."""
        try:
            answer = self._route(call)
        except BusinessCentralError as error:
            answer = error.answer()
        except QueryError as error:
            answer = errors.bad_request(str(error)).answer()
        headers = {"OData-Version": "4.0", "request-id": str(uuid4()), "ms-correlation-x": str(uuid4())}
        return Answer(answer.status, answer.body, {**headers, **answer.headers})

    def failure(self, status: int, code: str | None) -> Answer:
        """The body that belongs to an ordered status."""
        return errors.failure(status, code)

    def _route(self, call: Call) -> Answer:
        api, rest = self._api(call.segments)
        match rest:
            case ["$metadata"] if call.method == "GET":
                return metadata.answer(APIS[api], self.planted)
            case ["companies"]:
                return self._companies(call)
            case [first, page]:
                return self._page(call, APIS[api], self._company(first), page)
            case _:
                raise errors.no_resource("/".join(rest))

    def _api(self, segments: list[str]) -> tuple[str, list[str]]:
        """The path of the API and what comes after it; the tenant may be left out."""
        environment = self.environment
        own = segments[1:] if segments[:1] == [environment.tenant] else segments
        if own[:1] != [environment.name]:
            raise BusinessCentralError(404, "NoEnvironment", "Environment does not exist.")
        for api in APIS:
            parts = api.split("/")
            if own[1 : len(parts) + 1] == parts:
                return api, own[len(parts) + 1 :]
        raise errors.no_resource("/".join(own[1:]))

    def _company(self, segment: str) -> Company:
        name, key = parse_segment(segment)
        if name != "companies" or key is None:
            raise errors.no_resource(segment)
        company = self.environment.company(key)
        if company is None:
            raise errors.no_company(key)
        return company

    def _companies(self, call: Call) -> Answer:
        if call.method != "GET":
            raise errors.method_not_allowed(call.method, "companies")
        rows = [
            {"id": one.id, "systemVersion": "28.0", "name": one.name, "displayName": one.display_name}
            | {"businessProfileId": ""}
            for one in self.environment.companies.values()
        ]
        return Answer(200, list_page(COMPANIES, call, rows, self.environment.page_size))

    def _page(self, call: Call, pages: Mapping[str, Entity], company: Company, segment: str) -> Answer:
        name, key = parse_segment(segment)
        entity = pages.get(name)
        if entity is None:
            raise errors.no_resource(name)
        if name == "customers":
            found = self.customers(company)
            return (
                self._customers(call, entity, found) if key is None else self._one(call, entity, found, key)
            )
        if call.method != "GET" or key is not None:
            raise errors.method_not_allowed(call.method, name)
        rows = [_ledger(company)] if entity is LEDGER else self._rows(company, entity)
        return Answer(200, list_page(entity, call, rows, self.environment.page_size))

    def _rows(self, company: Company, entity: Entity) -> list[dict[str, Any]]:
        return [
            {"@odata.etag": row.etag, **row.values, "id": row.id}
            for row in self.tables.of(company, entity).by_id.values()
        ]

    def _customers(self, call: Call, entity: Entity, customers: Customers) -> Answer:
        if call.method == "POST":
            row = customers.create(read_body(entity, call.body))
            headers = {"Location": f"{call.root}/{call.path}({row.id})"}
            return _written(call, 201, _visible(entity, customers, row), headers)
        if call.method != "GET":
            raise errors.method_not_allowed(call.method, entity.entity_set)
        rows = [_visible(entity, customers, row) for row in _candidates(customers, call.query)]
        return Answer(200, list_page(entity, call, rows, self.environment.page_size))

    def _one(self, call: Call, entity: Entity, customers: Customers, key: str) -> Answer:
        row = customers.table.by_id.get(key.lower())
        if row is None:
            raise errors.no_record("Customer", key)
        match call.method:
            case "GET":
                select = parse_options(call.query, ("$select",)).select
                check_names(entity, select or ())
                return Answer(200, shown(_visible(entity, customers, row), select), {"ETag": row.etag})
            case "PATCH":
                _check_token(call.headers.get("if-match"), row)
                after = customers.change(row, read_body(entity, call.body))
                return _written(call, 200, _visible(entity, customers, after), {})
            case "DELETE":
                _check_token(call.headers.get("if-match", "*"), row)
                customers.table.remove(row)
                return Answer(204)
            case _:
                raise errors.method_not_allowed(call.method, entity.entity_set)


def _candidates(customers: Customers, query: Mapping[str, str]) -> list[Row]:
    """The rows that a filter can let through: one at most if it is nothing but a number without wildcards."""
    table, text = customers.table, query.get("$filter", "")
    number = text.removeprefix("number eq '").removesuffix("'").strip().upper()
    if text != f"number eq '{text[11:-1]}'" or "*" in number or "'" in number:
        return [*table.by_id.values()]
    found = table.with_key(number)
    return [] if found is None else [found]


def _visible(entity: Entity, customers: Customers, row: Row) -> dict[str, Any]:
    """A customer with the properties of this page."""
    values = customers.shown(row)
    return {"@odata.etag": row.etag, **{name: values[name] for name in entity.properties}}


def _ledger(company: Company) -> dict[str, Any]:
    moment = "2026-01-01T00:00:00Z"
    own = {"localCurrencyCode": company.local_currency, "localCurrencySymbol": ""}
    return {"id": company.id, **own, "lastModifiedDateTime": moment}


def _check_token(given: str | None, row: Row) -> None:
    """A change needs `*` or the ETag of the row as it is now."""
    if given is None or not (given == "*" or given.startswith('W/"')):
        raise errors.no_token()
    if given not in ("*", row.etag):
        raise errors.changed()


def _written(call: Call, status: int, body: dict[str, Any], headers: dict[str, str]) -> Answer:
    if "return-no-content" in call.preferences():
        return Answer(204, None, headers)
    return Answer(status, body, headers)
