"""Brings the table Issues in step with the accounts' states: no row too many, none missing.

Compares two listings, page by page in the order of the account ids, and reads single rows only where the
two differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.ports import Clock, Issues, SyncStates
from shared.ports.recovery import Bookmark, IssueList, ScannedAccount, StateScan
from shared.resilience.progress import Progress

_NAME = "issues"
_UNDER_WAY = "under way"
_EVERY = timedelta(minutes=15)
_PAGES = 3  # of the accounts in one run


@dataclass(frozen=True, slots=True)
class ReconcileIssues:
    """Begins every 15 minutes, and goes on from its bookmark until all accounts were compared."""

    issue_list: IssueList
    issues: Issues
    states: SyncStates
    accounts: StateScan
    clock: Clock

    async def run(self, progress: Progress) -> None:
        """Compare a few pages, if it is time."""
        now, bookmark = self.clock.now(), progress.get(_NAME)
        if bookmark is None or (not bookmark.stage and now - bookmark.at >= _EVERY):
            bookmark = Bookmark(now, stage=_UNDER_WAY)
        for _ in range(_PAGES):
            if not bookmark.stage or self.clock.now() >= progress.until:
                return
            page = await self.accounts.with_issue(bookmark.after)
            last = str(page.rows[-1].account_id) if page.rows and page.after else ""
            if last or not page.after:  # a page can be empty and not the last
                await self._compare(page.rows, bookmark.start, last)
            bookmark = bookmark._replace(
                start=last or (bookmark.start if page.after else ""),
                after=page.after,
                stage=_UNDER_WAY if page.after else "",
            )
            await progress.put(_NAME, bookmark)

    async def _compare(self, accounts: Sequence[ScannedAccount], after: str, last: str) -> None:
        """All accounts from behind `after` up to `last` that have an issue, with the rows of Issues."""
        now = self.clock.now()
        expected = {(account.issue, account.account_id) for account in accounts}
        found = {(row.key, row.account_id) for row in await self.issue_list.between(after, last)}
        for key, account_id in sorted(found - expected):
            stored = await self.states.get(account_id)
            if stored is None or stored.state.issue != key:
                await self.issues.remove(key, account_id)
        for account in accounts:
            if (account.issue, account.account_id) not in found:
                stored = await self.states.get(account.account_id)
                if stored is not None and stored.state.issue == account.issue:
                    await self.issue_list.restore(account, now)
