"""Handles the edits of the mapping table: batches, versions, and how to restore the table. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from shared.mappings.findings import Finding, Kind
from shared.mappings.plan import Plan
from shared.model.mapping import CURRENCIES, MappingTable
from shared.model.mapping_edit import Mapped, MappingRow, RowChange, Version, key_or_none

START = "start"  # the name of the table as it was before the first recorded edit
MOST_CHANGES = 98  # a transaction takes 100 entities; two are the history's and the version row
MOST_TEXT = 200_000  # UTF-16 units of one batch, far below the 1 MiB of one entity


class NoSuchVersionError(Exception):
    """No edit, or more than one, has this id."""


def edit_id(at: datetime, salt: str) -> str:
    """Make an id that rises with time: 20261122-210312-123456ab."""
    return f"{at.astimezone(UTC):%Y%m%d-%H%M%S-%f}{salt}"


def batches(changes: Iterable[RowChange]) -> Iterator[list[RowChange]]:
    """Split the changes so that each batch fits one transaction. Changes of the same key keep their order."""
    batch: list[RowChange] = []
    size = 0
    for change in changes:
        length = sum(len(text) for row in (change.before, change.after) if row for text in row) * 2
        if batch and (len(batch) == MOST_CHANGES or size + length > MOST_TEXT):
            yield batch
            batch, size = [], 0
        batch.append(change)
        size += length
    if batch:
        yield batch


def find(versions: Sequence[Version], wanted: str, of: MappingTable = CURRENCIES) -> Version:
    """Return the version with this id, or whose id begins so. Raises NoSuchVersionError."""
    found = [version for version in versions if version.edit.id.startswith(wanted)]
    if len(found) != 1:
        count = "More than one" if found else "No"
        message = f'{count} version begins with "{wanted}"; `{of.command("history")}` lists them.'
        raise NoSuchVersionError(message)
    return found[0]


def only_of(versions: Iterable[Version], name: str) -> list[Version]:
    """Return the versions that changed this currency, with only those changes."""
    key = key_or_none(name)
    found = (
        (version.edit, tuple(change for change in version.changes if key_or_none(change.mapped.crm) == key))
        for version in versions
    )
    return [Version(edit, changes) for edit, changes in found if changes]


def plan_back(table: Sequence[MappingRow], undone: Sequence[Version]) -> Plan:
    """Plan to undo these versions, given the oldest first: each row as it was before the first of them."""
    before: dict[str, Mapped | None] = {}
    last: dict[str, Mapped | None] = {}
    for version in undone:
        for change in version.changes:
            before.setdefault(change.row_key, change.before)
            last[change.row_key] = change.after
    present = {row.row_key: row for row in table}
    plan = Plan()
    for row_key, wanted in before.items():
        row = present.get(row_key)
        now = row.mapped if row else None
        if now == wanted:
            plan.unchanged += 1
            continue
        if now != last[row_key]:
            name = (now or wanted or Mapped("", "")).crm
            message = f'"{name}" was changed since by other means; that change is undone too.'
            plan.findings.append(Finding(Kind.CHANGED_BY_HAND, message, name=name))
        plan.changes.append(RowChange(row_key, now, wanted, row.etag if row else ""))
    plan.unchanged += len(present.keys() - before.keys())
    return plan
