"""The last day in two charts, from the rows of the minutes: checks that ended, and how long changes took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.console.words import spell
from shared.model.activity import LAG_BOUNDS, Activity, lag_within, minute_of, together
from shared.model.outcome import Ending

DAY = timedelta(days=1)
_SLOT = timedelta(minutes=15)
_HOUR = timedelta(hours=1)
_HEIGHT = 40.0
_LONGEST = len(LAG_BOUNDS)
_TROUBLES = (Ending.PARKED, Ending.RETRYING)
_WRITTEN = (Ending.CREATED, Ending.UPDATED)


@dataclass(frozen=True, slots=True)
class Column:
    """One quarter of an hour: heights of what ended, of the part of it in trouble, and of both lags."""

    place: int
    ended: float
    trouble: float
    half: float
    most: float


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour in numbers, for people who see no picture. Lags are words, "" without a write."""

    at: datetime
    ended: int
    written: int
    trouble: int
    half: str
    most: str


@dataclass(frozen=True, slots=True)
class Charts:
    """Both charts: columns in a box as wide as there are columns; a summary in words; hours, newest first."""

    columns: Sequence[Column]
    width: int
    height: float
    ended: str
    lag: str
    hours: Sequence[Hour]


def of(minutes: Sequence[Activity], now: datetime) -> Charts:
    """Draw the day until now."""
    slots = _parts(minutes, now, _SLOT)
    highest = max((slot.endings.total() for slot in slots), default=0)
    whole = together(now, minutes)
    return Charts(
        columns=[_column(place, slot, highest) for place, slot in enumerate(slots)],
        width=len(slots),
        height=_HEIGHT,
        ended=_ended(whole, slots),
        lag=_lag(whole),
        hours=[_hour(part) for part in reversed(_parts(minutes, now, _HOUR)) if part.endings],
    )


def _parts(minutes: Iterable[Activity], now: datetime, length: timedelta) -> list[Activity]:
    """Return the counts of each part of the day, the oldest first."""
    end = minute_of(now) + timedelta(minutes=1)
    parts = [Activity(end - length * back) for back in range(DAY // length, 0, -1)]
    for minute in minutes:
        place = (minute.at - parts[0].at) // length
        if 0 <= place < len(parts):
            parts[place] = parts[place].plus(minute)
    return parts


def _column(place: int, slot: Activity, highest: int) -> Column:
    share = _HEIGHT / highest if highest else 0.0
    endings = slot.endings
    trouble = sum(endings[ending] for ending in _TROUBLES)
    half, most = (_height(lag_within(slot.lag, share_of)) for share_of in (0.5, 0.95))
    return Column(place, round(endings.total() * share, 2), round(trouble * share, 2), half, most)


def _height(seconds: float | None) -> float:
    """Return a height that grows by the same step from each bucket to the next."""
    if seconds is None:
        return 0.0
    bucket = LAG_BOUNDS.index(int(seconds)) if seconds <= LAG_BOUNDS[-1] else _LONGEST
    return round(_HEIGHT * (bucket + 1) / (_LONGEST + 1), 2)


def _ended(whole: Activity, slots: Sequence[Activity]) -> str:
    total = whole.endings.total()
    if not total:
        return "No check ended in the last day."
    busiest = max(slots, key=lambda slot: slot.endings.total())
    checks = "1 check" if total == 1 else f"{total:,} checks"
    return (
        f"{checks} ended in the last day, most of them from {busiest.at:%Y-%m-%d %H:%M} UTC for 15 minutes."
    )


def _lag(whole: Activity) -> str:
    if not whole.lag:
        return "No change was written in the last day."
    half, most = (_words(lag_within(whole.lag, share)) for share in (0.5, 0.95))
    return f"Half of the changes were written within {half}, 95 of 100 within {most}."


def _hour(part: Activity) -> Hour:
    endings = part.endings
    return Hour(
        part.at,
        endings.total(),
        sum(endings[ending] for ending in _WRITTEN),
        sum(endings[ending] for ending in _TROUBLES),
        *(_words(lag_within(part.lag, share)) for share in (0.5, 0.95)),
    )


def _words(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return spell(timedelta(seconds=seconds)) if seconds <= LAG_BOUNDS[-1] else "more than a day"
