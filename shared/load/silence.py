"""Whether events come at all: a pure function of the log lines of a few accounts.

Catch-up watches some of the accounts that it sent a check for, and some that changed and were up to date. If
its own checks keep writing changes and no line comes from an event, events are missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from shared.model.catch_up import Silence
from shared.model.change import FROM_DATAVERSE, Source
from shared.model.outcome import Ending
from shared.model.state import LogEntry

_EVENTS = frozenset({*FROM_DATAVERSE, Source.BURST})
_WRITES = frozenset({Ending.CREATED, Ending.UPDATED, Ending.DELETED})
_CHECKED, _UP_TO_DATE = 5, 10  # accounts of a page
_MOST = 60


@dataclass(frozen=True, slots=True)
class _Seen:
    events: list[datetime]
    writes: list[datetime]


def watching(silence: Silence, checked: Iterable[UUID], up_to_date: Iterable[UUID]) -> Silence:
    """Watch some more accounts in place of the oldest ones."""
    new = [*islice(checked, _CHECKED), *islice(up_to_date, _UP_TO_DATE)]
    kept = [account_id for account_id in silence.watched if account_id not in new]
    return silence._replace(watched=(*kept, *new)[-_MOST:])


def judged(silence: Silence, log: Iterable[LogEntry], longest: timedelta) -> Silence:
    """Judge by the log lines of the watched accounts. `longest`: how long no event may come meanwhile."""
    seen = _seen(log)
    event_at = max([*seen.events, *filter(None, [silence.event_at])], default=None)
    known = filter(None, [silence.first_at, silence.last_at])
    writes = sorted(at for at in (*seen.writes, *known) if event_at is None or at > event_at)
    first_at, last_at = (writes[0], writes[-1]) if writes else (None, None)
    silence = silence._replace(event_at=event_at, first_at=first_at, last_at=last_at, missing="")
    if first_at is None or last_at is None or last_at - first_at < longest:
        return silence
    missing = (
        f"from {first_at:%Y-%m-%d %H:%M} to {last_at:%Y-%m-%d %H:%M} UTC only catch-up found changes, and no "
        "event came by queue or webhook. Compare the registration in Sales: `accountsync registration`."
    )
    return silence._replace(missing=missing)


def _seen(log: Iterable[LogEntry]) -> _Seen:
    seen = _Seen([], [])
    for entry in log:
        if entry.source in _EVENTS:
            seen.events.append(datetime.fromisoformat(entry.at))
        elif entry.source == Source.CATCH_UP and entry.outcome in _WRITES:
            seen.writes.append(datetime.fromisoformat(entry.at))
    return seen
