"""Reads Business Central's answers: the content of good ones, and which fault an error is.

Errors are `{"error": {"code", "message"}}`. They are read by status, by code, and by the properties that a
text names in double quotes, which are not translated. The text itself quotes values and is never kept.
Codes: learn.microsoft.com/dynamics365/business-central/dev-itpro/webservices/dynamics-error-codes. Statuses:
".../dev-itpro/webservices/use-odata-to-modify-data" and the page on operational limits.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
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
from shared.web.odata import content_of, error_text

SYSTEM = System.BUSINESS_CENTRAL
HEADERS = {"Accept": "application/json", "Accept-Language": "en-US"}
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,119}")
_PROPERTY = re.compile(r'"(\w+)"')
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # no table and no address can carry it
_LONGEST = 500
_RELATED = frozenset(
    {"country", "currencyCode", "salespersonCode", "paymentTermsId"}
)  # checked against another table


class Meaning(Enum):
    """What an answer to a write says."""

    EXISTS = auto()  # a customer has this number
    MISSING = auto()  # there is no such customer
    NO_PAGE = auto()  # the address is not there: the API page, or the customer below it
    CHANGED = auto()  # somebody else changed the record: nothing was written
    NOT_EXECUTED = auto()  # the request did not reach the application
    UNKNOWN = auto()  # it may have been executed, or may still be
    COMPANY = auto()  # the company is gone
    ACCESS = auto()  # the app may not do this
    VALUE = auto()  # one of the values sent does not fit
    DIALOG = auto()  # the application's own error: about a value, or about the number series
    REFUSED = auto()  # anything else that is refused


# These statuses come from gateways as well, so they count before any code.
_BY_STATUS: Mapping[int, Meaning] = {
    403: Meaning.ACCESS,
    412: Meaning.CHANGED,
    502: Meaning.UNKNOWN,
    504: Meaning.UNKNOWN,
}
_BY_CODE: Mapping[str, Meaning] = {
    "Internal_EntityWithSameKeyExists": Meaning.EXISTS,
    "Internal_RecordNotFound": Meaning.MISSING,
    "BadRequest_ResourceNotFound": Meaning.NO_PAGE,
    "Request_EntityChanged": Meaning.CHANGED,
    "Internal_TenantUnavailable": Meaning.NOT_EXECUTED,
    "Internal_CompanyNotFound": Meaning.COMPANY,
    "Authentication_InvalidCredentials": Meaning.ACCESS,
    "Internal_InvalidTableRelation": Meaning.VALUE,
    "Application_StringExceededLength": Meaning.VALUE,
    "Application_FieldValidationException": Meaning.VALUE,
    "Application_EvaluateException": Meaning.VALUE,
    "Application_InvalidGUID": Meaning.VALUE,
    "Application_DialogException": Meaning.DIALOG,
    "Application_CallbackNotAllowed": Meaning.DIALOG,
    "Application_FilterErrorException": Meaning.REFUSED,
    "Internal_DataNotFoundFilter": Meaning.REFUSED,
}


@dataclass(frozen=True, slots=True)
class BusinessCentralError:
    """One error answer.

    `code` is "" if the body is not Business Central's own. `named` are the quoted properties.
    """

    status: int
    code: str
    named: tuple[str, ...] = ()

    @property
    def meaning(self) -> Meaning:
        """Return what the answer says, by the tables above; unknown codes by their status."""
        if self.status == 503:
            return Meaning.NOT_EXECUTED if self.code else Meaning.UNKNOWN
        known = _BY_STATUS.get(self.status) or _BY_CODE.get(self.code)
        if known:
            return known
        if self.code.startswith("Authorization_"):
            return Meaning.ACCESS
        if self.status == 409:
            return Meaning.CHANGED
        return Meaning.REFUSED if 400 <= self.status < 500 else Meaning.UNKNOWN

    def field(self, sent: Collection[str]) -> str:
        """Return the property that was refused, if the answer tells which of those sent it is."""
        if quoted := next((name for name in self.named if name in sent), ""):
            return quoted
        related = self.code == "Internal_InvalidTableRelation"
        possible = [name for name in sent if not related or name in _RELATED]
        about_value = self.meaning in {Meaning.VALUE, Meaning.DIALOG}
        return possible[0] if about_value and len(possible) == 1 else ""

    def fault(
        self,
        operation: str,
        sent: Collection[str] = (),
        of_account: Collection[str] = (),
        retry_after: float | None = None,
    ) -> Fault:
        """Return the fault of a request about one customer, apart from "exists" and "company".

        `of_account` are the properties whose values are the account's own. A value that does not fit is the
        account's fault if the property is one of them, or if none but they were sent. The application's own
        errors count as such only for a change: to a creation, the number series may be the obstacle.
        """
        about_value = {Meaning.VALUE} if operation == "create" else {Meaning.VALUE, Meaning.DIALOG}
        reason = f"answered {self.status}"
        match self.meaning:
            case Meaning.NOT_EXECUTED:
                return TransientFault(SYSTEM, reason, retry_after=retry_after)
            case Meaning.UNKNOWN:
                return TransientFault(SYSTEM, reason, retry_after=retry_after, unknown_outcome=bool(sent))
            case Meaning.CHANGED:
                return TransientFault(SYSTEM, "another user changed the record", about_system=False)
            case Meaning.ACCESS:
                return no_access(self.status)
            case Meaning.NO_PAGE:
                remedy = "Check BUSINESS_CENTRAL_API_PATH and BUSINESS_CENTRAL_URL."
                return ConfigurationFault(SYSTEM, f"has no such API page ({self.status}).", remedy)
            case meaning if meaning in about_value and sent and {*sent} <= {*of_account}:
                return AccountFault(self._problem(self.field(sent)))
            case _:
                return self._refused(operation, self.field(sent), of_account)

    def _refused(self, operation: str, field: str, of_account: Collection[str]) -> AccountFault:
        if field and field in of_account:
            return AccountFault(self._problem(field))
        remedy = "Check the set-up in Business Central, BUSINESS_CENTRAL_URL and the field map."
        return Refused(SYSTEM, operation, self._problem(field), remedy)

    def _problem(self, field: str) -> Problem:
        return Problem(Cause.REFUSED, field=field, status=self.status, error_type=self.code)


def read_error(response: httpx.Response) -> BusinessCentralError:
    """Return the error in an answer; one from a gateway may be no JSON at all."""
    code = error_text(response, "code")
    if not _CODE.fullmatch(code):
        return BusinessCentralError(response.status_code, "")
    named = dict.fromkeys(_PROPERTY.findall(error_text(response, "message")))
    return BusinessCentralError(response.status_code, code, tuple(named))


def no_access(status: int) -> ConfigurationFault:
    """Return the fault of an app that lacks a permission."""
    remedy = "Give the app's Microsoft Entra application in Business Central its permission sets."
    return ConfigurationFault(SYSTEM, f"refuses access ({status}).", remedy)


def good_content(response: httpx.Response) -> dict[str, Any]:
    """Return the content of a good answer to a read; any other one raises."""
    if response.status_code == 200:
        return written_content(response, unknown_outcome=False)
    error = read_error(response)
    if error.meaning is Meaning.ACCESS:
        raise no_access(error.status)
    if error.meaning is Meaning.CHANGED or not 400 <= error.status < 500:
        raise TransientFault(SYSTEM, f"answered {error.status} to a read")
    remedy = "Check BUSINESS_CENTRAL_URL, BUSINESS_CENTRAL_API_PATH, the company and the field map."
    raise ConfigurationFault(SYSTEM, f"answered {error.status} to a read.", remedy)


def written_content(response: httpx.Response, *, unknown_outcome: bool = True) -> dict[str, Any]:
    """Return the content of an answer of 200 or 201; one without JSON raises."""
    try:
        return content_of(response, parse_float=Decimal)
    except ValueError as error:
        reason = f"answered {response.status_code} without JSON"
        raise TransientFault(SYSTEM, reason, unknown_outcome=unknown_outcome) from error


def page_content(response: httpx.Response) -> dict[str, Any]:
    """Return the content of a page of a list; rows that are no objects raise."""
    page = good_content(response)
    found: object = page.get("value")
    if not isinstance(found, list) or any(not isinstance(row, dict) for row in cast(list[object], found)):
        raise TransientFault(SYSTEM, "answered a list of another form")
    return page


def text_of(row: Mapping[str, Any], name: str) -> str:
    """Return one short text of a row, such as an id; a row without it raises."""
    value: object = row.get(name)
    if not isinstance(value, str) or len(value) > _LONGEST or _HALF_CHARACTER.search(value):
        raise TransientFault(SYSTEM, f"answered a row without a usable {name}")
    return value


def another_customer() -> TransientFault:
    """Return the fault of an answer that shows another customer than the one asked for."""
    return TransientFault(SYSTEM, "answered another customer")
