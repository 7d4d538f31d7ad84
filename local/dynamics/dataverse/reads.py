"""Reads of single rows: a call and a row's id enter, the answer leaves; a row that is none raises
DataverseError.
"""

from local.dynamics.calls import Answer, Call
from local.dynamics.dataverse.queries import ROW_OPTIONS, read_options
from local.dynamics.dataverse.render import etag, make_view, render
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Store


def read_row(store: Store, call: Call, table: Table, row_id: str) -> Answer:
    """`set(id)`: the row."""
    options = read_options(call, ROW_OPTIONS)
    view = make_view(table, options.select, options.expand)
    row = store.find(table, row_id)
    link = row_context(call, table, options.select)
    return Answer(200, {"@odata.context": link, **render(store, table, row, view)}, {"ETag": etag(row)})


def row_context(call: Call, table: Table, select: tuple[str, ...] | None) -> str:
    """`@odata.context` of a single row."""
    names = f"({','.join(select)})" if select else ""
    return f"{call.root}/$metadata#{table.entity_set}{names}/$entity"
