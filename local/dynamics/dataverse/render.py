"""Rows as the JSON of the Web API: a row and what to show enter, an object leaves.

Lookup properties: learn.microsoft.com/power-apps/developer/data-platform/webapi/query/select-columns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.dynamics.dataverse import errors
from local.dynamics.dataverse.schema import Column, Table
from local.dynamics.dataverse.store import Row, Store
from local.dynamics.dataverse.values import json_value


@dataclass(frozen=True, slots=True)
class View:
    """What to show of a row."""

    columns: tuple[Column, ...]
    expand: Mapping[str, tuple[str, ...] | None]


def make_view(
    table: Table, select: Iterable[str] | None, expand: Mapping[str, tuple[str, ...] | None]
) -> View:
    """Check names of `$select` and `$expand`; raises DataverseError."""
    if select is None:
        columns = tuple(table.columns.values())
    else:
        columns = tuple(_column(table, name) for name in select)
    for name in expand:
        if table.by_navigation(name) is None:
            raise errors.no_property(name, table.name)
    return View(columns, expand)


def _column(table: Table, name: str) -> Column:
    column = table.by_property(name)
    if column is None:
        raise errors.no_property(name, table.name)
    return column


def render(store: Store, table: Table, row: Row, view: View) -> dict[str, Any]:
    """One row; the key and the ETag are always there."""
    body: dict[str, Any] = {"@odata.etag": etag(row)}
    for column in view.columns:
        body[column.api_name] = json_value(column, row.get(column.name))
    body[table.primary_id] = row.id
    for name, select in view.expand.items():
        body[name] = _expanded(store, table, row, name, select)
    return body


def etag(row: Row) -> str:
    """`W/"versionnumber"` (learn.microsoft.com/power-apps/developer/data-platform/optimistic-concurrency)."""
    return f'W/"{row.version}"'


def _expanded(
    store: Store, table: Table, row: Row, name: str, select: tuple[str, ...] | None
) -> dict[str, Any] | None:
    column = table.by_navigation(name)
    assert column is not None
    assert column.target is not None
    target = store.tables.get(column.target)
    if target is None:
        return None
    view = make_view(target, select, {})  # also where the lookup is empty: it refuses wrong names
    found = store.rows(target.name).get(row.get(column.name) or "")
    return None if found is None else render(store, target, found, view)
