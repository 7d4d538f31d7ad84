"""NCRONTAB, the schedule language of timer triggers: second, minute, hour, day, month, day of week.

In: text such as `0 */5 * * * Mon-Fri`. Out: the next moment. Refused: fields out of range, and schedules that
never come. Differs from Unix cron: day and day of week must both hold. Five fields mean second 0, as the host
reads them. Source: learn.microsoft.com/azure/azure-functions/functions-bindings-timer (NCRONTAB expressions).
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 6),
)
_HORIZON = timedelta(days=366 * 8)  # the longest gap between two 29ths of February


class ScheduleError(Exception):
    """The text is no NCRONTAB schedule; the message names the field."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The allowed values of each field."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]  # 0 is Sunday

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read a schedule; raise `ScheduleError`."""
        fields = expression.split()
        if len(fields) == 5:
            fields.insert(0, "0")
        if len(fields) != 6:
            raise ScheduleError(f"the schedule {expression!r} must have six fields")
        return cls(*(_values(field, *limits) for field, limits in zip(fields, _FIELDS, strict=True)))

    def next_after(self, moment: datetime) -> datetime:
        """The first moment of the schedule after `moment`; raise `ScheduleError` if none comes."""
        if self._runs_on(moment):
            for hour, minute, second in self._times_from(moment.hour, moment.minute):
                found = moment.replace(hour=hour, minute=minute, second=second, microsecond=0)
                if found > moment:
                    return found
        day, last = moment + timedelta(days=1), moment + _HORIZON
        while not self._runs_on(day):
            day += timedelta(days=1)
            if day > last:
                raise ScheduleError("the schedule names no day that exists")
        return day.replace(hour=self.hours[0], minute=self.minutes[0], second=self.seconds[0], microsecond=0)

    def _runs_on(self, day: datetime) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _times_from(self, hour: int, minute: int) -> Iterator[tuple[int, int, int]]:
        """The times of a day from this minute on."""
        for h in self.hours[bisect_left(self.hours, hour) :]:
            for m in self.minutes[bisect_left(self.minutes, minute) if h == hour else 0 :]:
                for s in self.seconds:
                    yield h, m, s


def _values(field: str, name: str, low: int, high: int) -> tuple[int, ...]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, last = _span(span, name, low, high, open_ended=bool(step))
        if step and (not step.isdecimal() or int(step) == 0):
            raise ScheduleError(f"the step {step!r} of the field {name} must be a number above 0")
        found.update(range(first, last + 1, int(step or 1)))
    return tuple(sorted(found))


def _span(text: str, name: str, low: int, high: int, *, open_ended: bool) -> tuple[int, int]:
    if text == "*":
        return low, high
    start, dash, end = text.partition("-")
    first = _number(start, name, low, high)
    last = high if open_ended else first
    if dash:
        last = _number(end, name, low, high)
    if last < first:
        raise ScheduleError(f"the range {text!r} of the field {name} runs backwards")
    return first, last


def _number(text: str, name: str, low: int, high: int) -> int:
    names = {"month": _MONTHS, "weekday": _DAYS}.get(name, ())
    lowered = text.lower()[:3] if text.isalpha() else text
    if lowered in names:
        return names.index(lowered) + low
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ScheduleError(f"{text!r} is not a value of the field {name} ({low} to {high})")
    return int(text)
