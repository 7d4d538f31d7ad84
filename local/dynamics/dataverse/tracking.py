"""Change tracking: a tracked read or a delta token enters, rows changed and deleted since leave.

learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems:
the last page of a read with `Prefer: odata.track-changes` carries a delta link; `$filter`, `$orderby`,
`$expand` and `$top` are refused; rows that changed come by version, then those that were deleted, even if the
client never saw them; a token lives seven days unless the organisation says otherwise.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from local.dynamics.calls import Answer, Call
from local.dynamics.dataverse import errors
from local.dynamics.dataverse.errors import DataverseError
from local.dynamics.dataverse.queries import (
    COLLECTION_OPTIONS,
    context,
    next_link,
    page_size,
    read_cookie,
    read_options,
)
from local.dynamics.dataverse.render import View, make_view, render
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Row, Store, Tombstone
from local.dynamics.odata.options import Options

TRACK = "odata.track-changes"
REFUSED = ("$filter", "$orderby", "$expand", "$top")
TOKEN_OPTIONS = ("$select", "$deltatoken", "$skiptoken")
_TOKEN = re.compile(r"(?P<version>\d+)!(?P<time>\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)")
_TIME = "%m/%d/%Y %H:%M:%S"


@dataclass(slots=True)
class Tracking:
    """Reads with change tracking; `lifetime` is organization.ExpireChangeTrackingInDays."""

    store: Store
    lifetime: timedelta = field(default_factory=lambda: timedelta(days=7))
    oldest: int = 0  # the version of the oldest token that is good

    def expire_all(self) -> None:
        """Let every token that was issued so far expire; changes that come later count on."""
        self.store.version += 1
        self.oldest = self.store.version

    def wanted(self, call: Call) -> bool:
        """Whether a collection read is one of change tracking."""
        if "$deltatoken" in call.query or TRACK in call.preferences():
            return True
        return "track" in read_cookie(call)

    def read(self, call: Call, table: Table) -> Answer:
        """The answer to such a read; raises DataverseError."""
        if not table.tracked:
            raise errors.bad_query(f"Change tracking is not enabled for the entity '{table.name}'.")
        for name in REFUSED:
            if name in call.query:
                raise errors.bad_query(
                    f"The {name} query parameter is not supported when Change Tracking is enabled."
                )
        if "$deltatoken" in call.query:
            return Answer(200, self._changes(call, table))
        return Answer(200, self._everything(call, table))

    def _everything(self, call: Call, table: Table) -> dict[str, Any]:
        """All rows, page by page; the delta link counts from the first page on."""
        options = read_options(call, COLLECTION_OPTIONS)
        cookie = read_cookie(call)
        start = int(cookie.get("track", self.store.version))
        rows: list[Row | Tombstone] = sorted(self.store.rows(table.name).values(), key=lambda row: row.id)
        body: dict[str, Any] = {"@odata.context": context(call, table, options)}
        return self._page(call, table, (body, rows), (start, int(cookie.get("offset", 0))), options)

    def _changes(self, call: Call, table: Table) -> dict[str, Any]:
        options = read_options(call, TOKEN_OPTIONS)
        cookie = read_cookie(call)
        entries = self._since(table, self._version(call.query["$deltatoken"]))
        start = int(cookie.get("track", self.store.version))
        body: dict[str, Any] = {"@odata.context": context(call, table, options) + "/$delta"}
        return self._page(call, table, (body, entries), (start, int(cookie.get("offset", 0))), options)

    def _page(
        self,
        call: Call,
        table: Table,
        content: tuple[dict[str, Any], list[Row | Tombstone]],
        position: tuple[int, int],
        options: Options,
    ) -> dict[str, Any]:
        """Fill a page from `content` (body, entries) at `position` (version of the first page, offset)."""
        (body, entries), (start, offset), size = content, position, page_size(call)
        view = make_view(table, options.select, options.expand)
        body["value"] = [self._entry(call, table, one, view) for one in entries[offset : offset + size]]
        if offset + size < len(entries):
            last = entries[offset + size - 1].id
            body["@odata.nextLink"] = next_link(call, {"offset": offset + size, "last": last, "track": start})
        else:
            body["@odata.deltaLink"] = self._delta_link(call, table, start)
        return body

    def _entry(self, call: Call, table: Table, entry: Row | Tombstone, view: View) -> dict[str, Any]:
        if isinstance(entry, Row):
            return render(self.store, table, entry, view)
        link = f"{call.root}/$metadata#{table.entity_set}/$deletedEntity"
        return {"@odata.context": link, "id": entry.id, "reason": "deleted"}

    def _since(self, table: Table, version: int) -> list[Row | Tombstone]:
        rows = [row for row in self.store.rows(table.name).values() if row.version > version]
        gone = [one for one in self.store.tombstones if one.table == table.name and one.version > version]
        return [*sorted(rows, key=lambda row: row.version), *sorted(gone, key=lambda one: one.version)]

    def _version(self, token: str) -> int:
        version, issued = read_token(token)
        if self.store.clock() - issued > self.lifetime or version < self.oldest:
            raise expired()
        return version

    def _delta_link(self, call: Call, table: Table, version: int) -> str:
        token = quote(f"{version}!{self.store.clock().strftime(_TIME)}", safe="")
        select = f"$select={call.query['$select']}&" if "$select" in call.query else ""
        return f"{call.root}/{table.entity_set}?{select}$deltatoken={token}"


def read_token(token: str) -> tuple[int, datetime]:
    """The version of a delta token and when it was issued; raises DataverseError."""
    match = _TOKEN.fullmatch(token)
    try:
        if match is not None:
            return int(match["version"]), datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC)
    except ValueError:
        pass  # a date that does not exist is refused like any other made-up token
    raise errors.bad_query("The delta token is not valid.")


def expired() -> DataverseError:
    """ExpiredVersionStamp: a full read is needed (github.com/MicrosoftDocs/powerapps-docs/issues/3845)."""
    message = "Version stamp associated with the client has expired. Please perform a full sync."
    return DataverseError(400, "0x80044352", message)
