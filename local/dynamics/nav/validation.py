"""What a page does with the value of each control: the triggers of table 18 of NAV 2018.

Post codes as in table 225, procedures ValidatePostCode and ValidateCountryCode of NAV 2018: a post code that
is found overwrites city, county and country, preferring a row of the customer's own country; a change of the
country looks the post code up again in that country. A city alone changes nothing where no person is present.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from local.dynamics.nav import errors
from local.dynamics.nav.environment import Company, PostCode
from local.dynamics.nav.pages import BLOCKED, Control, Page

_MAIL = re.compile(r"[^@\s]+@[^@\s]+")


def read_body(page: Page, body: bytes) -> dict[str, Any]:
    """Return the values that were sent, checked for name and type. Raises NavError."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.bad_request("Invalid Request Body") from error
    if not isinstance(sent, dict):
        raise errors.bad_request("Invalid Request Body")
    values: dict[str, Any] = {}
    for name, value in sent.items():
        if name == "ETag" or "odata." in name:
            continue
        if name not in page.controls:
            message = f"The property '{name}' does not exist on type 'NAV.{page.table}'."
            raise errors.bad_request(f"{message} Make sure to only use property names that are defined.")
        values[name] = _typed(page.controls[name], value)
    return values


def _typed(control: Control, value: object) -> Any:
    """A decimal may come as a text, which is its form in V3."""
    if control.kind == "decimal":
        text = value if isinstance(value, str) else json.dumps(value)
        if re.fullmatch(r"-?\d+(\.\d+)?", text) is None:
            raise errors.bad_request(
                f"Cannot convert the literal '{text}' to the expected type 'Edm.Decimal'."
            )
        return float(text) if "." in text else int(text)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise errors.bad_request(f"Cannot convert the literal '{value}' to the expected type 'Edm.String'.")
    return value


@dataclass(slots=True)
class Draft:
    """A row while its controls are filled, one after the other."""

    page: Page
    company: Company
    blank: str
    values: dict[str, Any]

    def fill(self, name: str, value: Any) -> None:
        """Validate one value and put it in. Raises NavError."""
        control = self.page.controls[name]
        if control.read_only:
            raise errors.read_only(control)
        self.values[name] = self._checked(control, value)
        match name:
            case "Name":
                self.values["Search_Name"] = self.values["Search_Name"] or value.upper()
            case "Post_Code":
                self._post_code(self.values["Post_Code"])
            case "Country_Region_Code":
                self._country(self.values["Country_Region_Code"])
            case _:
                pass

    def _checked(self, control: Control, value: Any) -> Any:
        match control.kind:
            case "decimal":
                return value
            case "option":
                return self._option(value)
            case _:
                kept = value.strip().upper() if control.kind == "code" else value.rstrip()
        length = len(kept.encode("utf-16-le", "surrogatepass")) // 2
        if length > control.length:
            raise errors.too_long(length, control, value)
        if kept and control.related and not self.company.knows(control.related, kept):
            raise errors.not_related(self.page, control, kept)
        if kept and control.name == "E_Mail" and _MAIL.fullmatch(kept) is None:
            raise errors.bad_mail(kept)
        return kept

    def _option(self, value: str) -> str:
        """A server takes the blank value in the form in which it writes it."""
        kept = "" if value == self.blank else value
        if kept not in BLOCKED or (kept == "" and value != self.blank):
            raise errors.no_option(value)
        return kept

    def _post_code(self, code: str) -> None:
        country = self.values["Country_Region_Code"]
        found = [row for row in self.company.post_codes if code and _matches(row.code, code)]
        own = [row for row in found if country and row.country == country]
        self._take(own or found)

    def _country(self, country: str) -> None:
        code = self.values["Post_Code"]
        rows = self.company.post_codes
        self._take([row for row in rows if code and country and (row.code, row.country) == (code, country)])

    def _take(self, rows: list[PostCode]) -> None:
        if rows:
            row = rows[0]
            self.values |= {"Post_Code": row.code, "City": row.city, "County": row.county}
            self.values["Country_Region_Code"] = row.country


def _matches(code: str, wanted: str) -> bool:
    """A post code whose only asterisk is its last sign is a filter."""
    return code.startswith(wanted[:-1]) if wanted.find("*") == len(wanted) - 1 else code == wanted
