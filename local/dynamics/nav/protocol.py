"""The two wire formats: OData V4 under `/ODataV4` and V3 under `/OData`.

V3 answers JSON only where it is asked for, AtomPub otherwise (learn.microsoft.com/previous-versions/
dynamicsnav-2016-developer, "How to: Use OData to Return or Obtain a JSON Document"). Its rows have their
version in the property `ETag`, whose header form is `W/"'<url-escaped>'"`, and its decimals are texts
(github.com/ajkauffmann/DynamicsNAV, codeunit 72001; OData Version 3.0, JSON Format, section 4.4).
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from local.dynamics.calls import Answer, Call
from local.dynamics.nav.environment import Environment, Row
from local.dynamics.nav.errors import NavError
from local.dynamics.nav.pages import Page

ROOTS: Mapping[str, Literal["v3", "v4"]] = {"ODataV4": "v4", "OData": "v3"}
_V3_JSON = {"Content-Type": "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Protocol:
    """One of the two, for one call."""

    version: Literal["v3", "v4"]
    environment: Environment

    @property
    def methods_of_change(self) -> set[str]:
        """The methods that change a row."""
        if self.version == "v4":
            return {"PATCH"}
        return {"MERGE", "PATCH"} if self.environment.v3_patch else {"MERGE"}

    def tag(self, row: Row) -> str:
        """Return the row's ETag as a header has it."""
        if self.version == "v4":
            return f'W/"{base64.b64encode(_version(row).encode()).decode()}"'
        return f"W/\"'{quote(_version(row), safe='')}'\""

    def show(self, page: Page, row: Row, select: Iterable[str] | None) -> dict[str, Any]:
        """Return a row as JSON."""
        values = {name: self._written(page, name, value) for name, value in row.values.items()}
        if self.version == "v4":
            names = values if select is None else select
            return {"@odata.etag": self.tag(row), **{name: values[name] for name in names}}
        values["ETag"] = _version(row)
        return values if select is None else {name: values[name] for name in select}

    def _written(self, page: Page, name: str, value: Any) -> Any:
        kind = page.controls[name].kind
        if kind == "option" and value == "":
            return self.environment.blank
        return str(value) if kind == "decimal" and self.version == "v3" else value

    def content(self, call: Call, status: int, body: dict[str, Any]) -> Answer:
        """Return an answer with content, in the form that the call asks for."""
        if self.version == "v4":
            return Answer(status, body)
        wanted = call.headers.get("accept", "") + call.query.get("$format", "")
        if "json" in wanted:
            return Answer(status, body, dict(_V3_JSON))
        return Answer(status, "<entry/>", {"Content-Type": "application/atom+xml;charset=utf-8"})

    def list(self, rows: list[dict[str, Any]], following: str | None) -> dict[str, Any]:
        """Return a page of rows with the link to the next one."""
        name = "@odata.nextLink" if self.version == "v4" else "odata.nextLink"
        return {"value": rows} | ({name: following} if following else {})

    def error(self, call: Call, error: NavError) -> Answer:
        """Return the answer that an error is."""
        if self.version == "v4":
            return Answer(error.status, {"error": {"code": error.code, "message": error.message}})
        code = error.code if self.environment.v3_codes else ""
        body = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": error.message}}}
        return self.content(call, error.status, body)


def _version(row: Row) -> str:
    """A version as NAV writes it: length, content with signs that a URL escapes, and a counter."""
    content = base64.b64encode(f"{row.version:012d}".encode()).decode()
    return f"{len(content)};{content};{row.version}0;"
