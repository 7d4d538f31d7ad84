"""Reads of single rows and of what hangs on them: a call and a row's id enter, the answer leaves.

Conditional reads: learn.microsoft.com/power-apps/developer/data-platform/webapi/
perform-conditional-operations-using-web-api. A row, column or navigation that is none raises DataverseError.
"""

from local.dynamics.calls import Answer, Call
from local.dynamics.dataverse import errors
from local.dynamics.dataverse.queries import ROW_OPTIONS, context, query_view, read_options
from local.dynamics.dataverse.registration import COLLECTIONS, referring
from local.dynamics.dataverse.render import etag, make_view, render
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Row, Store


def read_row(store: Store, call: Call, table: Table, row_id: str) -> Answer:
    """`set(id)`: the row, or 304 when the client has this version already."""
    options = read_options(call, ROW_OPTIONS)
    view = query_view(call, table, options)
    row = store.find(table, row_id)
    if call.headers.get("if-none-match") == etag(row):
        return Answer(304, None, {"ETag": etag(row)})
    link = row_context(call, table, options.select)
    return Answer(200, {"@odata.context": link, **render(store, table, row, view)}, {"ETag": etag(row)})


def read_part(store: Store, call: Call, table: Table, row_id: str, name: str) -> Answer:
    """`set(id)/name`: the row of a lookup, the rows of a collection, or one column; 204 for an empty one."""
    row = store.find(table, row_id)
    if (collection := COLLECTIONS.get((table.name, name))) is not None:
        return _related(store, call, row, *collection)
    column = table.by_navigation(name)
    if column is not None and column.target in store.tables:
        found = row.get(column.name)
        return read_row(store, call, store.tables[column.target], found) if found else Answer(204)
    if table.by_property(name) is None:
        raise errors.no_segment(name)
    shown = render(store, table, row, make_view(table, (name,), {}))[name]
    link = f"{call.root}/$metadata#{table.entity_set}({row_id})/{name}"
    return Answer(204) if shown is None else Answer(200, {"@odata.context": link, "value": shown})


def row_context(call: Call, table: Table, select: tuple[str, ...] | None) -> str:
    """`@odata.context` of a single row."""
    names = f"({','.join(select)})" if select else ""
    return f"{call.root}/$metadata#{table.entity_set}{names}/$entity"


def _related(store: Store, call: Call, row: Row, name: str, lookup: str) -> Answer:
    """The rows of another table that point to this one."""
    table = store.tables[name]
    options = read_options(call, ROW_OPTIONS)
    view = query_view(call, table, options)
    found = [render(store, table, one, view) for one in referring(store, name, lookup, row.id)]
    return Answer(200, {"@odata.context": context(call, table, options), "value": found})
