"""Checks the accounts that use a mapping row after the row changed, so that their customers are updated.

A change starts a scan of the accounts. The scan continues page by page from its bookmark, and sends only
checks that become due within the next minutes. A second scan finds accounts that were still written with the
old row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.model.control import Bookmark, Handled
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.state import ScannedAccount
from shared.ports import ChangeQueue, SyncStates
from shared.resilience.progress import Progress, check, spread
from shared.resilience.seen_mappings import SeenMappings
from shared.telemetry import LOGGER

_SECOND = "second"
_GONE = "gone"
_CLOCKS = timedelta(seconds=5)  # how far the clocks of two instances may differ
_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FollowMappings:
    """Follows one mapping table. `cache`: how long a copy of a row may be used after the row changed.
    `deadline`: the longest work on a message, which may have used the old row."""

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
        try:
            versions = await self.seen.versions(now)
        except (TransientFault, ConfigurationFault) as fault:
            if fault.system is not System.DATAVERSE:
                raise
            LOGGER.warning("healing asked for labels in vain: %s", fault)
            return False
        before = await progress.control.handled(self.seen.table)
        if self.seen.table.labels:  # the accounts that had a label which is gone have another one now
            gone = {key for key, row in before.items() if not (row.done and row.version == _GONE)}
            versions = {**dict.fromkeys(gone, _GONE), **versions}
        name = f"{self._prefix}{now:%Y%m%dT%H%M%S%f}"
        changed: dict[str, Handled] = {}
        scanned_once: dict[str, Handled] = {}
        for key, version in versions.items():
            known = before.get(key)
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
        await progress.control.remove_handled(self.seen.table, before.keys() - versions.keys())
        await progress.put(self.seen.compared, Bookmark(now))
        return bool(changed)

    async def go_on(self, progress: Progress) -> tuple[int, bool]:
        """Continue every scan. Return how many checks were sent, and whether a second scan ended."""
        sent, ended = 0, False
        for name, bookmark in progress.beginning(self._prefix).items():
            more, end = await self._scan(progress, name, bookmark)
            sent, ended = sent + more, ended or end
        return sent, ended

    async def _are_changes_found(self, progress: Progress) -> bool:
        """Look for rows that changed since the table was compared: a few pages, the next run goes on.

        A pass through the table looks for what changed since the pass before it began.
        """
        compared, passed = progress.get(self.seen.compared), progress.get(self.seen.passed)
        if compared is None or self.seen.labels_are_due(compared.at, progress.clock.now()):
            return True
        passed = passed or Bookmark(compared.at)
        begun = passed.due if passed.after and passed.due else progress.clock.now()
        since = max(compared.at, passed.at)
        changes = await self.seen.mappings.changed_since(since, passed.after)
        if changes.after:
            progress.note(self.seen.passed, passed._replace(after=changes.after, due=begun))
        elif passed.after and not changes.found:
            progress.note(self.seen.passed, Bookmark(begun))
        return changes.found

    async def _start(
        self, progress: Progress, name: str, bookmark: Bookmark, rows: Mapping[str, Handled]
    ) -> None:
        """Start a scan. Store its bookmark first: rows of a scan without one would never be handled."""
        await progress.put(name, bookmark)
        await progress.control.put_handled(self.seen.table, rows)

    async def _scan(self, progress: Progress, name: str, bookmark: Bookmark) -> tuple[int, bool]:
        second = bookmark.stage == _SECOND
        if second and progress.clock.now() < bookmark.at + self.cache + self.deadline:
            return 0, False
        rows, sent = await progress.control.handled(self.seen.table, name), 0
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
        done = {key: row._replace(done=True, scan="") for key, row in rows.items()}
        await progress.control.put_handled(self.seen.table, done)
        await progress.remove(name)
        return sent, bool(rows)

    async def _page(
        self, progress: Progress, rows: Mapping[str, Handled], bookmark: Bookmark
    ) -> tuple[int, Bookmark]:
        """Send the checks of one page. Return how many, and where the next page begins."""
        page = await self.states.with_key(self.seen.table, rows.keys(), bookmark.after)
        second = bookmark.stage == _SECOND
        checks = [
            check(account, f"mapping {self._reason(account, rows)} {second}")
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
        margin = self.deadline + _CLOCKS
        changes = [rows[key].first_scan_at for key in account.keys if key in rows]
        return any(at - margin <= account.read_at < at + self.cache + _CLOCKS for at in changes)

    def _reason(self, account: ScannedAccount, rows: Mapping[str, Handled]) -> str:
        """Name the rows for which the account is checked, with their versions."""
        table = self.seen.table
        return " ".join(f"{table.value(key)} {rows[key].version}" for key in account.keys if key in rows)

    @property
    def _prefix(self) -> str:
        """The beginning of the names of the table's scans."""
        return "scan " if self.seen.table.of_currencies else f"scan-{self.seen.table.name} "


def _has_room(progress: Progress, bookmark: Bookmark) -> bool:
    """Whether another page may be sent now: the run has time left, and the next due time is near."""
    now = progress.clock.now()
    return not progress.over and (bookmark.due is None or bookmark.due <= now + _AHEAD)
