"""Reads NAV's error answers: what each means, and which fault it is.

Codes and texts: "Error Codes" (docs.microsoft.com/dynamics-nav/fin-graph/dynamics_error_codes), documented
for V4. An error of V3 may have no code; then its status and the names in its text are all there is. The
texts quote values, so they are read here for the names of fields and keys only, and never kept. They are in
the language of the server's web services, which has to be English (en-US, the default).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Any, cast

import httpx

from shared.model.customer import FieldValue
from shared.model.faults import AccountFault, ConfigurationFault, Fault, Refused, System, TransientFault
from shared.model.outcome import Cause, Problem
from shared.web.odata import content_of


class Meaning(Enum):
    """What an error answer means."""

    EXISTS = auto()  # another row has the number
    CHANGED = auto()  # another version of the row was expected
    NO_VERSION = auto()  # `If-Match: *` is not accepted
    NOT_FOUND = auto()  # the row, the page or the company
    FORBIDDEN = auto()
    NOT_EXECUTED = auto()
    UNKNOWN = auto()  # a write may have been executed
    REFUSED = auto()


_BY_CODE = {
    "Internal_EntityWithSameKeyExists": Meaning.EXISTS,
    "Request_EntityChanged": Meaning.CHANGED,
    "BadRequest_InvalidToken": Meaning.NO_VERSION,
    "Internal_CompanyNotFound": Meaning.NOT_FOUND,
    "Internal_RecordNotFound": Meaning.NOT_FOUND,
    "Internal_TenantUnavailable": Meaning.NOT_EXECUTED,
    "Internal_ServerError": Meaning.UNKNOWN,
    "Authenciation_InvalidCredentials": Meaning.FORBIDDEN,  # as the server spells it
}
_BY_CATEGORY = {
    "Authorization": Meaning.FORBIDDEN,
    "Authentication": Meaning.FORBIDDEN,
    "Application": Meaning.REFUSED,
    "Internal": Meaning.REFUSED,
}
_BY_STATUS = {
    401: Meaning.FORBIDDEN,
    403: Meaning.FORBIDDEN,
    404: Meaning.NOT_FOUND,
    409: Meaning.CHANGED,
    412: Meaning.CHANGED,
    429: Meaning.NOT_EXECUTED,
}


def meaning(status: int, code: str, *, own: bool) -> Meaning:
    """Return what an error means, by code, category or status; `own` if NAV itself made it."""
    known = _BY_CODE.get(code) or _BY_CATEGORY.get(code.partition("_")[0]) or _BY_STATUS.get(status)
    if known is None and status >= 500:
        return Meaning.NOT_EXECUTED if status == 503 and own else Meaning.UNKNOWN
    return known or Meaning.REFUSED


_CAPTION = (
    re.compile(r"^The field (?P<caption>.+?) of table "),
    re.compile(r"^(?P<caption>[^'\"]+?) must (?:not )?(?:have a value|be )"),
    re.compile(r"^The ['\"](?P<caption>\w+)['\"] "),
)
_OF_PAGE = (  # the page has no such control, or nobody may change it
    re.compile(r"property named '(?P<caption>\w+)'"),
    re.compile(r"The property '(?P<caption>\w+)' does not exist"),
    re.compile(r"Control '(?P<caption>[^']+)' is read-only"),
)
_LENGTH = re.compile(r"^The length of the string is (?P<length>\d+),")
_EXISTS = re.compile(
    r"^The Customer already exists\. Identification fields and values: No\.='(?P<number>.*)'"
)
_REMEDY = "Check the set-up in NAV, such as the posting groups and Manual Nos. of the number series."


@dataclass(frozen=True, slots=True)
class NavError:
    """One error answer; `own` if it is in NAV's own form. `text` is for classifying only."""

    status: int
    code: str
    text: str
    own: bool

    @property
    def meaning(self) -> Meaning:
        """What the answer means."""
        if self.code == "" and _EXISTS.search(self.text):
            return Meaning.EXISTS
        return meaning(self.status, self.code, own=self.own)

    @property
    def may_be_about_version(self) -> bool:
        """Whether the same change may be accepted with the row's version."""
        uncoded = self.status == 400 and not self.code and not any(map(self.named, (_CAPTION, _OF_PAGE)))
        return uncoded or self.meaning in {Meaning.CHANGED, Meaning.NO_VERSION}

    def says_exists(self, number: str) -> bool:
        """Whether the customer of this number exists; rows of other tables may exist too."""
        if self.meaning is not Meaning.EXISTS or (found := _EXISTS.search(self.text)) is None:
            return False
        return found["number"].strip().upper() == number.strip().upper()

    def named(self, patterns: Collection[re.Pattern[str]]) -> str:
        """Return the control that one of the patterns finds in the text, or ""."""
        for pattern in patterns:
            if found := pattern.search(self.text):
                return re.sub(r"\W+", "_", found["caption"]).strip("_")
        return ""

    def field(self, sent: Mapping[str, FieldValue]) -> str:
        """Return the sent field that was refused, or "". A text that is too long is known by its length."""
        if (name := self.named(_CAPTION)) in sent:
            return name
        if found := _LENGTH.search(self.text):
            fits = [name for name, value in sent.items() if len(str(value)) == int(found["length"])]
            return fits[0] if len(fits) == 1 else ""
        return ""

    def fault(self, operation: str, sent: Mapping[str, FieldValue], of_account: Collection[str]) -> Fault:
        """Return the fault that this answer to a write is, apart from those that are asked about before.

        `of_account` are the fields whose values are the account's own: if one of them is refused, no other
        account is concerned.
        """
        if (later := self._later(created=operation == "create")) is not None:
            return later
        if self.meaning is Meaning.FORBIDDEN:
            return forbidden(self.status)
        if (name := self.named(_OF_PAGE)) in sent:
            return no_control(name)
        field = self.field(sent)
        return AccountFault(self.problem(field)) if field in of_account else self.refused(operation, field)

    def _later(self, *, created: bool) -> TransientFault | None:
        """Return the fault of an answer after which another attempt may succeed, if this is one."""
        reason = f"answered {self.status}"
        match self.meaning:
            case Meaning.CHANGED | Meaning.NO_VERSION:
                # A create may have inserted the row, and only then met a conflict.
                reason = "update conflict"
                return TransientFault(System.NAV, reason, unknown_outcome=created, about_system=False)
            case Meaning.UNKNOWN:
                return TransientFault(System.NAV, reason, unknown_outcome=True)
            case Meaning.NOT_EXECUTED:
                return TransientFault(System.NAV, reason)
            case Meaning.NOT_FOUND if not self.own:
                return TransientFault(System.NAV, reason)
            case _:
                return None

    def refused(self, operation: str, field: str = "") -> Refused:
        """Return the refusal of a request that may concern one account or all."""
        return Refused(System.NAV, operation, self.problem(field), _REMEDY)

    def read_fault(self, asked: Collection[str]) -> Fault:
        """Return the fault that this answer to a read of these fields is, if the page is there."""
        if (name := self.named(_OF_PAGE)) in asked:
            return no_control(name)
        return forbidden(self.status) if self.meaning is Meaning.FORBIDDEN else self.refused("find")

    def problem(self, field: str = "") -> Problem:
        """Return the reason for parking, without any text of the answer."""
        return Problem(Cause.REFUSED, field=field, status=self.status, error_type=self.code[:120])


def read_error(response: httpx.Response) -> NavError:
    """Return the error in an answer: `error` of V4, `odata.error` of V3, or none that can be read."""
    try:
        content = content_of(response)
    except ValueError:
        content = {}
    found: object = content.get("error", content.get("odata.error"))
    members = cast(dict[str, object], found) if isinstance(found, dict) else {}
    message = members.get("message")
    if isinstance(message, dict):
        message = cast(dict[str, object], message).get("value")
    code = members.get("code")
    return NavError(
        response.status_code,
        code if isinstance(code, str) and re.fullmatch(r"\w+", code) else "",
        message if isinstance(message, str) else "",
        own=bool(members),
    )


def good_content(response: httpx.Response) -> dict[str, Any]:
    """Return the content of a good answer. Raises TransientFault if it is no JSON object."""
    try:
        return content_of(response, parse_float=Decimal)
    except ValueError as error:
        reason = f"answered {response.status_code} without JSON"
        written = response.request.method != "GET"
        raise TransientFault(System.NAV, reason, unknown_outcome=written) from error


def forbidden(status: int) -> ConfigurationFault:
    """Return the fault of a user without permission."""
    remedy = "Give the user NAV_USER a permission set in NAV for customers and currencies."
    return ConfigurationFault(System.NAV, f"refuses the app's user ({status}).", remedy)


def no_control(name: str) -> ConfigurationFault:
    """Return the fault of a page without a field that the field map names, or that cannot be changed."""
    remedy = f"Add the control {name} to the page as an editable one, or take it out of the field map."
    return ConfigurationFault(
        System.NAV, f"has no field {name} on the page, or does not let it change.", remedy
    )


def list_of_rows(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the rows in a good answer. Raises TransientFault for anything else."""
    rows: object = good_content(response).get("value")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in cast(list[object], rows)):
        raise TransientFault(System.NAV, "answered a list without its rows")
    return cast(list[dict[str, Any]], rows)
