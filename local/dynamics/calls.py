"""One HTTP exchange without a web framework: a `Call` enters a service, an `Answer` leaves it.

Both simulated services are plain functions over these two, so that a late commit and an ordinary request take
the same way. Nothing is refused here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

JSON_CONTENT = "application/json; odata.metadata=minimal"


@dataclass(frozen=True, slots=True)
class Call:
    """A request below the root of a service.

    `path` is still percent-encoded and has no leading slash; header names are in lower case; `root` is the
    absolute URL of the service without a trailing slash.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    root: str

    @property
    def segments(self) -> list[str]:
        """The decoded path segments; an encoded slash inside a key does not split it."""
        return [unquote(part) for part in self.path.split("/") if part]

    def preferences(self) -> dict[str, str]:
        """The `Prefer` header as name -> value (OData Version 4.0 Part 1, section 8.2.8)."""
        found: dict[str, str] = {}
        for part in self.headers.get("prefer", "").split(","):
            name, _, value = part.partition("=")
            if name.strip():
                found[name.strip().lower()] = value.strip().strip('"')
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answers; `body` is JSON-able, text, bytes or None (no content)."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def payload(self) -> bytes:
        """The body as it goes over the wire, UTF-8."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False).encode()

    def content_type(self) -> str | None:
        """The content type to send, JSON unless a header says otherwise."""
        return self.headers.get("Content-Type", JSON_CONTENT if self.body is not None else None)


class Service(Protocol):
    """A simulated service: synchronous, hence every call is one atomic transaction."""

    def handle(self, call: Call) -> Answer:
        """Answer one call; never raises for anything that a client can send."""
        ...

    def failure(self, status: int, code: str | None) -> Answer:
        """The service's own error body for a status that was ordered by a fault."""
        ...


def split_target(target: str) -> tuple[str, dict[str, str]]:
    """Split a request target into its raw path and its decoded query options."""
    path, _, query = target.partition("?")
    return path, dict(parse_qsl(query, keep_blank_values=True))
