"""Whether events come at all: a pure function of what the app did in the last minutes.

If catch-up's own checks keep writing changes, and nothing comes from an event, events are missing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.model.activity import KEPT, Activity
from shared.model.catch_up import Silence

_LATE = timedelta(minutes=5)  # an instance adds to its minute late, and clocks differ


def read_from(silence: Silence, now: datetime, longest: timedelta) -> datetime:
    """Return since when the minutes must be known: from the newest event on, as far as they are kept."""
    return max((silence.event_at or silence.first_at or now - longest) - _LATE, now - KEPT)


def judged(silence: Silence, minutes: Iterable[Activity], longest: timedelta) -> Silence:
    """Judge by the minutes from `read_from` on. `longest`: how long no event may come meanwhile."""
    minutes = list(minutes)
    event_at = _last(silence.event_at, (minute.at for minute in minutes if minute.shows_events))
    found = (minute.at for minute in minutes if minute.shows_missed)
    known = filter(None, [silence.first_at, silence.last_at])
    writes = sorted(at for at in (*found, *known) if event_at is None or at > event_at)
    first_at, last_at = (writes[0], writes[-1]) if writes else (None, None)
    silence = Silence(event_at=event_at, first_at=first_at, last_at=last_at)
    if first_at is None or last_at is None or last_at - first_at < longest:
        return silence
    missing = (
        f"from {first_at:%Y-%m-%d %H:%M} UTC to {last_at:%Y-%m-%d %H:%M} UTC only catch-up found changes, "
        "and no event came by queue or webhook. Compare the registration in Sales: "
        "`accountsync registration`."
    )
    return silence._replace(missing=missing)


def _last(known: datetime | None, found: Iterable[datetime]) -> datetime | None:
    return max([*found, *filter(None, [known])], default=None)
