"""An attempt as a waterfall: one bar for each step, on one scale of time. Terminal and page draw it."""

from collections.abc import Sequence
from typing import NamedTuple

from shared.model.attempt import LastAttempt, Step

_FIRST_ERROR = 400  # of the statuses of answers


class Bar(NamedTuple):
    """One step: where its bar begins and how long it is, as shares of the whole time."""

    step: Step
    begins: float
    length: float
    failed: bool

    @property
    def took(self) -> str:
        """The time of the step in words; the step that stored the row could not know its own."""
        return "…" if self.step.duration is None else milliseconds(self.step.duration)


def bars(attempt: LastAttempt) -> Sequence[Bar]:
    """Return the bars in the order of the steps' beginning."""
    whole = max(attempt.duration, *(step.start + (step.duration or 0) for step in attempt.steps), 0.1)
    return [_bar(step, whole) for step in attempt.steps]


def milliseconds(number: float) -> str:
    """Write a time: below 10 ms with one decimal."""
    return f"{number:.1f} ms" if number < 10 else f"{number:,.0f} ms"


def _bar(step: Step, whole: float) -> Bar:
    begins = min(step.start / whole, 1.0)
    length = 1.0 - begins if step.duration is None else step.duration / whole
    return Bar(step, begins, min(length, 1.0 - begins), _failed(step))


def _failed(step: Step) -> bool:
    if step.duration is None:
        return False
    return int(step.status) >= _FIRST_ERROR if step.status.isdecimal() else step.status != "ok"
