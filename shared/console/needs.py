"""What needs a person, for the overview: one line for each cause, the most urgent first. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from shared.console import words
from shared.diagnostics.status import Status, remedy_of, why_open
from shared.model.outcome import Cause, remedy

_OLD = timedelta(minutes=1)


class Need(NamedTuple):
    """One line: what is wrong, what to do about it, and the page on which that is done."""

    said: str
    remedy: str
    path: str
    link: str


def needs_of(status: Status, erp: str, *, operates: bool) -> list[Need]:
    """Return what needs a person: what stops all accounts first, then what stops some, the most first.

    `operates`: whether the person may see values and add a code.
    """
    parked = _parked(status, erp, operates=operates)
    return [*_held(status), *_troubles(status), *_dead_letters(status), *parked, *_runs(status)]


def heading(needs: list[Need]) -> str:
    """Say in a sentence how things stand."""
    if not needs:
        return "Changes arrive, nothing needs you"
    return "One thing needs you" if len(needs) == 1 else f"{len(needs)} things need you"


def _held(status: Status) -> Iterator[Need]:
    for breaker in status.held:
        said = f"{breaker.system} {why_open(breaker)}"
        yield Need(said, remedy_of(breaker), "/systems", f"Resume {breaker.system}")


def _troubles(status: Status) -> Iterator[Need]:
    return (Need(trouble, "", "/set-up", "Look at the set-up") for trouble in status.troubles)


def _dead_letters(status: Status) -> Iterator[Need]:
    for queue in status.queues:
        if number := queue.dead_letters:
            said = f"{queue.name} has {_count(number, 'dead letter')}."
            yield Need(said, "Read why each failed, then send it again.", "/systems", "Show them")


def _parked(status: Status, erp: str, *, operates: bool) -> Iterator[Need]:
    age = status.at - (status.counted_at or status.at)
    counted = f", counted {words.spell(age)} ago" if age >= _OLD else ""
    for cause, number in sorted(status.issues.items(), key=lambda item: -item[1]):
        value, field = _shared(status, cause, number)
        said = words.title(cause, value if operates else "", field, erp)
        said = f"{said}: {_count(number, 'account')} parked{counted}."
        adds = operates and cause == Cause.UNMAPPED_CURRENCY
        link = "Add the code" if adds else f"Show {_count(number, 'account')}"
        yield Need(said, _remedy(cause, erp), f"/issues?cause={cause}", link)


def _shared(status: Status, cause: str, number: int) -> tuple[str, str]:
    """Return the value and the field of all accounts of a cause, if they are known to be the same."""
    known = [(issue.value, issue.field) for issue in status.parked if issue.cause == cause]
    return known[0] if len(known) == number and len(set(known)) == 1 else ("", "")


def _runs(status: Status) -> Iterator[Need]:
    return (Need(said, "", "/runs", "Look at the runs") for said in status.runs.attention)


def _remedy(cause: str, erp: str) -> str:
    """Return what to do about a cause; "" for one of a later version."""
    return remedy(Cause(cause), erp) if cause in set(Cause) else ""


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"
