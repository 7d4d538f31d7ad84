"""The overview: where everything is now, and what needs a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from shared.console import charts
from shared.console.desk import Desk
from shared.console.needs import heading, needs_of
from shared.diagnostics.read_runs import rate_of, seconds_left
from shared.diagnostics.status import Status
from shared.model.activity import Activity
from shared.model.faults import System
from shared.model.outcome import Ending

_WRITTEN = (Ending.CREATED, Ending.UPDATED)
_BAR = 100.0  # percent
_LATELY = timedelta(minutes=2)  # this minute and the one before: a row is of a whole minute


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the bar of outcomes, in percent of its width."""

    ending: str
    count: int
    start: float
    width: float


async def show(desk: Desk) -> Response:
    """Show the state as `accountsync status` reads it."""
    status = await desk.operator.read_status.now(back=charts.DAY)
    names = [issue.account_id for issue in status.parked] if desk.person.operates else []
    queues = {queue.name: queue for queue in status.queues}
    load, needs = status.runs.load, needs_of(status, desk.erp, operates=desk.person.operates)
    return desk.show(
        "overview.html",
        status=status,
        queues=queues,
        written=sum(status.outcomes.get(ending, 0) for ending in _WRITTEN),
        parked=sum(status.issues.values()),
        held={breaker.system: breaker for breaker in status.held},
        sales_system=System.DATAVERSE,
        erp_system=desk.operator.erp.capabilities.system,
        parts_of=list(_parts(status)),
        charts=charts.of(status.minutes, status.at),
        named=await desk.operator.name_accounts.of(names),
        needs=needs,
        heading=heading(needs),
        lately=_handled(status.minutes, status.at - _LATELY),
        rate=rate_of(load, status.at) if load else 0,
        left=seconds_left(load, status.at) if load else None,
    )


def _handled(minutes: Sequence[Activity], after: datetime) -> int:
    """Count the checks that ended in the minutes after a moment."""
    return sum(minute.endings.total() for minute in minutes if minute.at > after)


def _parts(status: Status) -> Iterator[Part]:
    """Divide the bar among the outcomes."""
    total, start = sum(status.outcomes.values()), 0.0
    for ending, count in status.outcomes.items():
        width = _BAR * count / total
        yield Part(ending, count, round(start, 2), round(width, 2))
        start += width
