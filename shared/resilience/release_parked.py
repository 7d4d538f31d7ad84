"""Checks accounts that were parked for a value of a mapping table, once its row or its code exists.

The tables as they are now count, whoever changed them. Each run reads the next page of each cause. After a
change of a mapping table it reads all pages.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from shared.model.control import Bookmark
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.issue import ParkedAccount
from shared.model.mapping import CurrencyMapping, MappingTable
from shared.model.outcome import CODE_CAUSES, MAPPING_CAUSES, Cause
from shared.ports import Issues
from shared.resilience.circuit_breaker import Breakers
from shared.resilience.progress import Progress
from shared.resilience.recheck import Recheck
from shared.resilience.seen_mappings import SeenMappings, usable, version_of
from shared.telemetry import LOGGER

_OF_VALUES = {Cause.UNMAPPED_VALUE, Cause.UNKNOWN_ERP_VALUE}
_PARKED = "parked "
_WHOLE = "whole"
_KNOWN = "known"
_MOST = 600  # checks of one run: no more than become due until the next one
_DOUBLES = 5  # names with several rows that are read again in one run


@dataclass(slots=True)
class _Run:
    progress: Progress
    due: datetime
    sent: int = 0
    doubles: int = _DOUBLES
    may_ask: bool | None = None


@dataclass(frozen=True, slots=True)
class ReleaseParked:
    """Sends one check for each account whose cause is gone, and another only if it is parked again.

    `tables` are the mapping tables in use, that of currencies first.
    """

    tables: Sequence[SeenMappings]
    issues: Issues
    knows: Callable[[MappingTable, str], Awaitable[bool]]
    erp: System
    breakers: Breakers
    recheck: Recheck

    async def begin_anew(self, progress: Progress) -> None:
        """Start to read every parked account again, because a mapping table changed."""
        for cause in self._used(MAPPING_CAUSES):
            await progress.put(f"{_PARKED}{cause}", Bookmark(progress.clock.now(), stage=_WHOLE))

    async def run(self, progress: Progress) -> int:
        """Do one run and return how many checks were sent. Calls the ERP only if its breaker allows it."""
        run = _Run(progress, progress.clock.now())
        for cause in self._used(MAPPING_CAUSES):
            await self._cause(run, cause)
        try:
            for cause in self._used(CODE_CAUSES):
                await self._cause(run, cause)
        except (TransientFault, ConfigurationFault) as fault:
            if fault.system is not self.erp:
                raise
            LOGGER.warning("healing asked for codes in vain: %s", fault)
        return run.sent

    def _used(self, causes: Sequence[Cause]) -> Sequence[Cause]:
        """Return the causes that there can be: those of other values only with tables of other values."""
        return [cause for cause in causes if len(self.tables) > 1 or cause not in _OF_VALUES]

    async def _cause(self, run: _Run, cause: Cause) -> None:
        """Handle one page of the cause, or every page from the bookmark on if the mapping table changed."""
        name = f"{_PARKED}{cause}"
        bookmark = run.progress.get(name) or Bookmark(run.progress.clock.now())
        while not run.progress.over:
            page = await self.issues.page(cause, bookmark.after)
            for _, rows in groupby(page.rows, lambda row: row.key):
                await self._value(run, cause, list(rows))
            if run.sent >= _MOST:
                return  # the rest of this page is for the next run
            moved = bookmark._replace(after=page.after, stage=bookmark.stage if page.after else "")
            if moved != bookmark:
                run.progress.note(name, moved)
            bookmark = moved
            if not bookmark.after or bookmark.stage != _WHOLE:
                return
            await run.progress.store()

    async def _value(self, run: _Run, cause: Cause, rows: Sequence[ParkedAccount]) -> None:
        """Handle the accounts that are parked for one value or code."""
        seen, value = self._table_of(cause, rows[0].value)
        if seen is None:
            return
        if cause in CODE_CAUSES:
            waiting = [row for row in rows if row.healed != _KNOWN]
            if waiting and await self._known_now(run, seen.table, value):
                await self._send(run, waiting, _KNOWN)
            return
        compared = run.progress.get(seen.compared)
        if compared is None:
            return
        found = await seen.known(value, compared.at)
        if len(found) > 1 and run.doubles:  # deleting one of them is no change that the table tells
            run.doubles -= 1
            found = await seen.ask(value)
        if not _waiting(rows, found):
            return
        found = await seen.ask(value)
        if waiting := _waiting(rows, found):
            await self._send(run, waiting, version_of(found))

    def _table_of(self, cause: Cause, value: str) -> tuple[SeenMappings | None, str]:
        """Return the table of an issue's value, and the key or code in it; None for one of a value map."""
        name, bar, key = value.partition("|")
        of_values = bar and cause not in {Cause.UNMAPPED_CURRENCY, Cause.UNKNOWN_ERP_CURRENCY}
        for seen in self.tables[1:] if of_values else ():
            if seen.table.name == name:
                return seen, key
        return (None, value) if cause in _OF_VALUES else (self.tables[0], value)

    async def _known_now(self, run: _Run, table: MappingTable, code: str) -> bool:
        if run.may_ask is None:
            run.may_ask = await self.breakers.admits(self.erp)
        return run.may_ask and await self.knows(table, code)

    async def _send(self, run: _Run, rows: Sequence[ParkedAccount], version: str) -> None:
        """Send the checks, then mark the rows. A row that is parked again in between stays unmarked."""
        sent, run.due = await self.recheck.run(rows[: _MOST - run.sent], version, run.due)
        run.sent += sent


def _waiting(rows: Sequence[ParkedAccount], found: Sequence[CurrencyMapping]) -> Sequence[ParkedAccount]:
    """Return the accounts without a check since the rows of their currency became usable."""
    if not usable(found):
        return ()
    version = version_of(found)
    return [row for row in rows if row.healed != version]
