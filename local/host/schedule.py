"""Schedules of timer triggers that come every so many seconds or minutes, such as `0 * * * * *`.

In: an NCRONTAB expression (second, minute, hour, day, month, day of week). Out: the next moment. Of NCRONTAB
only this is read: second and minute may be `*`, a number or `*/N`, the other fields are `*`. Anything else is
refused with the field that is not understood. Source:
learn.microsoft.com/azure/azure-functions/functions-bindings-timer (NCRONTAB expressions).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

_FIELDS = ("second", "minute", "hour", "day", "month", "day of week")


class ScheduleError(Exception):
    """The schedule is not understood; the message names the field."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The seconds and minutes at which a timer runs."""

    seconds: range
    minutes: range

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read a schedule; raise `ScheduleError`."""
        fields = expression.split()
        if len(fields) != len(_FIELDS):
            raise ScheduleError(f"the schedule {expression!r} must have six fields")
        for name, field in zip(_FIELDS[2:], fields[2:], strict=True):
            if field != "*":
                raise ScheduleError(f"the local host knows only * for the field {name}, not {field!r}")
        return cls(_values(fields[0], "second"), _values(fields[1], "minute"))

    def next_after(self, moment: datetime) -> datetime:
        """The first moment of the schedule after `moment`."""
        minute = moment.replace(second=0, microsecond=0)
        while True:
            for second in self.seconds if minute.minute in self.minutes else ():
                found = minute.replace(second=second)
                if found > moment:
                    return found
            minute += timedelta(minutes=1)


def _values(field: str, name: str) -> range:
    span, slash, step = field.partition("/")
    if field == "*":
        return range(60)
    if span == "*" and slash and step.isdecimal() and int(step) > 0:
        return range(0, 60, int(step))
    if field.isdecimal() and int(field) < 60:
        return range(int(field), int(field) + 1)
    raise ScheduleError(
        f"{field!r} is not a value of the field {name}: the local host reads *, 0 to 59 and */N"
    )
