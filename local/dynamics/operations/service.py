"""The OData service under `/data`: a call enters, the documented answer leaves.

Companies: without `cross-company=true` only rows of the user's default company are visible; a POST takes its
company from the body (learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata,
"Cross-company behavior").
"""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from local.dynamics.batch import Batching
from local.dynamics.calls import Answer, Call
from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.filters import parse_filter, sort_value
from local.dynamics.odata.options import Options, parse_key, parse_options, parse_segment
from local.dynamics.odata.tokens import unquote_text
from local.dynamics.operations import errors
from local.dynamics.operations.errors import OperationsError
from local.dynamics.operations.metadata import answer_metadata, csdl
from local.dynamics.operations.rules import Rules
from local.dynamics.operations.schema import NAMESPACE, Entity
from local.dynamics.operations.store import Record, normal

METADATA = "/metadata"
PREFIXES = ("/data", METADATA)
OPTIONS = ("$select", "$filter", "$expand", "$orderby", "$top", "$skip", "$count")


@dataclass(frozen=True, slots=True)
class EntityDialect:
    """Names and types of one entity's properties; `*` in a string is a wildcard, contains() is no function
    here.
    """

    entity: Entity
    functions: frozenset[str] = frozenset()

    def resolve(self, name: str) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        """The OData type of a property and its reader."""
        item = self.entity.properties.get(name)
        if item is None:
            raise errors.no_property(name, f"{NAMESPACE}.{self.entity.name}")
        if item.kind == "DateTimeOffset":
            return item.edm, lambda row: datetime.fromisoformat(row[name])
        if item.kind == "Decimal":
            return item.edm, lambda row: Decimal(str(row[name]))
        return item.edm, lambda row: row[name]

    def equal_text(self, value: str, wanted: str) -> bool:
        """Without regard to case and trailing blanks; `*` stands for any text."""
        if "*" not in wanted:
            return normal(value) == normal(wanted)
        pattern = ".*".join(re.escape(part) for part in normal(wanted).split("*"))
        return re.fullmatch(pattern, normal(value), re.DOTALL) is not None


@dataclass(slots=True)
class Operations:
    """One environment behind `/data` and `/metadata`."""

    rules: Rules
    batching: Batching = field(init=False)

    def __post_init__(self) -> None:
        """A batch may have 5,000 operations and is answered with 200 even if some of them failed
        (learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata, "Batch requests")."""
        transaction = self.rules.records.transaction
        self.batching = Batching(self.handle, transaction, _refuse_batch, 5000, False, False)

    def handle(self, call: Call) -> Answer:
        """Answer one call, all of its writes in one transaction."""
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
        if call.root.endswith(METADATA):
            return answer_metadata(call, self.rules.entities, self.rules.environment.read_only)
        segments = call.segments
        if not segments:
            sets = [{"name": name, "kind": "EntitySet", "url": name} for name in self.rules.entities]
            return Answer(200, {"@odata.context": f"{call.root}/$metadata", "value": sets})
        if segments == ["$batch"]:
            return self.batching.run(call)
        if segments == ["$metadata"]:
            return Answer(200, csdl(self.rules.entities), {"Content-Type": "application/xml"})
        name, key = parse_segment(segments[0])
        entity = self.rules.entities.get(name)
        if entity is None or len(segments) > 2 or (len(segments) == 2 and segments[1] != "$count"):
            return Answer(404)
        if key is None:
            return self._collection(call, entity, counting=len(segments) == 2)
        return self._single(call, entity, _read_key(entity, key))

    def _collection(self, call: Call, entity: Entity, *, counting: bool) -> Answer:
        if call.method == "POST" and not counting:
            return self._create(call, entity)
        if call.method != "GET":
            return Answer(405)
        options = parse_options(call.query, OPTIONS)
        rows = self._ordered(entity, self._filtered(call, entity, options), options)
        if counting:
            return Answer(200, str(len(rows)), {"Content-Type": "text/plain"})
        return Answer(200, self._page(call, entity, rows, options))

    def _single(self, call: Call, entity: Entity, key: dict[str, str]) -> Answer:
        record = self.rules.records.find(entity, key)
        if record is not None and not self._visible(call, entity, record):
            record = None
        match call.method:
            case "GET":
                return self._read(call, entity, record)
            case "PATCH" | "PUT":
                return self._update(call, entity, record)
            case "DELETE":
                found = _matched(call, record)
                with self.rules.records.transaction():
                    self.rules.records.remove(entity, found)
                return Answer(204)
            case _:
                return Answer(405)

    def _read(self, call: Call, entity: Entity, record: Record | None) -> Answer:
        select = parse_options(call.query, ("$select", "$expand")).select
        _check_names(entity, select or ())
        if record is None:
            return Answer(404)
        body = {
            "@odata.context": f"{call.root}/$metadata#{entity.entity_set}/$entity",
            **show(entity, record, select),
        }
        return Answer(200, body, {"ETag": record.etag})

    def _create(self, call: Call, entity: Entity) -> Answer:
        sent = self.rules.read_body(entity, call.body)
        with self.rules.records.transaction():
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
        with self.rules.records.transaction():
            self.rules.records.replace(entity, found, self.rules.for_update(entity, found, sent))
        return Answer(204)

    def _visible(self, call: Call, entity: Entity, record: Record) -> bool:
        if not entity.per_company or call.query.get("cross-company", "").lower() == "true":
            return True
        return record.values["dataAreaId"] == self.rules.environment.default_company

    def _filtered(self, call: Call, entity: Entity, options: Options) -> list[Record]:
        if options.filter is None:
            candidates = self.rules.records.rows(entity.entity_set).values()
            return [one for one in candidates if self._visible(call, entity, one)]
        predicate = parse_filter(options.filter, EntityDialect(entity))
        candidates = self._candidates(entity, options.filter)
        return [one for one in candidates if self._visible(call, entity, one) and predicate(one.values)]

    def _candidates(self, entity: Entity, text: str) -> Iterable[Record]:
        """The rows that a filter can let through: one at most where it names the whole key."""
        key = key_of_filter(text)
        if not set(entity.keys) <= set(key) or any("*" in value for value in key.values()):
            return self.rules.records.rows(entity.entity_set).values()
        found = self.rules.records.find(entity, key)
        return () if found is None else (found,)

    def _ordered(self, entity: Entity, rows: list[Record], options: Options) -> list[Record]:
        rows = sorted(rows, key=lambda row: self.rules.records.key(entity, row.values))
        _check_names(entity, [name for name, _ in options.order])
        for name, descending in reversed(options.order):
            rows.sort(key=lambda row: sort_value(row.values[name]), reverse=descending)
        return rows

    def _page(self, call: Call, entity: Entity, rows: list[Record], options: Options) -> dict[str, Any]:
        """One page; the link to the next one is absolute and keeps the query, with its own $skip."""
        _check_names(entity, [*(options.select or ()), *options.expand])
        names = f"({','.join(options.select)})" if options.select else ""
        body: dict[str, Any] = {"@odata.context": f"{call.root}/$metadata#{entity.entity_set}{names}"}
        if options.count:
            body["@odata.count"] = len(rows)
        limit = len(rows) if options.top is None else options.top
        wanted = rows[options.skip : options.skip + limit]
        size = self._page_size(call)
        body["value"] = [show(entity, row, options.select) for row in wanted[:size]]
        if len(wanted) > size:
            query = {**call.query, "$skip": str(options.skip + size)}
            if options.top is not None:
                query["$top"] = str(options.top - size)
            body["@odata.nextLink"] = (
                f"{call.root}/{call.path}?{urlencode(query, quote_via=quote, safe='$,')}"
            )
        return body

    def _page_size(self, call: Call) -> int:
        text = call.preferences().get("odata.maxpagesize", "")
        limit = self.rules.environment.page_size
        return min(int(text), limit) if text.isascii() and text.isdigit() and int(text) > 0 else limit


_EQUALITY = re.compile(r"(\w+) eq ('(?:[^']|'')*')( and |$)")


def key_of_filter(text: str) -> dict[str, str]:
    """The values of a filter that is nothing but `name eq 'value'` joined by `and`; empty for any other."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _EQUALITY.match(text, position)
        if match is None:
            return {}
        found[match[1]] = unquote_text(match[2])
        position = match.end()
    return found


def _refuse_batch(message: str) -> Answer:
    return errors.bad_body(message).answer()


def show(entity: Entity, record: Record, select: tuple[str, ...] | None) -> dict[str, Any]:
    """A row as JSON; the ETag is always there."""
    names = entity.properties if select is None else select
    return {"@odata.etag": record.etag, **{name: record.values[name] for name in names}}


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


def _check_names(entity: Entity, names: Any) -> None:
    for name in names:
        if name not in entity.properties:
            raise errors.no_property(name, f"{NAMESPACE}.{entity.name}")
