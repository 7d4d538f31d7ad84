"""Bulk operation messages: `set/Microsoft.Dynamics.CRM.CreateMultiple` and `...UpdateMultiple`.

learn.microsoft.com/power-apps/developer/data-platform/bulk-operations: all rows in one transaction, each row
makes its own event. What is no list of rows of the table is refused as a bad payload.
"""

from typing import Any

from local.dynamics.calls import Answer
from local.dynamics.dataverse import errors
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Origin, Store
from local.dynamics.dataverse.values import read_guid, read_payload

CREATE = "Microsoft.Dynamics.CRM.CreateMultiple"
UPDATE = "Microsoft.Dynamics.CRM.UpdateMultiple"
ACTIONS = (CREATE, UPDATE)


def run_bulk(store: Store, table: Table, action: str, body: Any, origin: Origin) -> Answer:
    """Run an action over its `Targets`; raises DataverseError."""
    targets = body.get("Targets") if isinstance(body, dict) else None
    if not isinstance(targets, list) or not targets:
        raise errors.bad_payload(table.entity_set)
    with store.transaction():
        if action == CREATE:
            rows = [store.create(table, read_payload(table, one).values, origin) for one in targets]
            return Answer(200, {"Ids": [row.id for row in rows]})
        for one in targets:
            values = read_payload(table, one).values
            row = store.find(table, read_guid(values.pop(table.primary_id, None)))
            store.update(table, row, values, origin)
    return Answer(204)
