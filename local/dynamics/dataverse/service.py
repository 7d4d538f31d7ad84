"""The Web API itself: a call enters, the documented answer leaves; every error is a documented body.

Conditional requests: learn.microsoft.com/power-apps/developer/data-platform/webapi/
perform-conditional-operations-using-web-api. Upsert by PATCH:
.../webapi/update-delete-entities-using-web-api.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from local.dynamics.batch import Batching
from local.dynamics.calls import Answer, Call
from local.dynamics.dataverse import errors
from local.dynamics.dataverse.bulk import ACTIONS, run_bulk
from local.dynamics.dataverse.definitions import Definitions
from local.dynamics.dataverse.errors import DataverseError
from local.dynamics.dataverse.queries import (
    COLLECTION_OPTIONS,
    MAX_PAGE,
    ROW_OPTIONS,
    context,
    filtered,
    query,
    query_view,
    read_options,
)
from local.dynamics.dataverse.registration import COLLECTIONS, before_delete, referring
from local.dynamics.dataverse.render import etag, make_view, render
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Origin, Row, Store
from local.dynamics.dataverse.tracking import Tracking
from local.dynamics.dataverse.values import Payload, read_guid, read_payload
from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.options import parse_options, parse_segment

PREFIX = "/api/data/v9.2"
COMMON = {"OData-Version": "4.0", "Cache-Control": "no-cache"}


@dataclass(slots=True)
class Dataverse:
    """One organisation behind `/api/data/v9.2`; `requests_left` feeds the debugging header of the limits
    page.
    """

    store: Store
    tracking: Tracking = field(init=False)
    definitions: Definitions = field(init=False)
    batching: Batching = field(init=False)

    def __post_init__(self) -> None:
        """Make the parts that answer for themselves; at most 1,000 operations fit into a batch
        (learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api).
        """
        self.tracking = Tracking(self.store)
        self.definitions = Definitions(self.store)
        self.batching = Batching(self.handle, self.store.transaction, _refuse_batch, 1000, True, True)

    def handle(self, call: Call) -> Answer:
        """Answer one call, all of its writes in one transaction."""
        origin = Origin(correlation_id=_correlation(call))
        try:
            answer = self._route(call, origin)
        except DataverseError as error:
            answer = error.answer()
        except QueryError as error:
            answer = errors.bad_query(str(error)).answer()
        limits = {"x-ms-ratelimit-burst-remaining-xrm-requests": "5999"}
        ids = {"REQ_ID": origin.request_id, "x-ms-service-request-id": origin.request_id}
        return Answer(answer.status, answer.body, {**COMMON, **limits, **ids, **answer.headers})

    def failure(self, status: int, code: str | None) -> Answer:
        """The body that belongs to an ordered status."""
        return errors.failure(status, code)

    def _route(self, call: Call, origin: Origin) -> Answer:
        segments = call.segments
        if not segments:
            return self._service_document(call)
        if segments == ["$batch"]:
            return self.batching.run(call)
        name, key = parse_segment(segments[0])
        if name == "EntityDefinitions":
            return self.definitions.answer(call, segments)
        if name == "WhoAmI":
            return self._who_am_i(call)
        table = self._table(name)
        if key is None:
            return self._collection(call, table, segments[1:], origin)
        return self._row(call, table, self._key(table, key), segments[1:], origin)

    def _table(self, entity_set: str) -> Table:
        for table in self.store.tables.values():
            if table.entity_set == entity_set:
                return table
        raise errors.no_segment(entity_set)

    def _key(self, table: Table, key: str) -> str:
        """A guid, bare or as `primaryid=guid`; alternate keys are not defined on these tables."""
        name, equals, value = key.partition("=")
        if equals and name != table.primary_id:
            raise errors.bad_query(f"The specified key properties are invalid on the entity '{table.name}'.")
        try:
            return read_guid(value if equals else name)
        except DataverseError as error:
            raise errors.bad_query("Bad Request - Error in query syntax.") from error

    def _collection(self, call: Call, table: Table, rest: list[str], origin: Origin) -> Answer:
        if rest and rest[0] in ACTIONS and call.method == "POST":
            return run_bulk(self.store, table, rest[0], read_json(call, table), origin)
        if rest == ["$count"] and call.method == "GET":
            return Answer(200, str(self._count(call, table)), {"Content-Type": "text/plain"})
        if rest:
            raise errors.no_segment(rest[0])
        if call.method == "GET" and self.tracking.wanted(call):
            return self.tracking.read(call, table)
        if call.method == "GET":
            return Answer(200, query(self.store, table, call))
        if call.method == "POST":
            return self._create(call, table, read_json(call, table), origin)
        raise _not_allowed(call)

    def _count(self, call: Call, table: Table) -> int:
        """The number of rows, 5,000 at most, or of changes since a delta token."""
        if "$deltatoken" in call.query:
            return self.tracking.count(call, table)
        text = parse_options(call.query, COLLECTION_OPTIONS).filter
        return min(len(filtered(self.store, table, text)), MAX_PAGE)

    def _row(self, call: Call, table: Table, row_id: str, rest: list[str], origin: Origin) -> Answer:
        if rest:
            return self._part(call, table, row_id, rest)
        match call.method:
            case "GET":
                return self._read(call, table, row_id)
            case "PATCH":
                return self._patch(call, table, row_id, origin)
            case "DELETE":
                row = self.store.find(table, row_id)
                self._check_match(call, row)
                with self.store.transaction():
                    before_delete(self.store, table, row, origin)
                    self.store.delete(table, row, origin)
                return Answer(204)
            case _:
                raise _not_allowed(call)

    def _read(self, call: Call, table: Table, row_id: str) -> Answer:
        options = read_options(call, ROW_OPTIONS)
        view = query_view(call, table, options)
        row = self.store.find(table, row_id)
        if call.headers.get("if-none-match") == etag(row):
            return Answer(304, None, {"ETag": etag(row)})
        body = {
            "@odata.context": _row_context(call, table, options.select),
            **render(self.store, table, row, view),
        }
        return Answer(200, body, {"ETag": etag(row)})

    def _part(self, call: Call, table: Table, row_id: str, rest: list[str]) -> Answer:
        """`set(id)/navigation` of a lookup or of a collection, or `set(id)/column`."""
        row = self.store.find(table, row_id)
        column = table.by_navigation(rest[0])
        if call.method != "GET" or len(rest) != 1:
            raise errors.no_segment(rest[-1])
        if (collection := COLLECTIONS.get((table.name, rest[0]))) is not None:
            return self._related(call, row, *collection)
        if column is not None and column.target in self.store.tables:
            target = self.store.tables[column.target]
            found = row.get(column.name)
            return self._read(call, target, found) if found else Answer(204)
        plain = table.by_property(rest[0])
        if plain is None:
            raise errors.no_segment(rest[0])
        shown = render(self.store, table, row, make_view(table, (rest[0],), {}))[rest[0]]
        link = f"{call.root}/$metadata#{table.entity_set}({row_id})/{rest[0]}"
        return Answer(204) if shown is None else Answer(200, {"@odata.context": link, "value": shown})

    def _related(self, call: Call, row: Row, name: str, lookup: str) -> Answer:
        """The rows of another table that point to this one."""
        table = self.store.tables[name]
        options = read_options(call, ROW_OPTIONS)
        view = query_view(call, table, options)
        found = [render(self.store, table, one, view) for one in referring(self.store, name, lookup, row.id)]
        return Answer(200, {"@odata.context": context(call, table, options), "value": found})

    def _create(
        self, call: Call, table: Table, body: object, origin: Origin, row_id: str | None = None
    ) -> Answer:
        payload = read_payload(table, body)
        self._check_references(payload)
        values = {**payload.values, table.primary_id: row_id} if row_id else payload.values
        with self.store.transaction():
            row = self.store.create(table, values, origin)
        return self._written(call, table, row, 201)

    def _patch(self, call: Call, table: Table, row_id: str, origin: Origin) -> Answer:
        body = read_json(call, table)
        row = self.store.rows(table.name).get(row_id)
        if row is None:
            if "if-match" in call.headers:
                raise errors.does_not_exist(table.name, row_id)
            return self._create(call, table, body, origin, row_id)
        if call.headers.get("if-none-match") == "*":
            raise errors.duplicate()
        self._check_match(call, row)
        payload = read_payload(table, body)
        self._check_references(payload)
        sent = {name: value for name, value in payload.values.items() if name != table.primary_id}
        with self.store.transaction():
            row = self.store.update(table, row, sent, origin)
        return self._written(call, table, row, 200)

    def _written(self, call: Call, table: Table, row: Row, status: int) -> Answer:
        """204 with the row's address, or the row itself on `Prefer: return=representation`."""
        address = f"{call.root}/{table.entity_set}({row.id})"
        if call.preferences().get("return") != "representation":
            return Answer(204, None, {"OData-EntityId": address, "Location": address})
        options = read_options(call, ROW_OPTIONS)
        body = render(self.store, table, row, query_view(call, table, options))
        headers = {
            "Preference-Applied": "return=representation",
            "ETag": etag(row),
            "OData-EntityId": address,
        }
        return Answer(status, {"@odata.context": _row_context(call, table, options.select), **body}, headers)

    def _check_match(self, call: Call, row: Row) -> None:
        wanted = call.headers.get("if-match")
        if (
            wanted is not None
            and wanted != "*"
            and etag(row) not in [tag.strip() for tag in wanted.split(",")]
        ):
            raise errors.version_mismatch()

    def _check_references(self, payload: Payload) -> None:
        for entity_set, row_id in payload.references.values():
            self.store.find(self._table(entity_set), row_id)

    def _who_am_i(self, call: Call) -> Answer:
        if call.method != "GET":
            address = f"{call.root}/{call.path}"
            raise DataverseError(
                404, "", f"No HTTP resource was found that matches the request URI '{address}'."
            )
        who = self.store.identity
        body = {
            "BusinessUnitId": who.business_unit_id,
            "UserId": who.user_id,
            "OrganizationId": who.organization_id,
        }
        link = f"{call.root}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse"
        return Answer(200, {"@odata.context": link, **body})

    def _service_document(self, call: Call) -> Answer:
        sets = [
            {"name": table.entity_set, "kind": "EntitySet", "url": table.entity_set}
            for table in self.store.tables.values()
        ]
        return Answer(200, {"@odata.context": f"{call.root}/$metadata", "value": sets})


def _refuse_batch(message: str) -> Answer:
    return errors.bad_batch(message).answer()


def read_json(call: Call, table: Table) -> Any:
    """The JSON body; raises the documented payload error."""
    try:
        return json.loads(call.body)
    except (ValueError, RecursionError) as error:
        raise errors.bad_payload(table.entity_set) from error


def _row_context(call: Call, table: Table, select: tuple[str, ...] | None) -> str:
    names = f"({','.join(select)})" if select else ""
    return f"{call.root}/$metadata#{table.entity_set}{names}/$entity"


def _correlation(call: Call) -> str:
    """The client's own request id becomes the correlation id when it is a guid."""
    try:
        return str(uuid.UUID(call.headers.get("x-ms-correlation-request-id", "")))
    except ValueError:
        return str(uuid.uuid4())


def _not_allowed(call: Call) -> DataverseError:
    message = f"The requested resource does not support http method '{call.method}'."
    return DataverseError(405, "0x80060888", message)
