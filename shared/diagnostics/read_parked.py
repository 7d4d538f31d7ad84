"""How many accounts are parked, by cause, in two requests at most, however many there are."""

from shared.model.parked import ParkedCount
from shared.ports import Clock, Issues
from shared.ports.counts import Counts


async def read_parked(issues: Issues, counts: Counts, clock: Clock) -> ParkedCount:
    """Count them now if they are on one page; otherwise return the newest count that `heal` has made.

    Before the first such count the result is not complete.
    """
    now = clock.now()
    page = await issues.all("")
    here = ParkedCount(now, {}, complete=not page.after).plus(page.rows)
    return here if here.complete else (await counts.parked()).ended or here
