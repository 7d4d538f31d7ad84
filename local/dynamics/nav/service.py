"""The OData web services of one NAV instance: a call enters, the documented answer leaves.

Addresses: `/INSTANCE/ODataV4/Company('NAME')/SERVICE('KEY')`, quotes doubled, the name with its case
(learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/publish-web-service). A page behaves
as it does for a person: it inserts the row with its key, then validates the other fields in turn, so a
refused POST may leave a row behind; a change of the key field renames the row.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from local.dynamics.calls import Answer, Call
from local.dynamics.metadata import FieldFault, Planted
from local.dynamics.nav import errors, metadata
from local.dynamics.nav.environment import Company, Environment, Row
from local.dynamics.nav.errors import NavError
from local.dynamics.nav.pages import CUSTOMER_CARD, EMPTY, Page
from local.dynamics.nav.protocol import ROOTS, Protocol
from local.dynamics.nav.queries import Listing, selected
from local.dynamics.nav.validation import Draft, read_body
from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.options import parse_options, parse_segment
from local.dynamics.odata.tokens import unquote_text

INSTANCE = "/DynamicsNAV110"
SECOND_KEY = "Account_Id"


@dataclass(frozen=True, slots=True)
class Target:
    """What a call is about: a page in a company, and the key of one row of it."""

    company: Company
    page: Page
    key: str | None


@dataclass(slots=True)
class Nav:
    """One server instance."""

    environment: Environment = field(default_factory=Environment)
    planted: Planted = field(default_factory=dict[str, FieldFault])

    def handle(self, call: Call) -> Answer:
        """Answer one call, which writes one row at most."""
        version = ROOTS.get(call.segments[0]) if call.segments else None
        if version is None:
            return Answer(404)
        protocol = Protocol(version, self.environment)
        try:
            answer = self._route(call, protocol)
        except NavError as error:
            answer = protocol.error(call, error)
        except QueryError as error:
            answer = protocol.error(call, errors.bad_request(str(error)))
        version_header = {"v4": {"OData-Version": "4.0"}, "v3": {"DataServiceVersion": "3.0;"}}[version]
        return replace(answer, headers={**version_header, **answer.headers})

    def failure(self, status: int, code: str | None) -> Answer:
        """Return the body that belongs to an ordered status."""
        return errors.failure(status, code)

    def _route(self, call: Call, protocol: Protocol) -> Answer:
        match call.segments[1:]:
            case ["$metadata"] if call.method == "GET":
                return metadata.answer(self.environment.services, protocol.version, self.planted)
            case ["Company"] if call.method == "GET":
                names = [{"Name": name} for name in sorted(self.environment.companies)]
                return protocol.content(call, 200, protocol.list(names, None))
            case [company, page]:
                target = self._target(company, page)
                return (
                    self._rows(call, protocol, target)
                    if target.key is None
                    else self._row(call, protocol, target)
                )
            case _:
                raise errors.no_resource("/".join(call.segments[1:]))

    def _target(self, company: str, page: str) -> Target:
        name, quoted = parse_segment(company)
        found = self.environment.companies.get(_unquoted(quoted))
        if name != "Company":
            raise errors.no_resource(name)
        if found is None:
            raise errors.company_not_found()
        service, key = parse_segment(page)
        if service not in self.environment.services:
            raise errors.no_resource(service)
        wanted = None if key is None else _unquoted(key).strip().upper()
        return Target(found, self.environment.services[service], wanted)

    def _rows(self, call: Call, protocol: Protocol, target: Target) -> Answer:
        match call.method:
            case "GET":
                body = Listing(self.environment, protocol, call).answer(target.company, target.page)
                return protocol.content(call, 200, body)
            case "POST" if target.page is CUSTOMER_CARD:
                row = self._create(target, read_body(target.page, call.body))
                location = f"{call.root}/{call.path}('{quote(str(row.values['No']), safe='')}')"
                answer = protocol.content(call, 201, protocol.show(target.page, row, None))
                return replace(answer, headers={**answer.headers, "Location": location})
            case _:
                raise errors.not_allowed(call.method)

    def _row(self, call: Call, protocol: Protocol, target: Target) -> Answer:
        if call.method not in {"GET", "DELETE", *protocol.methods_of_change}:
            raise errors.not_allowed(call.method)
        row = target.company.rows(target.page).get(target.key or "")
        if row is None:
            raise errors.no_row(self.environment.missing_code, target.page, target.key or "")
        if call.method == "GET":
            names = selected(target.page, parse_options(call.query, ("$select", "$format")).select, protocol)
            return protocol.content(call, 200, protocol.show(target.page, row, names))
        self._check_version(call, protocol, row)
        if call.method == "DELETE":
            del target.company.rows(target.page)[row.values[target.page.key]]
            return Answer(204)
        row = self._change(target, row, read_body(target.page, call.body))
        if protocol.version == "v3" and not self.environment.v3_content:
            return Answer(204)
        return protocol.content(call, 200, protocol.show(target.page, row, None))

    def _check_version(self, call: Call, protocol: Protocol, row: Row) -> None:
        wanted = call.headers.get("if-match")
        if wanted is None or (wanted == "*" and not self.environment.star):
            raise errors.no_token()
        if wanted not in ("*", protocol.tag(row)):
            raise errors.changed(409 if protocol.version == "v4" else 412)

    def _create(self, target: Target, sent: dict[str, Any]) -> Row:
        """Insert the row with its number, then fill the other fields in turn."""
        company, page = target.company, target.page
        empty = {name: EMPTY[control.kind] for name, control in page.controls.items()}
        draft = Draft(page, company, self.environment.blank, empty)
        self._number(draft, str(sent.pop(page.key, "")))
        row = self.environment.put(company, page, draft.values) if self.environment.insert_first else None
        try:
            for name, value in self._in_order(page, sent):
                if name != SECOND_KEY:
                    self._refuse_if_ordered()
                draft.fill(name, value)
        finally:
            if row is not None:
                row = self.environment.put(company, page, draft.values)
        return row or self.environment.put(company, page, draft.values)

    def _refuse_if_ordered(self) -> None:
        if self.environment.refuse_creates > 0:
            self.environment.refuse_creates -= 1
            raise errors.callback()

    def _number(self, draft: Draft, given: str) -> None:
        """Take the number that is given, if the series allows it, or draw one that is free."""
        rows, series = draft.company.rows(draft.page), draft.company.numbers
        if not given.strip():
            while (drawn := series.draw()) in rows:
                pass
            draft.values[draft.page.key] = drawn
            return
        if not series.manual:
            raise errors.manual_number()
        draft.fill(draft.page.key, given)
        if draft.values[draft.page.key] in rows:
            raise errors.exists(draft.page, draft.values[draft.page.key])

    def _change(self, target: Target, row: Row, sent: dict[str, Any]) -> Row:
        """Fill the fields in turn; the row changes as a whole or not at all."""
        draft = Draft(target.page, target.company, self.environment.blank, dict(row.values))
        for name, value in self._in_order(target.page, sent):
            draft.fill(name, value)
        rows, key = target.company.rows(target.page), target.page.key
        before, after = row.values[key], draft.values[key]
        if after != before:
            if not target.company.numbers.manual:
                raise errors.manual_number()
            if after in rows:
                raise errors.exists(target.page, after)
            del rows[before]
            self._follow(target, before, after)
        return self.environment.put(target.company, target.page, draft.values)

    def _follow(self, target: Target, before: str, after: str) -> None:
        """A renamed row gets its new key in the fields that refer to it, as NAV's own rename does."""
        related = [name for name, one in target.page.controls.items() if one.related == target.page.table]
        for row in [*target.company.rows(target.page).values()]:
            if changed := {name: after for name in related if row.values[name] == before}:
                self.environment.put(target.company, target.page, {**row.values, **changed})

    def _in_order(self, page: Page, sent: dict[str, Any]) -> list[tuple[str, Any]]:
        if not self.environment.page_order:
            return [*sent.items()]
        return [(name, sent[name]) for name in page.controls if name in sent]


def _unquoted(text: str | None) -> str:
    """The value of a key literal, `'a''b'` or `No='a''b'`. Raises NavError."""
    match = re.fullmatch(r"(?:\w+=)?('(?:[^']|'')*')", text or "")
    if match is None:
        raise errors.bad_request("Bad Request - Error in query syntax")
    return unquote_text(match[1])
