"""Corrects the table Issues by the accounts' states: removes wrong rows and adds missing ones.

A pass lists the rows of Issues, then compares them with the accounts page by page, in the order of their ids.
A query for a range of accounts would read the whole of Issues each time, because the causes are its
partitions; so the list is kept in memory. It may be hours old: before anything is corrected, the account's
row is read.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from uuid import UUID

from shared.model.control import Bookmark
from shared.model.state import ScannedAccount
from shared.ports import Issues, SyncStates
from shared.resilience.progress import Progress

_NAME = "issues"
_UNDER_WAY = "under way"
_EVERY = timedelta(minutes=15)
_PAGES = 2  # of one run, of Issues and then of the accounts; of the accounts no more than one


@dataclass(slots=True)
class _Listing:
    """The rows of Issues, by account id once all were read."""

    rows: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    after: str = ""
    whole: bool = False

    def between(self, after: str, last: str) -> Iterable[tuple[str, UUID]]:
        """Return key and account of the rows of ids after `after`, up to `last`; "" means no limit."""
        first = bisect_right(self.rows, after, key=_account)
        end = bisect_right(self.rows, last, key=_account) if last else None
        return ((key, UUID(account_id)) for account_id, key in self.rows[first:end])


def _account(row: tuple[str, str]) -> str:
    return row[0]


@dataclass(slots=True)
class CompareIssues:
    """Starts every 15 minutes, and continues from its bookmark until all accounts are compared."""

    issues: Issues
    states: SyncStates
    _listing: _Listing | None = None

    async def run(self, progress: Progress) -> int:
        """Read a few pages, if it is time, and return how many.

        A process that goes on with a pass of another lists all rows at once, so that passes end even if no
        process lives for long.
        """
        now, bookmark, most = progress.clock.now(), progress.get(_NAME), float(_PAGES)
        if bookmark is None or (not bookmark.stage and now - bookmark.at >= _EVERY):
            bookmark, self._listing = Bookmark(now, stage=_UNDER_WAY), _Listing()
            progress.note(_NAME, bookmark)
        if not bookmark.stage:
            return 0
        if self._listing is None:
            self._listing, most = _Listing(), inf
        read = await self._list(progress, self._listing, most)
        if self._listing.whole and read < most and not progress.over:
            await self._page(progress, bookmark, self._listing)
            read += 1
        return read

    async def _list(self, progress: Progress, listing: _Listing, most: float) -> int:
        """Read the next pages of Issues, and return how many."""
        read = 0
        while not listing.whole and read < most and not progress.over:
            page = await self.issues.listed(listing.after)
            listing.rows += [(str(row.account_id), row.key) for row in page.rows]
            listing.after, listing.whole, read = page.after, not page.after, read + 1
        if read:
            listing.rows.sort()
        return read

    async def _page(self, progress: Progress, bookmark: Bookmark, listing: _Listing) -> None:
        """Compare the next page of accounts."""
        page = await self.states.with_issue(bookmark.after)
        last = str(page.rows[-1].account_id) if page.rows and page.after else ""
        if last or not page.after:  # a page can be empty and not the last
            await self._compare(progress, page.rows, listing.between(bookmark.start, last))
        bookmark = bookmark._replace(
            start=last or (bookmark.start if page.after else ""),
            after=page.after,
            stage=_UNDER_WAY if page.after else "",
        )
        progress.note(_NAME, bookmark)
        if not bookmark.stage:
            self._listing = None

    async def _compare(
        self, progress: Progress, accounts: Sequence[ScannedAccount], rows: Iterable[tuple[str, UUID]]
    ) -> None:
        """Compare accounts that have an issue with the rows of Issues for the same range of ids."""
        expected = {(account.issue, account.account_id): account for account in accounts}
        for key, account_id in sorted(set(rows) ^ expected.keys()):
            stored = await self.states.get(account_id)
            has_issue = stored is not None and stored.state.issue == key
            if account := expected.get((key, account_id)):
                if has_issue:
                    await self.issues.restore(account, progress.clock.now())
            elif not has_issue:
                await self.issues.remove(key, account_id)
