"""Rows as the JSON of the Web API: a row and what to show enter, an object with annotations leaves.

Annotation names and lookup properties: learn.microsoft.com/power-apps/developer/data-platform/webapi/query/
select-columns and .../webapi/compose-http-requests-handle-errors (Prefer odata.include-annotations).
"""

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.dynamics.dataverse import errors
from local.dynamics.dataverse.schema import Column, Table
from local.dynamics.dataverse.store import Row, Store
from local.dynamics.dataverse.values import json_value, label

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"


@dataclass(frozen=True, slots=True)
class View:
    """What to show of a row; `annotations` are the patterns of the Prefer header."""

    columns: tuple[Column, ...]
    expand: Mapping[str, tuple[str, ...] | None]
    annotations: tuple[str, ...] = ()


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
        value = row.get(column.name)
        body.update(_annotations(store, column, value, view.annotations))
        body[column.api_name] = json_value(column, value)
    body[table.primary_id] = row.id
    for name, select in view.expand.items():
        body[name] = _expanded(store, table, row, name, (select, view.annotations))
    return body


def etag(row: Row) -> str:
    """`W/"versionnumber"` (learn.microsoft.com/power-apps/developer/data-platform/optimistic-concurrency)."""
    return f'W/"{row.version}"'


def _expanded(
    store: Store, table: Table, row: Row, name: str, shown: tuple[tuple[str, ...] | None, tuple[str, ...]]
) -> dict[str, Any] | None:
    column = table.by_navigation(name)
    assert column is not None
    assert column.target is not None
    target = store.tables.get(column.target)
    if target is None:
        return None
    view = make_view(target, shown[0], {})
    found = store.rows(target.name).get(row.get(column.name) or "")
    return None if found is None else render(store, target, found, View(view.columns, {}, shown[1]))


def _annotations(store: Store, column: Column, value: Any, patterns: tuple[str, ...]) -> dict[str, Any]:
    if not patterns or value is None:
        return {}
    found: dict[str, Any] = {FORMATTED: label(column, value)}
    if column.kind == "Lookup":
        found = {
            FORMATTED: row_name(store, column, value),
            LOGICAL_NAME: column.target,
            NAVIGATION: column.navigation,
        }
    return {
        f"{column.api_name}@{name}": text
        for name, text in found.items()
        if text is not None and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }


def row_name(store: Store, column: Column, row_id: str) -> str | None:
    """The primary name of the row that a lookup points to, None when it is not there."""
    target = store.tables.get(column.target or "")
    row = store.rows(target.name).get(row_id) if target else None
    return row.get(target.primary_name) if row and target else None
