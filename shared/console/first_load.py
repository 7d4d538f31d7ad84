"""The first load: counted before it starts, started, steered, and reported."""

import asyncio
from datetime import date

from starlette.responses import Response

from shared.console.confirming import Question, asked
from shared.console.desk import Desk, Form, RefusedError
from shared.diagnostics.load_sheet import load_rows
from shared.load.steer import NoSuchLoadError, Wanted
from shared.model.faults import ConditionRefused
from shared.model.load import LONGEST_CONDITION, LoadRun, Selection

COUNTED, LONGEST_COUNT = 1000, 40.0  # accounts and seconds of the preview of a whole load
_MOST = 10_000_000
_HERE = "Runs"


async def plan(desk: Desk) -> Response:
    """Count the accounts, and what the load would do with them; nothing is started."""
    form, steer = await desk.form(), desk.operator.run_cases.steer_load
    selection, limit = _selection(form), form.number("limit", 0, _MOST)
    rate = form.number("rate", 0, _MOST)
    try:
        await steer.may_start(selection)
        async with asyncio.timeout(LONGEST_COUNT):
            total = await steer.count(selection, limit)
    except ConditionRefused as refusal:
        raise RefusedError(f"{refusal} Nothing was started.") from refusal
    except TimeoutError:
        message = "Sales has too many such accounts to count them for a page. Give a limit or a condition."
        raise RefusedError(message) from None
    most = min(limit or COUNTED, COUNTED)
    counts = await desk.operator.count_plan.of(selection, most, longest=LONGEST_COUNT)
    return desk.show(
        "load_plan.html", selection=selection, limit=limit, rate=rate, total=total, counts=counts
    )


async def start(desk: Desk) -> Response:
    """Store the action, then start the load that was shown."""
    form, steer = await desk.form(), desk.operator.run_cases.steer_load
    wanted = Wanted(
        selection=_selection(form),
        by=str(desk.person.id),
        max_creates=form.number("max_creates", 0, _MOST, needed=True),
        limit=form.number("limit", 0, _MOST),
        rate=form.number("rate", 0, _MOST),
        total=form.number("total", 0, _MOST),
    )
    await steer.may_start(wanted.selection)
    action = await desk.act("load", [f"may create {wanted.max_creates}"], form.why(), wanted.total)
    await steer.start(wanted)
    return desk.done(action)


async def pause(desk: Desk) -> Response:
    """Send no more checks, once that is confirmed."""
    lead = "No more checks are sent until somebody resumes the load. Checks that are queued are still made."
    form, run, page = await _asked(desk, "Pause the load", lead, "pause")
    if page is not None:
        return page
    action = await desk.act("load-pause", [run.id], form.why(), run.sent)
    await desk.operator.run_cases.steer_load.pause(str(desk.person.id))
    return desk.done(action)


async def cancel(desk: Desk) -> Response:
    """End the load, once that is confirmed."""
    lead = "The load ends here and cannot be resumed. Checks that are queued are still made."
    form, run, page = await _asked(desk, "Cancel the load", lead, "cancel")
    if page is not None:
        return page
    action = await desk.act("load-cancel", [run.id], form.why(), run.sent)
    await desk.operator.run_cases.steer_load.cancel(str(desk.person.id))
    return desk.done(action)


async def resume(desk: Desk) -> Response:
    """Go on, with the limit and the rate that the person gives."""
    form, run = await desk.form(), await _newest(desk)
    if not form.has("sure"):
        return desk.show("load_resume.html", load=run)
    most, rate = form.number("max_creates", 0, _MOST, needed=True), form.number("rate", 0, _MOST)
    action = await desk.act("load-resume", [run.id, f"may create {most}"], form.why(), run.sent)
    await desk.operator.run_cases.steer_load.resume(most, rate)
    return desk.done(action)


async def report(desk: Desk) -> Response:
    """Count how the checks ended, in one walk through the table of the accounts."""
    run = await _newest(desk)
    found = await desk.operator.run_cases.report_load.of(run)
    return desk.show("load_report.html", load=run, found=found)


async def as_workbook(desk: Desk) -> Response:
    """Send how each check ended, as `accountsync load report --export` writes it."""
    run, naming = await _newest(desk), desk.operator.name_accounts
    rows = await load_rows(run, desk.operator.run_cases.report_load, naming, desk.erp)
    return desk.file("first-load.xlsx", rows, "First load")


async def _newest(desk: Desk) -> LoadRun:
    run = await desk.operator.run_cases.steer_load.newest()
    if run is None:
        raise NoSuchLoadError("There was no first load yet: the page Runs starts one.")
    return run


async def _asked(desk: Desk, button: str, lead: str, do: str) -> tuple[Form, LoadRun, Response | None]:
    """Return the form, the load, and the page that asks, unless the person has confirmed."""
    form, run = await desk.form(), await _newest(desk)
    fields = {"run": str(run.id)}
    question = Question(button, lead, f"/runs/load/{do}", "/runs", _HERE, fields, risky=do == "cancel")
    page = asked(desk, form, question)
    if page is None and form.text("run") != str(run.id):
        raise RefusedError("Another load was started meanwhile; nothing was done. See the page Runs.", 409)
    return form, run, page


def _selection(form: Form) -> Selection:
    """Return which accounts are meant. Raises RefusedError."""
    since = form.text("changed_since")
    try:
        changed_since = date.fromisoformat(since) if since else None
    except ValueError:
        raise RefusedError("The day must be written as year-month-day, such as 2026-11-30.") from None
    return Selection(form.text("where", LONGEST_CONDITION), changed_since)
