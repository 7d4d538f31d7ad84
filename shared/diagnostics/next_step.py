"""The next step for one account, in one or two sentences. Pure."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.diagnostics.preview import FieldPreview, Preview
from shared.diagnostics.status import remedy_of, why_open
from shared.model.account import SystemJob
from shared.model.breaker import Breaker
from shared.model.issue import Issue
from shared.model.outcome import CODE_CAUSES, Cause, Ending
from shared.model.state import Phase, SyncState

_HEALED = {Cause.UNMAPPED_CURRENCY, Cause.BAD_MAPPING, *CODE_CAUSES, Cause.PARENT_NOT_SYNCED}
_ROWS = {Cause.UNMAPPED_CURRENCY, Cause.BAD_MAPPING, Cause.UNKNOWN_ERP_CURRENCY}  # a row puts these right


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about the account. `open_breakers` stop work; `troubles` are systems that did not answer.

    `erp` is the name of the ERP in use.
    """

    state: SyncState | None
    issue: Issue | None
    jobs: Sequence[SystemJob]
    preview: Preview | None
    differences: Sequence[FieldPreview]
    open_breakers: Sequence[Breaker]
    troubles: Sequence[str]
    erp: str


def next_step(account_id: UUID, facts: Facts) -> str:
    """Say what to do now, or why nothing is to be done."""
    steps = [*_held_back(facts), _about_account(account_id, facts)]
    return " ".join(steps)


def _held_back(facts: Facts) -> Iterator[str]:
    for breaker in facts.open_breakers:
        if breaker.paused_by:
            command = f"accountsync resume --system {breaker.system}"
            yield f"Work on {breaker.system} is paused by {breaker.paused_by}: `{command}` lets it go on."
        else:
            yield f"{breaker.system} {why_open(breaker)} {remedy_of(breaker)}"
    if facts.preview is None:
        yield f"{facts.troubles[-1]} Mend that first." if facts.troubles else ""


def _about_account(account_id: UUID, facts: Facts) -> str:
    state, preview = facts.state, facts.preview
    if state is None:
        return _never_heard_of(facts)
    match state.phase:
        case Phase.PARKED:
            return _parked(account_id, facts, state)
        case Phase.RETRYING:
            reason = state.log[-1].detail if state.log else ""
            return f"Nothing now: the next attempt follows by itself ({reason})."
        case Phase.FILTERED:
            rule = state.log[-1].detail if state.log else ""
            return f'Nothing: the row rule on "{rule}" keeps this account out; change it if it should pass.'
        case Phase.DELETED:
            return "Nothing: the account was deleted in Sales; its customer was treated as ON_DELETE says."
        case _:
            pass
    if state.unknown_until is not None:
        return f"Nothing now: an answer of {facts.erp} was lost; a verifying check follows by itself."
    if preview is not None and preview.problem is not None:
        return f"The next sync would park it ({preview.problem}). {preview.problem.remedy(facts.erp)}"
    return _differences(account_id, facts)


def _never_heard_of(facts: Facts) -> str:
    if facts.preview is not None and not facts.preview.exists_in_sales:
        return "Sales has no such account, and no event of one was ever taken: check the id."
    if facts.jobs:
        job = facts.jobs[-1]
        what = f'the job "{job.name}" of Sales is {job.status}. {job.message}'
        return f"No event of it was ever taken: {what}".rstrip()
    return (
        "No event of it was ever taken: check that the steps are registered in Sales "
        "(`accountsync registration`), then save the account again there."
    )


def _parked(account_id: UUID, facts: Facts, state: SyncState) -> str:
    cause, _, value = (state.issue or "").partition("|")
    preview = facts.preview
    if preview is not None and preview.problem is None and preview.exists_in_sales:
        if cause in _HEALED or (cause == Cause.UNMAPPED_VALUE and "|" in value):
            return "What it was parked for is put right: it follows by itself within a minute or two."
        return f"It can be written now: `accountsync replay {account_id}`."
    if preview is not None and preview.problem is not None:
        return f"Parked as {preview.problem}. {preview.problem.remedy(facts.erp)}{_command(preview)}"
    known = facts.issue
    return f"Parked as {known.cause if known else cause}. {known.remedy if known else ''}".rstrip()


def _differences(account_id: UUID, facts: Facts) -> str:
    preview = facts.preview
    if preview is None or not facts.differences:
        pending = preview is not None and preview.ending not in {Ending.UNCHANGED, Ending.DELETED}
        if pending and preview is not None:
            return f"A sync would end as {preview.ending}: `accountsync replay {account_id}` does it now."
        kept = ", ".join(field.name for field in preview.fields if field.kept_by_erp) if preview else ""
        if kept:
            return f"Nothing: all was sent. {facts.erp} keeps another value of its own in {kept}."
        return "Nothing: the customer is as the account wants it." if preview else ""
    sent = [field.name for field in facts.differences if field.sent]
    others = [field.name for field in facts.differences if not field.sent]
    replay = f"`accountsync replay {account_id}`"
    if sent:
        return f"{', '.join(sent)} changed in Sales and did not arrive yet: wait for the event, or {replay}."
    return f"{', '.join(others)} changed in {facts.erp}: {replay} sets them to the account's values."


def _command(preview: Preview) -> str:
    """Return the command that maps the value, if the account is parked for one without a usable row."""
    problem = preview.problem
    if problem is None or problem.cause not in {*_ROWS, Cause.UNMAPPED_VALUE}:
        return ""
    table, of_values, name = problem.value.partition("|")
    if problem.field and of_values:
        return f" `accountsync mapping set {shlex.quote(table)} {shlex.quote(name)} CODE` does it."
    if problem.cause not in _ROWS or not preview.currency:
        return ""
    return f" `accountsync currency set {shlex.quote(preview.currency)} CODE` does it."
