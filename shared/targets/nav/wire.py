"""The two protocols of NAV's web services: addresses, headers, rows and their versions.

V4:
learn.microsoft.com/previous-versions/dynamicsnav-2018-developer/using-odata-web-services-to-modify-data.
V3: JSON has to be asked for; a row's version is its property `ETag`, and decimals are texts (OData Version
3.0, JSON Format, section 4.4).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

from shared.model.customer import FieldValue
from shared.web.odata import literal

_V3_JSON = "application/json;odata=minimalmetadata,application/json;q=0.9"

type Protocol = Literal["v3", "v4"]


@dataclass(frozen=True, slots=True)
class Wire:
    """One of the two protocols."""

    protocol: Protocol

    @property
    def root(self) -> str:
        """The path of the service root below the server instance."""
        return "/ODataV4" if self.protocol == "v4" else "/OData"

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request: JSON, and texts whose language does not depend on the server."""
        json_of = {
            "v4": {"Accept": "application/json"},
            "v3": {"Accept": _V3_JSON, "MaxDataServiceVersion": "3.0"},  # not the verbose JSON of V2
        }
        return {**json_of[self.protocol], "Accept-Language": "en-US"}

    @property
    def change_headers(self) -> dict[str, str]:
        """Headers of a change, which ask for the changed row (OData Version 3.0, Prefer: return-content)."""
        prefer = "return=representation" if self.protocol == "v4" else "return-content"
        return {**self.headers, "Prefer": prefer}

    def path(self, company: str, service: str, number: str | None = None) -> str:
        """Return the path of a page's rows in a company, or of one of them."""
        key = "" if number is None else f"({literal(number)})"
        return f"{self.root}/Company({literal(company)})/{quote(service, safe='')}{key}"

    def tag(self, row: Mapping[str, Any]) -> str | None:
        """Return the version of a row as the header If-Match takes it, if the row shows it."""
        raw = row.get("ETag")
        escaped = f"W/\"'{quote(raw, safe='')}'\"" if isinstance(raw, str) and raw.isascii() else None
        tag: object = row.get("@odata.etag") or row.get("odata.etag") or escaped
        return tag if isinstance(tag, str) and tag.isascii() and tag.isprintable() else None

    def page(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a page of rows with the names of V4."""
        return {**content, "@odata.nextLink": content.get("@odata.nextLink") or content.get("odata.nextLink")}

    def encode(self, fields: Mapping[str, FieldValue]) -> bytes:
        """Return a body, with the fields in their order."""
        plain = {name: self._plain(value) for name, value in fields.items()}
        return json.dumps(plain, ensure_ascii=False).encode()

    def _plain(self, value: FieldValue) -> str | int | float:
        if not isinstance(value, Decimal):
            return value
        if self.protocol == "v3":
            return f"{value:f}"
        return int(value) if value == int(value) else float(value)
