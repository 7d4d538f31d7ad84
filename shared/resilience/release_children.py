"""Checks the accounts that wait for another account's customer, once there is one.

The parent's own check releases its first children at once, and leaves a note if there are more: healing then
sends the rest, some a minute. A child that is parked at the moment when its parent gets its customer may be
missed by that. So healing also walks all waiting accounts, a few parents in each run, and compares them with
the parents' states as they are now. It tells those whose parent ended without a customer why that is so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched, groupby
from uuid import UUID

from shared.model.control import Bookmark
from shared.model.customer import CustomerKey
from shared.model.issue import ParkedAccount
from shared.model.missing_parent import why_no_customer
from shared.model.outcome import Cause, Problem
from shared.model.state import ScannedAccount, SyncState, in_this_erp, referred_to
from shared.ports import Control, Issues, SyncStates
from shared.resilience.progress import Progress, check
from shared.resilience.recheck import AT_ONCE, Recheck
from shared.resilience.target_in_use import TargetInUse

_MOST = 600  # checks of one run: no more than become due until the next one
_PARENTS = 10  # that one run compares
_NOTE = "children "
_WALK = "parents"
_ASKED = "asked"  # a check of the parent was sent, because the app does not know it


@dataclass(slots=True)
class _Run:
    progress: Progress
    due: datetime
    left: int = _MOST

    @property
    def over(self) -> bool:
        return self.progress.over or not self.left


@dataclass(frozen=True, slots=True)
class ReleaseChildren:
    """Sends one check for each waiting account, and another only if it is parked again."""

    issues: Issues
    states: SyncStates
    control: Control
    in_use: TargetInUse
    recheck: Recheck

    async def of(self, parent: UUID, customer: CustomerKey, now: datetime) -> None:
        """Check the accounts that wait for this one, which has this customer now."""
        key = Problem(Cause.PARENT_NOT_SYNCED, value=str(parent)).key
        page = await self.issues.under(key, "")
        if page.after or len(page.rows) > AT_ONCE:
            await self.control.put_bookmarks({f"{_NOTE}{key}": Bookmark(now)})
        await self.recheck.run(page.rows[:AT_ONCE], str(customer), now)

    async def run(self, progress: Progress) -> int:
        """Go on with healing, and return how many checks were sent."""
        run = _Run(progress, progress.clock.now())
        for name, note in progress.beginning(_NOTE).items():
            await self._follow(run, name, note)
        await self._walk(run)
        return _MOST - run.left

    async def _follow(self, run: _Run, name: str, note: Bookmark) -> None:
        """Check the rest of the children that a note names: read one key, page by page."""
        key = name.removeprefix(_NOTE)
        while not run.over:
            page = await self.issues.under(key, note.after)
            if not await self._family(run, page.rows):
                return
            note = note._replace(after=page.after)
            if not note.after:
                await run.progress.remove(name)
                return
            await run.progress.put(name, note)

    async def _walk(self, run: _Run) -> None:
        """Compare the next parents with the accounts that wait for them."""
        mark = run.progress.get(_WALK) or Bookmark(run.progress.clock.now())
        page = await self.issues.page(Cause.PARENT_NOT_SYNCED, mark.after)
        families = [(key, list(rows)) for key, rows in groupby(page.rows, lambda row: row.key)]
        ahead = [family for family in families if family[0] > mark.start]
        for key, rows in ahead[:_PARENTS]:
            if not await self._family(run, rows):
                break
            mark = mark._replace(start=key)
        else:
            if len(ahead) <= _PARENTS:
                mark = mark._replace(after=page.after, start="")
        if mark != run.progress.get(_WALK) and (mark.after or mark.start or run.progress.get(_WALK)):
            run.progress.note(_WALK, mark)

    async def _family(self, run: _Run, rows: Sequence[ParkedAccount]) -> bool:
        """Check the accounts that wait for one parent, if it has its customer now.

        Return whether nothing is left to do for them in this run.
        """
        if not rows:
            return True
        if run.over:
            return False
        parent = UUID(rows[0].value)
        if not self.in_use.confirmed:
            await self.in_use.confirm()
        stored = await self.states.get(parent)
        state = in_this_erp(stored.state, self.in_use.adopted_at) if stored else None
        customer = referred_to(state)
        if state is not None and customer is None:
            await self._tell(state, rows)
            return True
        version = str(customer) if customer else _ASKED
        waiting = [row for row in rows if row.healed != version]
        if version == _ASKED:
            await self._ask(parent, waiting)
            return True
        sent, run.due = await self.recheck.run(waiting[: run.left], version, run.due)
        done = len(waiting) <= run.left
        run.left -= sent
        return done

    async def _tell(self, parent: SyncState, rows: Sequence[ParkedAccount]) -> None:
        """Let the rows say why the parent has no customer, which may not have been known when they were made.

        The rows of a circle say more already.
        """
        why = (
            "" if (parent.issue or "").startswith(f"{Cause.PARENT_NOT_SYNCED}|") else why_no_customer(parent)
        )
        told = [row for row in rows if why and row.healed != why]
        for some in batched(told, AT_ONCE, strict=False):
            await self.issues.mark_healed(some, why, why)

    async def _ask(self, parent: UUID, waiting: Sequence[ParkedAccount]) -> None:
        """Check the parent itself, once, because the app does not know it."""
        child = await self.states.get(waiting[0].account_id) if waiting else None
        if child is None:
            return
        unknown = SyncState(account_id=parent, organization_id=child.state.organization_id)
        await self.recheck.queue.send(check(ScannedAccount.of(unknown), waiting[0].key))
        for some in batched(waiting, AT_ONCE, strict=False):
            await self.issues.mark_healed(some, _ASKED)
