"""Related changes, page by page: each message of `load-pages` sends the checks of some of the accounts.

    may the walk go on? -> has the queue room? -> read a page -> send its checks -> next page

The message holds where the walk stands; the next one is sent after the checks of a page. So a crash loses
nothing: the page that is repeated sends the same messages. A walk ends when a check was sent for every
account. Many walks go on at the same time: they share the room in the queue with each other and with a load,
each asks less often the longer it waits, and each of them is finite.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import repeat

from shared.load.choose import Pace, choose
from shared.load.room import Room
from shared.load.unfinished import Unfinished
from shared.model.faults import ConfigurationFault, Fault, QueueUnavailable, System
from shared.model.load import Selection
from shared.model.page import PageDue
from shared.model.related import RelatedWalk
from shared.model.sent import Sent
from shared.ports import ChangeQueue, Clock
from shared.ports.load import AccountPages
from shared.ports.pages import PageQueue
from shared.resilience.circuit_breaker import Breakers
from shared.resilience.retry_policy import Jitter
from shared.telemetry import LOGGER

_FIRST_WAIT = 1.0  # seconds; half as long again with each wait of the same page
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class CheckReferring:
    """The use case behind the function `load_page`, for the kind RELATED."""

    pages: PageQueue
    accounts: AccountPages
    queue: ChangeQueue
    unfinished: Unfinished
    room: Room
    breakers: Breakers
    clock: Clock
    jitter: Jitter
    pace: Pace
    operator_wait: float

    async def handle(self, due: PageDue) -> None:
        """Do one page, or send it again for later. Raises QueueUnavailable.

        A defect raises too: the host delivers the message again, and dead-letters it in the end.
        """
        if due.walk is None:
            raise AssertionError
        try:
            await self._page(due, due.walk)
        except QueueUnavailable:
            raise
        except ConfigurationFault as fault:
            LOGGER.error("set-up is wrong: %s", fault, extra={"event": "operator-fault"})
            await self._wait(due, due.walk, self.operator_wait)
        except Fault as fault:
            LOGGER.warning("page %d of related change %s waits: %s", due.page, due.run, fault)
            await self._wait(due, due.walk)

    async def _page(self, due: PageDue, walk: RelatedWalk) -> None:
        now = self.clock.now()
        if (wait := await self.breakers.admit()) is not None:
            await self._wait(due, walk, (wait.until - now).total_seconds() + self.jitter(wait.spread))
            return
        unfinished = await self.unfinished.of(walk, now)
        room = await self.room.left(len(unfinished))
        if room < 1:
            await self._wait(due, walk)
            return
        partitions = choose(unfinished, min(self.pace.page_size, room), self.pace)
        if not partitions:
            await self._wait(due, walk)
            return
        walk = await self._read_ahead(walk, len(partitions))
        checks = list(map(Sent, walk.held, repeat(now), partitions))
        after = replace(walk, held=walk.held[len(checks) :], sent=walk.sent + len(checks))
        await self._send(due, after, checks, unfinished)

    async def _read_ahead(self, walk: RelatedWalk, wanted: int) -> RelatedWalk:
        """Read further accounts from Sales, if fewer than `wanted` are held."""
        if walk.walked or len(walk.held) >= wanted:
            return walk
        most = self.pace.page_size
        read = self.accounts.page(Selection(refers_to=walk.change.reference), walk.after, most)
        page = await self.breakers.call(System.DATAVERSE, "pages", read)
        held = (*walk.held, *page.ids)
        return replace(walk, held=held, after=page.after, walked=len(page.ids) < most)

    async def _send(
        self,
        due: PageDue,
        walk: RelatedWalk,
        checks: Sequence[Sent],
        unfinished: Sequence[Sent],
    ) -> None:
        """Send the checks of one page, then the next page, if there is more to send.

        In this order: a page that is repeated may have less room, and its next page is dropped as a repeat.
        """
        changes = [(walk.check(sent.account_id), sent.due) for sent in checks]
        await self.queue.send_all(changes, [sent.partition for sent in checks])
        self.room.take(len(checks))
        if walk.walked and not walk.held:
            LOGGER.info("related change %s of %s is done: %d checks", due.run, walk.change.table, walk.sent)
            return
        known = await self.unfinished.known(checks)  # an account that was never checked gets no row
        recent = (*unfinished, *(sent for sent in checks if sent.account_id in known))
        await self.pages.send(due.following(replace(walk, recent=recent)))

    async def _wait(self, due: PageDue, walk: RelatedWalk, seconds: float | None = None) -> None:
        """Send the page again for later, with what the walk has read."""
        if seconds is None:
            seconds = min(_LONGEST_WAIT, _FIRST_WAIT * 1.5 ** min(due.attempt, 20))
            seconds += self.jitter(seconds / 2)
        await self.pages.send(due.waiting(walk), self.clock.now() + timedelta(seconds=seconds))
