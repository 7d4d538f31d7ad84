"""Rows of all tables in memory, with one version counter over the organisation.

Checked column values enter; rows and `Change`s leave. Writes happen inside `transaction()`: an exception
takes everything back, and the changes are announced only when the transaction ends well.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from local.dynamics.dataverse import errors
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.values import defaults

type Message = Literal["Create", "Update", "Delete"]
type Clock = Callable[[], datetime]
STATE_COLUMNS = frozenset({"statecode", "statuscode"})
FIRST_VERSION = 1_000_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the organisation and its integration user are."""

    organization_id: str = "5c3e2b1a-9d4f-4a6b-8c7d-0e1f2a3b4c5d"
    organization_name: str = "unq5c3e2b1a9d4f4a6b8c7d0e1f2a3b4"
    business_unit_id: str = "0669e963-e69c-4f11-8a6b-000d3a318589"
    user_id: str = "3570e963-e69c-4f11-8a6b-000d3a318589"
    user_object_id: str = "30965b76-43d8-4300-a48f-dda5e92106ee"


@dataclass(frozen=True, slots=True)
class Row:
    """One version of a row; `values` has no `versionnumber`, that is `version`."""

    id: str
    values: Mapping[str, Any]
    version: int

    def get(self, name: str) -> Any:
        """The value of a column, None when it has none."""
        return self.version if name == "versionnumber" else self.values.get(name)


@dataclass(frozen=True, slots=True)
class Change:
    """One committed write. `sent` are the columns of the request, `target` those of the event's Target."""

    message: Message
    table: Table
    id: str
    sent: Mapping[str, Any]
    target: Mapping[str, Any]
    before: Row | None
    after: Row | None
    at: datetime
    request_id: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that a write belongs to."""

    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    correlation_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A deleted row, for change tracking."""

    table: str
    id: str
    version: int


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Store:
    """The organisation's data; `on_change` hears every committed change, `rules` check rows before they
    are kept.
    """

    tables: dict[str, Table]
    identity: Identity = field(default_factory=Identity)
    clock: Clock = utc_now
    on_change: Callable[[Change], None] = lambda change: None
    check: Callable[[Table, Mapping[str, Any]], Mapping[str, Any]] = lambda table, values: values
    version: int = FIRST_VERSION
    tombstones: list[Tombstone] = field(default_factory=list[Tombstone])
    _rows: dict[str, dict[str, Row]] = field(default_factory=dict[str, dict[str, Row]])
    _undo: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])
    _changes: list[Change] = field(default_factory=list[Change])

    def rows(self, table: str) -> dict[str, Row]:
        """All rows of a table by id."""
        return self._rows.setdefault(table, {})

    def find(self, table: Table, row_id: str) -> Row:
        """One row; raises the documented object-does-not-exist error."""
        row = self.rows(table.name).get(row_id)
        if row is None:
            raise errors.does_not_exist(table.name, row_id)
        return row

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together or not at all."""
        try:
            yield
        except BaseException:
            while self._undo:
                self._undo.pop()()
            self._changes.clear()
            raise
        self._undo.clear()
        committed, self._changes = self._changes, []
        for change in committed:
            self.on_change(change)

    def create(self, table: Table, sent: Mapping[str, Any], origin: Origin) -> Row:
        """Insert a row; an id may be given."""
        row_id = sent.get(table.primary_id) or str(uuid.uuid4())
        if row_id in self.rows(table.name):
            raise errors.duplicate()
        for column in table.columns.values():
            if column.required and sent.get(column.name) is None:
                raise errors.missing(f"Required field '{column.name}' is missing.")
        system = {"createdby": self.identity.user_id, "createdon": self._now()}
        values = {**defaults(table), **sent, **self._owner(table, sent), **system, **self._stamp()}
        values = self._complete(table, {**values, table.primary_id: row_id}, None)
        row = self._put(table, row_id, values)
        self._announce("Create", table, (sent, values), (None, row), origin)
        return row

    def update(self, table: Table, before: Row, sent: Mapping[str, Any], origin: Origin) -> Row:
        """Change a row. State columns go apart from the others and make an event of their own
        (learn.microsoft.com/power-apps/developer/data-platform/special-update-operation-behavior).
        """
        state = {name: value for name, value in sent.items() if name in STATE_COLUMNS}
        plain = {name: value for name, value in sent.items() if name not in STATE_COLUMNS}
        row = before
        if plain or not state:
            row = self._update(table, row, plain, origin)
        return self._update(table, row, state, origin) if state else row

    def delete(self, table: Table, before: Row, origin: Origin) -> None:
        """Remove a row and remember that it was there."""
        del self.rows(table.name)[before.id]
        self._undo.append(lambda: self.rows(table.name).__setitem__(before.id, before))
        self.version += 1
        if table.tracked:
            tombstone = Tombstone(table.name, before.id, self.version)
            self.tombstones.append(tombstone)
            self._undo.append(lambda: self.tombstones.remove(tombstone))
        self._announce("Delete", table, ({}, {}), (before, None), origin)

    def clear(self, table: str) -> None:
        """Forget all rows of a table without any event."""
        self.rows(table).clear()
        self.tombstones[:] = [one for one in self.tombstones if one.table != table]

    def _update(self, table: Table, before: Row, sent: Mapping[str, Any], origin: Origin) -> Row:
        stamp = self._stamp()
        owner = {"owninguser": sent["ownerid"]} if "ownerid" in sent else {}
        values = self._complete(table, {**before.values, **sent, **owner, **stamp}, before)
        row = self._put(table, before.id, values)
        derived = {n: v for n, v in values.items() if before.values.get(n) != v and n not in stamp}
        target = {**sent, **derived, table.primary_id: before.id, **stamp}
        self._announce("Update", table, (sent, target), (before, row), origin)
        return row

    def _put(self, table: Table, row_id: str, values: Mapping[str, Any]) -> Row:
        rows = self.rows(table.name)
        before = rows.get(row_id)
        self.version += 1
        row = rows[row_id] = Row(row_id, values, self.version)
        self._undo.append(lambda: rows.pop(row_id) if before is None else rows.__setitem__(row_id, before))
        return row

    def _announce(
        self,
        message: Message,
        table: Table,
        columns: tuple[Mapping[str, Any], Mapping[str, Any]],
        rows: tuple[Row | None, Row | None],
        origin: Origin,
    ) -> None:
        """Keep a change until the transaction ends; `columns` are (sent, target), `rows` (before, after)."""
        row = rows[1] or rows[0]
        assert row is not None
        sent, target = dict(columns[0]), dict(columns[1])
        at, ids = self.clock(), (origin.request_id, origin.correlation_id)
        self._changes.append(Change(message, table, row.id, sent, target, *rows, at, *ids))

    def _complete(self, table: Table, values: dict[str, Any], before: Row | None) -> Mapping[str, Any]:
        values = _paired_status(table, values, before)
        return self.check(table, values)

    def _owner(self, table: Table, sent: Mapping[str, Any]) -> dict[str, Any]:
        if "ownerid" not in table.columns:
            return {}
        owner = sent.get("ownerid") or self.identity.user_id
        return {"ownerid": owner, "owninguser": owner, "owningbusinessunit": self.identity.business_unit_id}

    def _stamp(self) -> dict[str, Any]:
        return {"modifiedon": self._now(), "modifiedby": self.identity.user_id, "modifiedonbehalfby": None}

    def _now(self) -> datetime:
        return self.clock().replace(microsecond=0)


def _paired_status(table: Table, values: dict[str, Any], before: Row | None) -> dict[str, Any]:
    """Give a changed state its first status reason, and refuse a status of another state.

    Only for tables with the usual pair: state n goes with status n + 1.
    """
    if len(table.columns["statuscode"].options) != 2:
        return values
    state, status = values["statecode"], values["statuscode"]
    if before is not None and state != before.get("statecode") and status == before.get("statuscode"):
        return {**values, "statuscode": state + 1}
    if status != state + 1:
        raise errors.wrong_status(status, state, table.name)
    return values
