"""Corrects the table Issues by the accounts' states: removes wrong rows and adds missing ones.

Compares two listings, page by page in the order of the account ids, and reads single rows only where the
two differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.model.control import Bookmark
from shared.model.state import ScannedAccount
from shared.ports import Issues, SyncStates
from shared.resilience.progress import Progress

_NAME = "issues"
_UNDER_WAY = "under way"
_EVERY = timedelta(minutes=15)
_PAGES = 3  # of the accounts in one run


@dataclass(frozen=True, slots=True)
class CompareIssues:
    """Starts every 15 minutes, and continues from its bookmark until all accounts are compared."""

    issues: Issues
    states: SyncStates

    async def run(self, progress: Progress) -> None:
        """Compare a few pages, if it is time."""
        now, bookmark = progress.clock.now(), progress.get(_NAME)
        if bookmark is None or (not bookmark.stage and now - bookmark.at >= _EVERY):
            bookmark = Bookmark(now, stage=_UNDER_WAY)
        for _ in range(_PAGES):
            if not bookmark.stage or progress.over:
                return
            page = await self.states.with_issue(bookmark.after)
            last = str(page.rows[-1].account_id) if page.rows and page.after else ""
            if last or not page.after:  # a page can be empty and not the last
                await self._compare(progress, page.rows, bookmark.start, last)
            bookmark = bookmark._replace(
                start=last or (bookmark.start if page.after else ""),
                after=page.after,
                stage=_UNDER_WAY if page.after else "",
            )
            await progress.put(_NAME, bookmark)

    async def _compare(
        self, progress: Progress, accounts: Sequence[ScannedAccount], after: str, last: str
    ) -> None:
        """Compare accounts that have an issue with the rows of Issues, for ids after `after` up to `last`."""
        expected = {(account.issue, account.account_id): account for account in accounts}
        found = {(row.key, row.account_id) for row in await self.issues.between(after, last)}
        for key, account_id in sorted(found ^ expected.keys()):
            stored = await self.states.get(account_id)
            has_issue = stored is not None and stored.state.issue == key
            if account := expected.get((key, account_id)):
                if has_issue:
                    await self.issues.restore(account, progress.clock.now())
            elif not has_issue:
                await self.issues.remove(key, account_id)
