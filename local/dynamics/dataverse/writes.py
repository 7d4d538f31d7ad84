"""Writes of single rows and of many at once: a call enters, the row is written, the answer leaves.

Upsert by PATCH: learn.microsoft.com/power-apps/developer/data-platform/webapi/
update-delete-entities-using-web-api; If-Match and If-None-Match: .../webapi/
perform-conditional-operations-using-web-api; CreateMultiple and UpdateMultiple: .../bulk-operations (all rows
in one transaction, each makes its own event). Everything is checked before anything is written; what does not
fit raises DataverseError.
"""

import json
from dataclasses import dataclass
from typing import Any

from local.dynamics.calls import Answer, Call
from local.dynamics.dataverse import errors
from local.dynamics.dataverse.queries import ROW_OPTIONS, read_options
from local.dynamics.dataverse.reads import row_context
from local.dynamics.dataverse.registration import check_delete
from local.dynamics.dataverse.render import etag, make_view, render
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Origin, Row, Store
from local.dynamics.dataverse.values import read_guid, read_payload

CREATE_MULTIPLE = "Microsoft.Dynamics.CRM.CreateMultiple"
UPDATE_MULTIPLE = "Microsoft.Dynamics.CRM.UpdateMultiple"
ACTIONS = (CREATE_MULTIPLE, UPDATE_MULTIPLE)


@dataclass(frozen=True, slots=True)
class Write:
    """One call that writes rows of one table."""

    store: Store
    call: Call
    table: Table
    origin: Origin

    def create(self, row_id: str | None = None) -> Answer:
        """POST, or a PATCH of a row that is not there yet."""
        values = self._values(self._json())
        if row_id is not None:
            values[self.table.primary_id] = row_id
        self._check_view()
        with self.store.transaction():
            row = self.store.create(self.table, values, self.origin)
        return self._written(row, 201)

    def patch(self, row_id: str) -> Answer:
        """Change a row, or make it unless If-Match forbids that."""
        row = self.store.rows(self.table.name).get(row_id)
        if row is None:
            if "if-match" in self.call.headers:
                raise errors.does_not_exist(self.table.name, row_id)
            return self.create(row_id)
        if self.call.headers.get("if-none-match") == "*":
            raise errors.duplicate()
        self._check_match(row)
        sent = self._values(self._json())
        sent.pop(self.table.primary_id, None)
        self._check_view()
        with self.store.transaction():
            row = self.store.update(self.table, row, sent, self.origin)
        return self._written(row, 200)

    def delete(self, row_id: str) -> Answer:
        """Remove a row."""
        row = self.store.find(self.table, row_id)
        self._check_match(row)
        check_delete(self.store, self.table, row)
        with self.store.transaction():
            self.store.delete(self.table, row, self.origin)
        return Answer(204)

    def many(self, action: str) -> Answer:
        """Run a bulk message over its `Targets`."""
        body = self._json()
        targets = body.get("Targets") if isinstance(body, dict) else None
        if not isinstance(targets, list) or not targets:
            raise errors.bad_payload(self.table.entity_set)
        rows = [self._values(target) for target in targets]
        with self.store.transaction():
            if action == CREATE_MULTIPLE:
                made = [self.store.create(self.table, values, self.origin) for values in rows]
                return Answer(200, {"Ids": [row.id for row in made]})
            for values in rows:
                row = self.store.find(self.table, read_guid(values.pop(self.table.primary_id, None)))
                self.store.update(self.table, row, values, self.origin)
        return Answer(204)

    def _json(self) -> Any:
        try:
            return json.loads(self.call.body)
        except (ValueError, RecursionError) as error:
            raise errors.bad_payload(self.table.entity_set) from error

    def _values(self, body: object) -> dict[str, Any]:
        """The columns of a body; every row that a lookup is bound to must be there and of the right table."""
        payload = read_payload(self.table, body)
        for name, (entity_set, row_id) in payload.references.items():
            target = self.store.tables.get(self.table.columns[name].target or "")
            if target is None or target.entity_set != entity_set:
                raise errors.wrong_target(name, self.table.entity_set, entity_set)
            self.store.find(target, row_id)
        return payload.values

    def _check_view(self) -> None:
        """Refuse a wrong `$select` or `$expand` of the answer before the row is written."""
        options = read_options(self.call, ROW_OPTIONS)
        make_view(self.table, options.select, options.expand)

    def _check_match(self, row: Row) -> None:
        wanted = [tag.strip() for tag in self.call.headers.get("if-match", "*").split(",")]
        if "*" not in wanted and etag(row) not in wanted:
            raise errors.version_mismatch()

    def _written(self, row: Row, status: int) -> Answer:
        """204 with the row's address, or the row itself on `Prefer: return=representation`."""
        call, table = self.call, self.table
        address = f"{call.root}/{table.entity_set}({row.id})"
        if call.preferences().get("return") != "representation":
            return Answer(204, None, {"OData-EntityId": address, "Location": address})
        options = read_options(call, ROW_OPTIONS)
        shown = render(self.store, table, row, make_view(table, options.select, options.expand))
        body = {"@odata.context": row_context(call, table, options.select), **shown}
        applied = {"Preference-Applied": "return=representation", "ETag": etag(row)}
        return Answer(status, body, {**applied, "OData-EntityId": address})
