"""System query options of a collection request: the decoded query enters, `Options` leave.

Names and values are checked for form only; whether a column exists is the service's business. Unknown `$`
options and values that are no numbers raise QueryError.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.tokens import unquote_text

_KEY = re.compile(r"^(?P<set>[A-Za-z_]\w*)(?:\((?P<key>.*)\))?$", re.DOTALL)
_PAIR = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?P<value>'(?:[^']|'')*'|[^,']+)\s*(?:,|$)")
_EXPAND = re.compile(r"\s*(?P<name>\w+)\s*(?:\((?P<options>[^()]*)\))?\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Options:
    """`select` None means all columns; `expand` maps a navigation property to its own `$select`."""

    select: tuple[str, ...] | None
    filter: str | None
    expand: Mapping[str, tuple[str, ...] | None]
    order: tuple[tuple[str, bool], ...]  # (property, descending)
    top: int | None
    skip: int


def parse_options(query: Mapping[str, str], supported: Collection[str]) -> Options:
    """Read the system query options of a request; raises QueryError for one that is not `supported`."""
    for name in query:
        if name.startswith("$") and name not in supported:
            raise QueryError(f"The query parameter {name} is not supported.")
    return Options(
        select=_names(query["$select"]) if query.get("$select") else None,
        filter=query.get("$filter") or None,
        expand=parse_expand(query.get("$expand", "")),
        order=_order(query.get("$orderby", "")),
        top=_number(query, "$top"),
        skip=_number(query, "$skip") or 0,
    )


def parse_segment(segment: str) -> tuple[str, str | None]:
    """Split `set(key)` into set and key text; raises QueryError."""
    match = _KEY.match(segment)
    if match is None:
        raise QueryError(f"Bad Request - Error in query syntax at '{segment}'.")
    return match["set"], match["key"]


def parse_key(text: str) -> dict[str, str]:
    """Named key values (`a='x',b='y'`) without their quotes; raises QueryError for any other form."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None:
            raise QueryError("Bad Request - Error in the key syntax.")
        value = match["value"].strip()
        found[match["name"]] = unquote_text(value) if value.startswith("'") else value
        position = match.end()
    return found


def parse_expand(text: str) -> dict[str, tuple[str, ...] | None]:
    """`a($select=x,y),b` as {"a": ("x", "y"), "b": None}; only `$select` is allowed inside."""
    found: dict[str, tuple[str, ...] | None] = {}
    position = 0
    while position < len(text):
        match = _EXPAND.match(text, position)
        if match is None:
            raise QueryError(f"Syntax error in the expand option at position {position}.")
        found[match["name"]] = _expand_select(match["options"])
        position = match.end()
    return found


def _expand_select(options: str | None) -> tuple[str, ...] | None:
    if not options:
        return None
    name, _, value = options.partition("=")
    if name.strip() != "$select":
        raise QueryError(f"The expand option {name.strip()} is not supported.")
    return _names(value)


def _names(text: str) -> tuple[str, ...] | None:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    return None if "*" in names else names


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    order: list[tuple[str, bool]] = []
    for part in filter(None, (item.strip() for item in text.split(","))):
        name, _, direction = part.partition(" ")
        if direction.strip() not in ("", "asc", "desc"):
            raise QueryError(f"Syntax error in the orderby option at '{part}'.")
        order.append((name, direction.strip() == "desc"))
    return tuple(order)


def _number(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    text = query[name].strip()
    if not (text.isascii() and text.isdigit()):
        raise QueryError(f"Invalid value '{query[name]}' for {name} query option found.")
    return int(text)
