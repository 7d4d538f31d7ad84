"""The OData service under `/data`: a call enters, the documented answer leaves.

A POST takes its company from the body, everything else looks at the rows that the caller sees
(learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata). What this module does is to find
out whom a call is for, and to write single rows.
"""

import re
import uuid
from dataclasses import dataclass, field
from urllib.parse import quote

from local.dynamics.calls import Answer, Call
from local.dynamics.metadata import FieldFault, Planted
from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.options import parse_key, parse_options, parse_segment
from local.dynamics.operations import errors, metadata
from local.dynamics.operations.errors import OperationsError
from local.dynamics.operations.queries import Query, check_names, show
from local.dynamics.operations.rules import Rules
from local.dynamics.operations.schema import Entity
from local.dynamics.operations.store import Record

PREFIX = "/data"
OPTIONS = ("$select", "$filter", "$expand", "$orderby", "$top", "$skip")


@dataclass(slots=True)
class Operations:
    """One environment behind `/data` and `/metadata`."""

    rules: Rules
    planted: Planted = field(default_factory=dict[str, FieldFault])

    def handle(self, call: Call) -> Answer:
        """Answer one call, which writes one row at most."""
        try:
            answer = self._route(call)
        except OperationsError as error:
            answer = error.answer()
        except QueryError as error:
            answer = errors.bad_query(str(error)).answer()
        headers = {"OData-Version": "4.0", "ms-dyn-aid": str(uuid.uuid4()), "server-timing": "dur=1"}
        return Answer(answer.status, answer.body, {**headers, **answer.headers})

    def failure(self, status: int, code: str | None) -> Answer:
        """The body that belongs to an ordered status."""
        return errors.failure(status, code)

    def _route(self, call: Call) -> Answer:
        if call.root.endswith(metadata.PREFIX):
            return metadata.answer(call, self.rules.entities, self.planted)
        if len(call.segments) != 1:
            return Answer(404)
        name, key = parse_segment(call.segments[0])
        entity = self.rules.entities.get(name)
        if entity is None:
            return Answer(404)
        if key is None:
            return self._collection(call, entity)
        return self._single(call, entity, _read_key(entity, key))

    def _collection(self, call: Call, entity: Entity) -> Answer:
        if call.method == "POST":
            return self._create(call, entity)
        if call.method != "GET":
            return Answer(405)
        query, options = self._query(call, entity), parse_options(call.query, OPTIONS)
        return Answer(200, query.page(query.rows(options), options))

    def _query(self, call: Call, entity: Entity) -> Query:
        return Query(self.rules.records, self.rules.environment, entity, call)

    def _single(self, call: Call, entity: Entity, key: dict[str, str]) -> Answer:
        record = self.rules.records.find(entity, key)
        if record is not None and not self._query(call, entity).visible(record):
            record = None
        match call.method:
            case "GET":
                return self._read(call, entity, record)
            case "PATCH":
                return self._update(call, entity, record)
            case "DELETE":
                self.rules.records.remove(entity, _matched(call, record))
                return Answer(204)
            case _:
                return Answer(405)

    def _read(self, call: Call, entity: Entity, record: Record | None) -> Answer:
        select = parse_options(call.query, ("$select", "$expand")).select
        check_names(entity, select or ())
        if record is None:
            return Answer(404)
        body = {
            "@odata.context": f"{call.root}/$metadata#{entity.entity_set}/$entity",
            **show(entity, record, select),
        }
        return Answer(200, body, {"ETag": record.etag})

    def _create(self, call: Call, entity: Entity) -> Answer:
        sent = self.rules.read_body(entity, call.body)
        record = self.rules.records.insert(entity, self.rules.for_create(entity, sent))
        body = {
            "@odata.context": f"{call.root}/$metadata#{entity.entity_set}/$entity",
            **show(entity, record, None),
        }
        headers = {
            "Location": f"{call.root}/{entity.entity_set}({key_text(entity, record)})",
            "ETag": record.etag,
        }
        return Answer(201, body, headers)

    def _update(self, call: Call, entity: Entity, record: Record | None) -> Answer:
        found = _matched(call, record)
        sent = self.rules.read_body(entity, call.body)
        self.rules.records.replace(entity, found, self.rules.for_update(entity, found, sent))
        return Answer(204)


def key_text(entity: Entity, record: Record) -> str:
    """The key as it stands in a URL, quotes doubled and characters encoded."""
    pairs = ((name, str(record.values[name]).replace("'", "''")) for name in entity.keys)
    return ",".join(f"{name}='{quote(value, safe='')}'" for name, value in pairs)


def _read_key(entity: Entity, text: str) -> dict[str, str]:
    if len(entity.keys) == 1 and re.fullmatch(r"'(?:[^']|'')*'", text):
        text = f"{entity.keys[0]}={text}"
    key = parse_key(text)
    if set(key) != set(entity.keys):
        raise errors.bad_query("The key of the resource does not match its entity type.")
    return key


def _matched(call: Call, record: Record | None) -> Record:
    """The row to change; raises what a missing one or a stale If-Match gets."""
    if record is None:
        raise errors.not_found_for_update()
    wanted = call.headers.get("if-match")
    if wanted is not None and wanted != "*" and record.etag not in [tag.strip() for tag in wanted.split(",")]:
        raise errors.precondition_failed()
    return record
