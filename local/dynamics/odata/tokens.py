"""Tokens of a `$filter` expression: text enters, words, symbols and typed literals leave.

Literal forms are those of OData 4.0 (Part 2, section 5.1.1.6.1). An enum literal must be qualified
(`Namespace.Type'Member'`); an unqualified one, like every character that starts no token, raises QueryError.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from local.dynamics.odata.errors import QueryError

_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_DATE = r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?"
_TOKEN = re.compile(
    rf"\s*(?:(?P<enum>[A-Za-z_][\w.]*'(?:[^']|'')*')|(?P<string>'(?:[^']|'')*')|(?P<guid>{_GUID}(?!\w))"
    rf"|(?P<date>{_DATE}(?!\w))|(?P<number>-?\d+(?:\.\d+)?(?!\w))"
    r"|(?P<word>[A-Za-z_@$][\w./]*)|(?P<symbol>[(),]))"
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: its OData type (None for null; the enum's own name for an enum) and its value."""

    type: str | None
    value: Any


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is word, symbol or literal; `position` counts from 0."""

    kind: str
    text: str
    position: int
    literal: Literal | None = None


def tokenize(text: str) -> list[Token]:
    """Split an expression into tokens; raises QueryError."""
    tokens: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise QueryError(
                f"Syntax error: character '{text[position]}' is not valid at position {position}."
            )
        tokens.append(_token(match.lastgroup, match.group(match.lastgroup), position))
        position = match.end()
    return tokens


def _token(group: str, text: str, position: int) -> Token:
    if group == "symbol":
        return Token("symbol", text, position)
    if group == "word":
        constants = {"null": Literal(None, None), "true": Literal("Edm.Boolean", True)}
        constants["false"] = Literal("Edm.Boolean", False)
        literal = constants.get(text)
        return Token("literal" if literal else "word", text, position, literal)
    return Token("literal", text, position, _literal(group, text))


def _literal(group: str, text: str) -> Literal:
    match group:
        case "string":
            return Literal("Edm.String", unquote_text(text))
        case "guid":
            return Literal("Edm.Guid", str(UUID(text)))
        case "date":
            return Literal("Edm.DateTimeOffset", parse_date(text))
        case "number":
            return Literal("Edm.Decimal" if "." in text else "Edm.Int32", Decimal(text))
        case _:
            return _enum(text)


def _enum(text: str) -> Literal:
    name, _, member = text.partition("'")
    if "." not in name:
        raise QueryError(
            f"Unrecognized literal '{text}': an enumeration must be qualified with its namespace."
        )
    return Literal(name, unquote_text("'" + member))


def unquote_text(text: str) -> str:
    """The value of a quoted string literal, in which a quote is doubled."""
    return text[1:-1].replace("''", "'")


def parse_date(text: str) -> datetime:
    """A date or date-time literal as an aware UTC time; raises QueryError."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise QueryError(f"Unrecognized 'Edm.DateTimeOffset' literal '{text}'.") from error
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
