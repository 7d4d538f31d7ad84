"""The first load, page by page: each message of `load-pages` sends the checks of some accounts.

    may the load go on? -> has the queue room? -> read a page -> send its checks -> checkpoint -> next page

The checks are sent before the checkpoint is written, and the next page after it. So a crash loses nothing:
the page that is repeated sends the same messages, and a check that is repeated is `covered`. Whoever finds
the checkpoint changed by another writer stops: that page is superseded.

Events never wait long behind a load: it sends only as much as each partition has room for, see `choose.py`,
and nothing while as much waits in the queue from elsewhere. A wait is a scheduled message, never a sleep.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.load.choose import Pace, choose
from shared.load.unfinished import Unfinished
from shared.model.faults import ConfigurationFault, Fault, QueueUnavailable, StateConflict, System
from shared.model.load import LoadRun, LoadState, decode_load, encode_load
from shared.model.page import PageDue, RunKind
from shared.model.sent import Sent
from shared.ports import ChangeQueue, Clock
from shared.ports.load import AccountPages, WaitingChanges
from shared.ports.pages import PageQueue, Runs
from shared.resilience.circuit_breaker import Breakers
from shared.telemetry import LOGGER
from shared.telemetry.metrics import LOAD

MOST_FAILURES = 5
_ROOM_WAIT = timedelta(seconds=1)
_NEXT_WAIT = timedelta(seconds=1.5)  # while many checks wait: four or five end in each partition
_LAST_WAIT = timedelta(seconds=1)
_AHEAD = timedelta(seconds=30)  # so far ahead a load with a rate sends its checks
_FIRST_RETRY = 5.0  # seconds, doubled with each failure
_TABLES_AWAY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class FirstLoad:
    """The use case behind the function `load_page`, for the kind LOAD."""

    runs: Runs
    pages: PageQueue
    accounts: AccountPages
    queue: ChangeQueue
    waiting: WaitingChanges
    unfinished: Unfinished
    breakers: Breakers
    clock: Clock
    pace: Pace

    async def handle(self, due: PageDue) -> None:
        """Do one page, or send it again for later. Raises QueueUnavailable."""
        try:
            stored = await self.runs.read(RunKind.LOAD)
            run = decode_load(stored.document) if stored else None
            if stored is None or run is None or not self._is_current(due, run):
                LOGGER.info("load page %d of %s is superseded", due.page, due.run)
            elif due.page < run.page:  # its checkpoint is written; perhaps the next page was never sent
                await self.pages.send(run.next_page)
            else:
                await self._try(due, run, stored.etag)
        except StateConflict:
            LOGGER.info("load page %d of %s is superseded", due.page, due.run)
        except QueueUnavailable:
            raise
        except Fault as fault:  # the table Control is away: nothing can be noted, and nothing is counted
            LOGGER.warning("load page %d of %s waits: %s", due.page, due.run, fault)
            await self.pages.send(due.again(), self.clock.now() + _TABLES_AWAY)

    def _is_current(self, due: PageDue, run: LoadRun) -> bool:
        current = due.run == run.id.hex and run.state is LoadState.RUNNING
        return current and due.page in {run.page, run.page - 1}

    async def _try(self, due: PageDue, run: LoadRun, etag: str) -> None:
        try:
            await self._page(due, run, etag)
        except (StateConflict, QueueUnavailable):
            raise
        except Exception as fault:  # a bug stops the load too, with its cause
            if getattr(fault, "system", None) is System.TABLES:
                raise
            await self._failed(due, run, etag, fault)

    async def _page(self, due: PageDue, run: LoadRun, etag: str) -> None:
        if (wait := await self.breakers.admit()) is not None:
            await self._wait(due, replace(run, waits_for=wait.reason), run, etag, wait.until)
            return
        now = self.clock.now()
        unfinished = await self.unfinished.of(run, now)
        _measure(run, len(unfinished))
        if run.walked and not run.held:
            await self._finish(due, run, etag, unfinished)
            return
        room, known = await self._room(run, len(unfinished))
        if run.paced_until is not None and run.paced_until > now + _AHEAD:
            await self._wait(due, known, run, etag, run.paced_until - _AHEAD)
        elif room < 1 or not await self._send(known, etag, room, unfinished):
            await self._wait(due, known, run, etag, now + _ROOM_WAIT)

    async def _send(self, run: LoadRun, etag: str, room: int, unfinished: Sequence[Sent]) -> bool:
        """Send the checks of one page, then write the checkpoint, then send the next page.

        Return False if nothing can be sent, because each partition has as many checks as it may.
        """
        most = min(self.pace.page_size, room, max(1, round(run.rate)) if run.rate else room)
        partitions = choose(unfinished, most, self.pace)
        if not partitions:
            return False
        run = await self._read_ahead(run, len(partitions))
        checks = list(map(Sent, run.held, run.dues(len(partitions), self.clock.now()), partitions))
        known = await self.unfinished.known(checks)  # here, because each wait in a check counts
        changes = [
            (run.check(sent.account_id, no_row=sent.account_id not in known), sent.due) for sent in checks
        ]
        await self.queue.send_all(changes, [sent.partition for sent in checks])
        after = run.advanced(checks, unfinished)
        await self._write(after, etag)
        full = 4 * len(unfinished) > self.pace.bound
        await self.pages.send(after.next_page, self.clock.now() + _NEXT_WAIT if full else None)
        return True

    async def _read_ahead(self, run: LoadRun, wanted: int) -> LoadRun:
        """Read further accounts from Sales, if fewer than `wanted` are held."""
        if run.walked or len(run.held) >= wanted:
            return run
        most = self.pace.page_size
        if run.limit:
            most = min(most, run.limit - run.sent - len(run.held))
        if most < 1:
            return replace(run, walked=True)
        read = self.accounts.page(run.selection, run.after, most)
        page = await self.breakers.call(System.DATAVERSE, "pages", read)
        held = (*run.held, *page.ids)
        return replace(run, held=held, after=page.after, walked=len(page.ids) < most)

    async def _finish(self, due: PageDue, run: LoadRun, etag: str, unfinished: Sequence[Sent]) -> None:
        """End the load once the last checks have ended; those that are retried for long do not delay it."""
        now = self.clock.now()
        if unfinished:
            await self._wait(due, run, run, etag, now + _LAST_WAIT)
            return
        await self._write(run.halted(LoadState.DONE, "", "", now), etag)
        LOGGER.info("load %s is done: %d checks", run.id, run.sent, extra={"event": "load-done"})

    async def _room(self, run: LoadRun, own: int) -> tuple[int, LoadRun]:
        """Return how many checks may be sent, and the load with a note if the queue's counts are unknown.

        Without the counts, only the load's own unfinished checks are known to wait.
        """
        try:
            waiting, unknown = await self.waiting.count(), ""
        except Fault as fault:
            lasting = isinstance(fault, ConfigurationFault)
            waiting, unknown = own, str(fault) if lasting else run.counts_unknown
        return self.pace.bound - waiting, replace(run, counts_unknown=unknown, waits_for="")

    async def _wait(self, due: PageDue, known: LoadRun, stored: LoadRun, etag: str, until: datetime) -> None:
        """Send the page again for later; note why, if that is news."""
        if known != stored:
            await self._write(known, etag)
        await self.pages.send(due.again(), until)

    async def _failed(self, due: PageDue, run: LoadRun, etag: str, fault: Exception) -> None:
        """Send a page that failed again for later; stop the load if it failed too often."""
        text = str(fault) if isinstance(fault, Fault) else f"unexpected error {type(fault).__name__}"
        exc_info = None if isinstance(fault, Fault) else fault
        LOGGER.warning("load page %d of %s failed: %s", due.page, due.run, text, exc_info=exc_info)
        if run.failures + 1 >= MOST_FAILURES:
            remedy = getattr(fault, "remedy", "") or "Correct the cause."
            remedy = f"{remedy} Then `accountsync load resume` goes on at this page."
            await self._write(run.halted(LoadState.STOPPED, text, remedy), etag)
            LOGGER.error("load stopped: %s", text, extra={"event": "load-stopped"})
            return
        await self._write(replace(run, failures=run.failures + 1, waits_for=text), etag)
        wait = _FIRST_RETRY * 2.0**run.failures
        await self.pages.send(due.again(), self.clock.now() + timedelta(seconds=wait))

    async def _write(self, run: LoadRun, etag: str) -> None:
        await self.runs.write(RunKind.LOAD, encode_load(run), etag)


def _measure(run: LoadRun, unfinished: int) -> None:
    for state, count in {"total": run.total, "sent": run.sent, "ended": run.sent - unfinished}.items():
        LOAD.note(count, state=state)
