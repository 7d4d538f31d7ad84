"""The Web API itself: a call enters, the documented answer leaves; every error is a documented body.

learn.microsoft.com/power-apps/developer/data-platform/webapi/overview. What this module does is to find out
whom a call is for; addresses that are none get the documented 404.
"""

import uuid
from dataclasses import dataclass, field, replace

from local.dynamics.calls import Answer, Call
from local.dynamics.dataverse import errors
from local.dynamics.dataverse.aggregates import MOST_ROWS, grouped
from local.dynamics.dataverse.definitions import Definitions
from local.dynamics.dataverse.errors import DataverseError
from local.dynamics.dataverse.queries import query
from local.dynamics.dataverse.reads import read_row
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Origin, Store
from local.dynamics.dataverse.tracking import Tracking
from local.dynamics.dataverse.values import read_guid
from local.dynamics.dataverse.writes import ACTIONS, Write
from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.options import parse_expand, parse_segment

PREFIX = "/api/data/v9.2"


@dataclass(slots=True)
class Dataverse:
    """One organisation behind `/api/data/v9.2`; an aggregate takes `most_aggregated` rows.

    `unreadable` are the tables that the caller has no privilege to read.
    """

    store: Store
    most_aggregated: int = MOST_ROWS
    unreadable: set[str] = field(default_factory=set[str])
    tracking: Tracking = field(init=False)
    definitions: Definitions = field(init=False)

    def __post_init__(self) -> None:
        """Make the parts that answer for themselves."""
        self.tracking = Tracking(self.store)
        self.definitions = Definitions(self.store)

    def handle(self, call: Call) -> Answer:
        """Answer one call, all of its writes in one transaction."""
        origin = Origin(correlation_id=_correlation(call))
        try:
            answer = self._route(call, origin)
        except DataverseError as error:
            answer = error.answer()
        except QueryError as error:
            answer = errors.bad_query(str(error)).answer()
        headers = {
            "OData-Version": "4.0",
            "Cache-Control": "no-cache",
            "REQ_ID": origin.request_id,
            "x-ms-service-request-id": origin.request_id,
            "x-ms-ratelimit-burst-remaining-xrm-requests": "5999",
        }
        return Answer(answer.status, answer.body, {**headers, **answer.headers})

    def track(self, name: str, *, on: bool) -> None:
        """Switch change tracking of a table."""
        self.store.tables[name] = replace(self.store.tables[name], tracked=on)

    def failure(self, status: int, code: str | None) -> Answer:
        """The body that belongs to an ordered status."""
        return errors.failure(status, code)

    def _route(self, call: Call, origin: Origin) -> Answer:
        segments = call.segments or [""]
        name, key = parse_segment(segments[0])
        if name == "EntityDefinitions":
            return self.definitions.answer(call, segments)
        if name == "WhoAmI":
            return self._who_am_i(call)
        table = self._table(name)
        if call.method == "GET":
            self._check_readable(call, table)
        if key is None:
            return self._collection(call, table, segments[1:], origin)
        if len(segments) > 1:
            raise errors.no_segment(segments[1])
        return self._row(call, table, _row_id(key), origin)

    def _check_readable(self, call: Call, table: Table) -> None:
        """Refuse a read of a table, or of one that its look-ups refer to, also where no row has a value."""
        look_ups = [table.by_navigation(name) for name in parse_expand(call.query.get("$expand", ""))]
        for name in (table.name, *(column.target for column in look_ups if column is not None)):
            if name in self.unreadable:
                raise errors.no_privilege(name)

    def _table(self, entity_set: str) -> Table:
        for table in self.store.tables.values():
            if table.entity_set == entity_set:
                return table
        raise errors.no_segment(entity_set)

    def _collection(self, call: Call, table: Table, rest: list[str], origin: Origin) -> Answer:
        if rest and rest[0] in ACTIONS and call.method == "POST":
            return Write(self.store, call, table, origin).many(rest[0])
        if rest:
            raise errors.no_segment(rest[0])
        if call.method == "GET" and self.tracking.wanted(call):
            return self.tracking.read(call, table)
        if call.method == "GET" and "$apply" in call.query:
            return Answer(200, grouped(self.store, table, call, self.most_aggregated))
        if call.method == "GET":
            return Answer(200, query(self.store, table, call))
        if call.method == "POST":
            return Write(self.store, call, table, origin).create()
        raise errors.not_allowed(call.method)

    def _row(self, call: Call, table: Table, row_id: str, origin: Origin) -> Answer:
        match call.method:
            case "GET":
                return read_row(self.store, call, table, row_id)
            case "PATCH":
                return Write(self.store, call, table, origin).patch(row_id)
            case "DELETE":
                return Write(self.store, call, table, origin).delete(row_id)
            case _:
                raise errors.not_allowed(call.method)

    def _who_am_i(self, call: Call) -> Answer:
        if call.method != "GET":
            raise errors.no_resource(f"{call.root}/{call.path}")
        who = self.store.identity
        ids = {"BusinessUnitId": who.business_unit_id, "UserId": who.user_id}
        link = f"{call.root}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse"
        return Answer(200, {"@odata.context": link, **ids, "OrganizationId": who.organization_id})


def _row_id(key: str) -> str:
    """A bare guid; alternate keys are not defined on these tables."""
    try:
        return read_guid(key)
    except DataverseError as error:
        raise errors.bad_query("Bad Request - Error in query syntax.") from error


def _correlation(call: Call) -> str:
    """The client's own request id becomes the correlation id when it is a guid."""
    try:
        return str(uuid.UUID(call.headers.get("x-ms-correlation-request-id", "")))
    except ValueError:
        return str(uuid.uuid4())
