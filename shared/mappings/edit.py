"""Edits a mapping table: makes a plan, then stores its changes in batches, each with its history row.

A batch is stored as a whole or not at all, and only if nobody changed its rows meanwhile. If an edit stops
between two batches, the same command can be run again and does the rest.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shared.mappings import history
from shared.mappings.findings import Finding
from shared.mappings.plan import Plan, by_key, make_plan, removal
from shared.mappings.review import Review, missing, proposed
from shared.mappings.sheet import Sheet, WantedRow
from shared.model.faults import Fault
from shared.model.mapping import MappingTable, currency_key
from shared.model.mapping_edit import (
    Edit,
    Mapped,
    MappingConflict,
    MappingRow,
    RowChange,
    Version,
    key_or_none,
)
from shared.ports import Clock
from shared.ports.mappings import CurrencyMappings

_AT_ONCE = 4

type Progress = Callable[[int], None]


class NotInSalesError(Exception):
    """Sales does not know the codes of this table's values, so a file must bring them."""


class NoSuchCurrencyError(Exception):
    """The table has no row of this name."""


class EditStoppedError(Exception):
    """Not all changes were stored: another editor was faster (`conflict`), or the table failed."""

    def __init__(self, done: int, total: int, fault: Fault) -> None:
        self.conflict = isinstance(fault, MappingConflict)
        reason = str(fault) or "Somebody else changed the table meanwhile."
        super().__init__(f"{reason} {done} of {total} changes were taken; run the same command again.")
        self.done = done
        self.fault = fault


@dataclass(frozen=True, slots=True)
class EditMapping:
    """The use cases behind `accountsync mapping`, for one table; `longest_code` in characters."""

    mappings: CurrencyMappings
    review: Review
    clock: Clock
    longest_code: int

    @property
    def of(self) -> MappingTable:
        """The table."""
        return self.review.of

    async def table(self) -> Sequence[MappingRow]:
        """Read the rows by name."""
        return sorted(await self.mappings.rows(), key=lambda row: (row.mapped.crm.casefold(), row.row_key))

    async def rows_of(self, name: str) -> list[MappingRow]:
        """Read the rows of one value. Raises NoSuchCurrencyError, and ValueError for an unusable name."""
        rows = by_key(await self.mappings.rows()).get(currency_key(name), [])
        if not rows:
            raise NoSuchCurrencyError(f'The table has no row for "{name}".')
        return rows

    async def plan_set(self, name: str, code: str) -> Plan:
        """Plan to map one value. A value that is in the table keeps its spelling."""
        table = await self.mappings.rows()
        present = by_key(table).get(key_or_none(name) or "", [])
        spelled = present[0].mapped.crm if present else name
        return await self._plan(table, [WantedRow(None, Mapped(spelled, code.strip()))])

    async def plan_delete(self, name: str) -> Plan:
        """Plan to remove one value. Raises NoSuchCurrencyError, and ValueError for an unusable name."""
        table, rows = await self.mappings.rows(), await self.rows_of(name)
        return Plan(changes=[removal(row) for row in rows], unchanged=len(table) - len(rows))

    async def plan_import(self, sheet: Sheet, *, replace: bool) -> Plan:
        """Plan to change the table to the content of a file."""
        plan = await self._plan(await self.mappings.rows(), sheet.rows, replace=replace)
        plan.findings = sorted([*sheet.findings, *plan.findings], key=lambda found: found.row or 0)
        return plan

    async def plan_from_sales(self, *, replace: bool) -> Plan:
        """Plan to add the currencies that only Sales has; with `replace`, to take over the list of Sales.

        Raises NotInSalesError for any other table.
        """
        if not self.of.of_currencies:
            message = f"Sales has no codes of {self.review.target.capabilities.name} for {self.of.name}: "
            raise NotInSalesError(message + "give a file.")
        currencies, table = await self.review.sales.currencies(), await self.mappings.rows()
        wanted = proposed(currencies) if replace else missing(table, currencies)
        return await self._plan(table, wanted, replace=replace)

    async def plan_undo(self, version: str | None) -> Plan:
        """Plan to restore the table after `version`, or before the last edit. Raises NoSuchVersionError."""
        versions = await self.mappings.history()
        if version is None:
            undone = versions[-1:]
        elif version == history.START:
            undone = versions
        else:
            undone = versions[versions.index(history.find(versions, version, self.of)) + 1 :]
        plan = history.plan_back(await self.mappings.rows(), undone)
        restored = [WantedRow(None, change.after) for change in plan.changes if change.after]
        plan.findings += await self.review.rows(row for row in restored if key_or_none(row.mapped.crm))
        return plan

    async def check(self) -> list[Finding]:
        """Return what is wrong with the table as it is now."""
        return await self.review.table(await self.table(), self.longest_code)

    async def history_of(self, version: str | None = None, name: str | None = None) -> list[Version]:
        """Return the edits, the oldest first; optionally one edit, or only the changes of one value.

        Raises NoSuchVersionError.
        """
        versions = [*await self.mappings.history()]
        if version is not None:
            versions = [history.find(versions, version, self.of)]
        return versions if name is None else history.only_of(versions, name)

    def new_edit(self, by: str, source: str, salt: str) -> Edit:
        """Make an edit that begins now; `salt` makes its id differ from others of the same moment."""
        now = self.clock.now()
        return Edit(history.edit_id(now, salt), now, by, source)

    async def carry_out(self, plan: Plan, edit: Edit, progress: Progress) -> int:
        """Store the plan's changes, and return how many there were. Raises EditStoppedError."""
        gate = asyncio.Semaphore(_AT_ONCE)
        faults: list[Fault] = []
        done = 0

        async def write(part: int, changes: Sequence[RowChange]) -> None:
            nonlocal done
            async with gate:
                if faults:
                    return
                try:
                    await self.mappings.write(edit, part, changes)
                except Fault as fault:
                    faults.append(fault)
                    return
            done += len(changes)
            progress(len(changes))

        async with asyncio.TaskGroup() as group:
            for part, changes in enumerate(history.batches(plan.changes)):
                group.create_task(write(part, changes))
        if faults:
            raise EditStoppedError(done, len(plan.changes), faults[0])
        return done

    async def _plan(
        self, table: Sequence[MappingRow], wanted: Iterable[WantedRow], *, replace: bool = False
    ) -> Plan:
        wanted, corrected = await self.review.corrected(wanted)
        plan = make_plan(table, wanted, self.longest_code, replace=replace, noun=self.of.noun)
        plan.findings += corrected
        plan.findings += await self.review.rows(plan.rows.values())
        return plan
