"""Reads Operations' answers: the content of good ones, and which fault an error is.

The useful part is `error.innererror`: its `type` and the technical field names in its text are not
translated, the text itself is in the language of the app's user in Operations. So: status first, then
type, then technical field name, and a text only as a last hint. Stack traces are never kept.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import httpx

from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    Fault,
    Refused,
    System,
    TransientFault,
)
from shared.model.outcome import Cause, Problem
from shared.web.odata import content_of

JSON_ONLY = {"Accept": "application/json;odata.metadata=none"}
_CONFLICT = ("update conflict", "deadlock")
_NOT_FOUND = "no resources were found when selecting for update"
_EXISTS = "already exists"
_TABLE = "(CustTable)"
_TECHNICAL_FIELD = re.compile(r"CustCustomerV3Entity\.(\w+)")
_FIELD_LIST = re.compile(r"following fields: ([\w, ]+)")
_QUOTED = re.compile(r"'(\w+)'")


@dataclass(frozen=True, slots=True)
class OperationsError:
    """One error answer: `type` is the innererror's, `text` all its messages, for classifying only."""

    status: int
    type: str
    text: str

    @property
    def is_business(self) -> bool:
        """Whether the application refused, as against a gateway or a failing server; a 500 may be either."""
        return self.type.startswith("AxOData") or self._says("infolog")

    @property
    def is_conflict(self) -> bool:
        """Whether another process changed the same rows, so that another attempt may succeed."""
        return self._says(*_CONFLICT)

    @property
    def says_not_found(self) -> bool:
        """A PATCH that met no row: 400 with this text, not 404."""
        return self.status == 404 or (self.status == 400 and self._says(_NOT_FOUND))

    def says_exists(self, number: str) -> bool:
        """A POST of this customer's number, which is there: 400, 409 or 500, by version.

        It names the customers' own table and the number: a party, or a row of a child table with the
        customer's number in its key, is another record that exists.
        """
        named = re.search(rf"(?<![\w-]){re.escape(number.strip())}(?![\w-])", self.text, re.IGNORECASE)
        return named is not None and _TABLE in self.text and (self.status == 409 or self._says(_EXISTS))

    def field(self, sent: Collection[str]) -> str:
        """The technical name of the field that was refused, if it is one of those sent."""
        found = _TECHNICAL_FIELD.findall(self.text)
        for names in _FIELD_LIST.findall(self.text):
            found += [name.strip() for name in names.split(",")]
        found += _QUOTED.findall(self.text)
        lower = {name.lower(): name for name in sent}
        return next((lower[name.lower()] for name in found if name.lower() in lower), "")

    def _says(self, *hints: str) -> bool:
        text = self.text.lower()
        return any(hint in text for hint in hints)

    def fault(self, operation: str, sent: Collection[str], of_account: Collection[str]) -> Fault:
        """The fault that this answer to a write is, apart from "not found" and "already exists".

        `of_account` are the fields whose values are the account's own: if one of them is named as wrong, no
        other account is concerned.
        """
        if self.is_conflict:
            return TransientFault(System.OPERATIONS, "update conflict", about_system=False)
        if self.status >= 500 and not self.is_business:
            reason = f"answered {self.status}"
            return TransientFault(System.OPERATIONS, reason, unknown_outcome=True)
        field = self.field(sent)
        if field in of_account and self.status != 403:
            return AccountFault(self._problem(field))
        return self.refused(operation, field)

    def refused(self, operation: str, field: str = "") -> Refused:
        """The refusal of a request that may concern one account or all."""
        remedy = {
            403: "Give the app's user in Operations the duties for customers.",
            404: "Check OPERATIONS_URL.",
        }.get(self.status, "Check the set-up in Operations and the field map.")
        return Refused(System.OPERATIONS, operation, self._problem(field), remedy)

    def _problem(self, field: str) -> Problem:
        return Problem(Cause.REFUSED, field=field, status=self.status, error_type=self.type[-120:])


def read_error(response: httpx.Response) -> OperationsError:
    """The error in an answer; one from a gateway may be no JSON at all."""
    try:
        inner: object = content_of(response)["error"]["innererror"]
    except (ValueError, LookupError, TypeError):
        return OperationsError(response.status_code, "", "")
    kind, texts = "", list[str]()
    while isinstance(inner, dict):
        members = cast(dict[str, object], inner)
        kind = kind or _text(members.get("type"))
        texts.append(_text(members.get("message")))
        inner = members.get("internalexception")
    return OperationsError(response.status_code, kind.rpartition(".")[2], " ".join(texts))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def page_content(response: httpx.Response) -> dict[str, Any]:
    """The content of a good page of a list; rows that are no objects raise."""
    page = good_content(response)
    found: object = page.get("value")
    if not isinstance(found, list) or any(not isinstance(row, dict) for row in cast(list[object], found)):
        raise other_form()
    return page


def other_form(*, unknown_outcome: bool = False) -> TransientFault:
    """The fault of an answer that is not of Operations' form."""
    return TransientFault(System.OPERATIONS, "answered in another form", unknown_outcome=unknown_outcome)


def good_content(response: httpx.Response) -> dict[str, Any]:
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
