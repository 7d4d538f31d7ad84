"""Values of columns: what a client sends enters, what the store keeps leaves, and back again.

Kept as: guid as lower-case text, choices and whole numbers as int, decimals and money as Decimal, dates as
aware UTC times of whole seconds, the rest as it is. Wrong types, values out of range, texts over the length
and unknown properties raise the documented errors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from local.dynamics.dataverse import errors
from local.dynamics.dataverse.schema import CHOICES, Column, Table

_BIND = re.compile(r"^/?(?:.*/)?(?P<set>\w+)\((?P<id>[0-9a-fA-F-]{36})\)$")


@dataclass(frozen=True, slots=True)
class Payload:
    """A body that was read: columns to set, and the rows that its lookups must find (column -> set, id)."""

    values: dict[str, Any]
    references: dict[str, tuple[str, str]]


def read_payload(table: Table, body: object) -> Payload:
    """Turn a JSON body into column values; raises DataverseError."""
    if not isinstance(body, dict):
        raise errors.bad_payload(table.entity_set)
    values: dict[str, Any] = {}
    references: dict[str, tuple[str, str]] = {}
    for name, value in body.items():
        if name.endswith("@odata.bind"):
            column, reference = _bind(table, name.removesuffix("@odata.bind"), value)
            values[column.name] = reference[1]
            references[column.name] = reference
        elif "@" not in name:
            _plain(table, name, value, values)
    return Payload(values, references)


def _plain(table: Table, name: str, value: object, values: dict[str, Any]) -> None:
    column = table.by_property(name) or table.by_navigation(name)
    if column is None:
        raise errors.invalid_property(name, table.name)
    if column.kind == "Lookup" and value is not None:
        # Lookups are set through their navigation property (learn.microsoft.com/power-apps/developer/
        # data-platform/webapi/associate-disassociate-entities-using-web-api).
        raise errors.bad_query(
            "CRM do not support direct update of Entity Reference properties, Use Navigation properties "
            "instead."
        )
    if not column.read_only:
        values[column.name] = read_value(table, column, value)


def _bind(table: Table, name: str, value: object) -> tuple[Column, tuple[str, str]]:
    column = table.by_navigation(name)
    if column is None:
        raise errors.undeclared_navigation(name, table.entity_set)
    match = _BIND.match(value) if isinstance(value, str) else None
    if match is None:
        raise errors.bad_payload(table.entity_set)
    return column, (match["set"], match["id"].lower())


def read_value(table: Table, column: Column, value: object) -> Any:
    """Check one value and turn it into its kept form."""
    if value is None:
        if column.required:
            raise errors.missing(f"The required field '{column.name}' is missing.")
        return None
    if column.edm == "Edm.String":
        return _text(table, column, value)
    if column.kind == "DateTime":
        return _date(value)
    if column.edm == "Edm.Guid":
        return read_guid(value)
    if column.kind == "Boolean":
        if not isinstance(value, bool):
            raise errors.bad_literal(value, column.edm)
        return value
    return _number(table, column, value)


def _text(table: Table, column: Column, value: object) -> str:
    if not isinstance(value, str):
        raise errors.bad_literal(value, column.edm)
    # Lengths count UTF-16 code units, as .NET strings do.
    if column.max_length is not None and len(value.encode("utf-16-le")) // 2 > column.max_length:
        raise errors.too_long(column.name, table.name, column.max_length)
    return value


def _date(value: object) -> datetime:
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise errors.bad_literal(value, "Edm.DateTimeOffset")
    aware = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    return aware.replace(microsecond=0)


def read_guid(value: object) -> str:
    """A guid in its one form; raises DataverseError."""
    try:
        return str(UUID(value if isinstance(value, str) else ""))
    except ValueError as error:
        raise errors.bad_literal(value, "Edm.Guid") from error


def _number(table: Table, column: Column, value: object) -> int | Decimal:
    whole = column.edm in ("Edm.Int32", "Edm.Int64")
    if isinstance(value, bool) or not isinstance(value, int | float) or (whole and value != int(value)):
        raise errors.bad_literal(value, column.edm)
    if column.kind in CHOICES:
        if value not in column.options:
            accepted = ",".join(str(option) for option in column.options)
            raise errors.no_option(value, column.name, table.name, accepted)
    elif not column.low <= value <= column.high:
        raise errors.out_of_range(value, column.name, table.name, column.low, column.high)
    return int(value) if whole else Decimal(str(value))


def json_value(column: Column, value: Any) -> Any:
    """A kept value as the JSON of the Web API shows it."""
    if value is None or column.write_only:
        return None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def label(column: Column, value: Any) -> str | None:
    """The formatted value of a choice or yes/no."""
    return None if value is None else column.options.get(int(value))


def defaults(table: Table) -> Mapping[str, Any]:
    """The values that a new row gets for columns that were not sent."""
    return {c.name: c.default for c in table.columns.values() if c.default is not None}
