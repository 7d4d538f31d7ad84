"""Checks the accounts that use a mapping row after the row changed, so that their customers are updated.

A change starts a scan of the accounts. The scan continues page by page from its bookmark, and sends only
checks that become due within the next minutes. A second scan finds accounts that were still written with the
old row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.model.control import Bookmark, Handled
from shared.model.state import ScannedAccount
from shared.ports import ChangeQueue, SyncStates
from shared.resilience.progress import Progress, check, spread
from shared.resilience.seen_mappings import SeenMappings, version_of

COMPARED = "mappings"
_SCAN = "scan "
_PASS = "mapping pages"
_SECOND = "second"
_CLOCKS = timedelta(seconds=5)  # how far the clocks of two instances may differ
_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FollowMappings:
    """`cache`: how long a copy of a row may be used after the row changed. `deadline`: the longest work on a
    message, which may have used the old row."""

    seen: SeenMappings
    states: SyncStates
    queue: ChangeQueue
    cache: timedelta
    deadline: timedelta

    async def compare(self, progress: Progress) -> bool:
        """Start a scan for the rows that changed. Return whether there are any."""
        now = progress.clock.now()
        if not await self._are_changes_found(progress):
            return False
        rows, before = await self.seen.read(now), await progress.control.handled()
        name = f"{_SCAN}{now:%Y%m%dT%H%M%S%f}"
        changed: dict[str, Handled] = {}
        scanned_once: dict[str, Handled] = {}
        for key, group in rows.items():
            version, known = version_of(group), before.get(key)
            if known is None or known.version != version:
                changed[key] = Handled(version, now, done=False, scan=name)
            elif not known.done and not known.scan:  # noted before scans had bookmarks
                scanned_once[key] = known._replace(scan=f"{name} {_SECOND}")
        if changed:  # a scan counts on it that no process uses the old rows for longer than `cache`
            await self.seen.mappings.tell(changed.keys())
            told = progress.clock.now()
            changed = {key: row._replace(first_scan_at=told) for key, row in changed.items()}
            await self._start(progress, name, Bookmark(now), changed)
        if scanned_once:
            since = max(row.first_scan_at for row in scanned_once.values())
            await self._start(progress, f"{name} {_SECOND}", Bookmark(since, stage=_SECOND), scanned_once)
        await progress.control.remove_handled(before.keys() - rows.keys())
        await progress.put(COMPARED, Bookmark(now))
        return bool(changed)

    async def go_on(self, progress: Progress) -> tuple[int, bool]:
        """Continue every scan. Return how many checks were sent, and whether a second scan ended."""
        sent, ended = 0, False
        for name, bookmark in progress.beginning(_SCAN).items():
            more, end = await self._scan(progress, name, bookmark)
            sent, ended = sent + more, ended or end
        return sent, ended

    async def _are_changes_found(self, progress: Progress) -> bool:
        """Look for rows that changed since the table was compared: a few pages, the next run goes on.

        A pass through the table looks for what changed since the pass before it began.
        """
        compared, passed = progress.get(COMPARED), progress.get(_PASS)
        if compared is None:
            return True
        passed = passed or Bookmark(compared.at)
        begun = passed.due if passed.after and passed.due else progress.clock.now()
        since = max(compared.at, passed.at)
        changes = await self.seen.mappings.changed_since(since, passed.after)
        if changes.after:
            await progress.put(_PASS, passed._replace(after=changes.after, due=begun))
        elif passed.after and not changes.found:
            await progress.put(_PASS, Bookmark(begun))
        return changes.found

    async def _start(
        self, progress: Progress, name: str, bookmark: Bookmark, rows: Mapping[str, Handled]
    ) -> None:
        """Start a scan. Store its bookmark first: rows of a scan without one would never be handled."""
        await progress.put(name, bookmark)
        await progress.control.put_handled(rows)

    async def _scan(self, progress: Progress, name: str, bookmark: Bookmark) -> tuple[int, bool]:
        second = bookmark.stage == _SECOND
        if second and progress.clock.now() < bookmark.at + self.cache + self.deadline:
            return 0, False
        rows, sent = await progress.control.handled(name), 0
        while rows:
            if not _has_room(progress, bookmark):
                return sent, False
            more, bookmark = await self._page(progress, rows, bookmark)
            sent += more
            if not bookmark.after:
                break
            await progress.put(name, bookmark)
        if rows and not second:
            await progress.put(name, bookmark._replace(stage=_SECOND))
            return sent, False
        await progress.control.put_handled(
            {key: row._replace(done=True, scan="") for key, row in rows.items()}
        )
        await progress.remove(name)
        return sent, bool(rows)

    async def _page(
        self, progress: Progress, rows: Mapping[str, Handled], bookmark: Bookmark
    ) -> tuple[int, Bookmark]:
        """Send the checks of one page. Return how many, and where the next page begins."""
        page = await self.states.with_currency(rows.keys(), bookmark.after)
        second = bookmark.stage == _SECOND
        checks = [
            check(account, f"mapping {account.currency_key} {rows[account.currency_key].version} {second}")
            for account in page.rows
            if not second or self._read_late(account, rows)
        ]
        now = progress.clock.now()
        first_due = max(now + self.cache + _CLOCKS, bookmark.due or now)
        dated, next_due = spread(checks, first_due)
        await self.queue.send_all(dated)
        return len(dated), bookmark._replace(after=page.after, due=next_due if dated else bookmark.due)

    def _read_late(self, account: ScannedAccount, rows: Mapping[str, Handled]) -> bool:
        """Whether the account may have been written with a copy of the row from before the change.

        An account read after that time used the new row. An earlier one was found by the first scan.
        """
        if account.read_at is None:
            return True
        changed_at = rows[account.currency_key].first_scan_at
        return changed_at - self.deadline - _CLOCKS <= account.read_at < changed_at + self.cache + _CLOCKS


def _has_room(progress: Progress, bookmark: Bookmark) -> bool:
    """Whether another page may be sent now: the run has time left, and the next due time is near."""
    now = progress.clock.now()
    return not progress.over and (bookmark.due is None or bookmark.due <= now + _AHEAD)
