"""`accountsync doctor`: whether the set-up is right, as the app found it and as the operator finds it."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, NamedTuple
from uuid import uuid4

import typer

from shared.cli.exits import Exit
from shared.cli.output import Output, counted
from shared.cli.session import command
from shared.diagnostics.doctor.diagnose import EVERY
from shared.diagnostics.doctor.settings import wrong_settings
from shared.environment import SettingsError
from shared.model.diagnosis import ORDER, Diagnosis
from shared.model.faults import Fault
from shared.model.finding import Finding, Grade
from shared.wiring.doctor import doctor_of_operator
from shared.wiring.operator import Operator

WAIT_SECONDS = 180.0  # the app asks once a minute, and may take half a minute
PAUSE_SECONDS = 2.0
_TITLES = {
    Grade.ERROR: ("Errors", "red"),
    Grade.WARNING: ("Warnings", "yellow"),
    Grade.NOT_CHECKED: ("Not checked", "yellow"),
    Grade.FINE: ("Fine", "green"),
}
_NO_RESULT = "the app's check"
_STALE = EVERY + timedelta(hours=1)


class Told(NamedTuple):
    """A finding, and whose it is."""

    whose: str
    finding: Finding


def settings_wrong(error: SettingsError, output: Output) -> None:
    """Show settings that cannot be used as findings; then nothing else can be checked."""
    what = "Nothing else can be checked with these settings."
    other = Finding(
        _NO_RESULT, Grade.NOT_CHECKED, what, "Its result is in a table.", "Correct the settings, then go on."
    )
    _show(output, None, [Told("you", finding) for finding in (*wrong_settings(error.problems), other)])


@partial(command, settings_wrong=settings_wrong)
async def doctor(
    operator: Operator,
    output: Output,
    now: Annotated[
        bool, typer.Option("--now", help="Ask the app for a new check, and wait up to 3 minutes for it.")
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="With --now, do not wait: show what there is.")
    ] = False,
) -> None:
    """Show whether the set-up is right: the app's newest check, and your own. 1 if there is an error."""
    own = asyncio.create_task(doctor_of_operator(operator).examine())
    newest, told = await _of_app(operator, output, now=now, wait=not no_wait)
    told += [Told("you", finding) for finding in await own]
    _show(output, newest, told)


async def _of_app(
    operator: Operator, output: Output, *, now: bool, wait: bool
) -> tuple[Diagnosis | None, list[Told]]:
    """Return the app's newest check with its findings; what is missing of it is a finding too."""
    missing: list[Finding] = []
    try:
        if now and not await _asked(operator, output, wait=wait):
            missing.append(_no_answer())
        newest = await operator.clients.diagnoses.newest()
    except Fault as fault:
        remedy = (
            "Check the address of the tables and your role Storage Table Data Reader or Contributor there."
        )
        missing.append(Finding(_NO_RESULT, Grade.ERROR, str(fault), "Its result is in a table.", remedy))
        newest = None
    if newest is None and not missing:
        missing.append(_none_yet())
    if newest and not missing and operator.ports.clock.now() - newest.at > _STALE:
        missing.append(_stale(newest))
    found = newest.findings if newest else ()
    return newest, [Told("you", one) for one in missing] + [Told("app", one) for one in found]


async def _asked(operator: Operator, output: Output, *, wait: bool) -> bool:
    """Ask the app for a check and, if wanted, wait for it. False if it does not come in time."""
    diagnoses = operator.clients.diagnoses
    await diagnoses.ask(uuid4().hex)
    output.note("The app makes the check within about a minute ...")
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while wait and (standing := await diagnoses.standing()).request != standing.answered:
                await operator.ports.clock.sleep(PAUSE_SECONDS)
    except TimeoutError:
        return False
    return True


def _no_answer() -> Finding:
    what = f"The app did not make the check within {WAIT_SECONDS:.0f} s; what is shown of it is older."
    why = "An app that does not run its timers does not run at all, or cannot reach its tables."
    remedy = "Start the app, and see in its log why it does not start; then call `accountsync doctor --now`."
    return Finding(_NO_RESULT, Grade.ERROR, what, why, remedy)


def _stale(newest: Diagnosis) -> Finding:
    what = f"The app's newest check is of {newest.at:%Y-%m-%d}; it makes one each day."
    why = "An app that does not run its timers does not run at all."
    return Finding(_NO_RESULT, Grade.ERROR, what, why, "Start the app, and see in its log why it stopped.")


def _none_yet() -> Finding:
    what = "The app has made no check yet."
    why = "Only the app can check its own identity, rights and network."
    remedy = "Start the app: it makes one within a minute. Or wait for it with `accountsync doctor --now`."
    return Finding(_NO_RESULT, Grade.ERROR, what, why, remedy)


def _show(output: Output, newest: Diagnosis | None, told: Sequence[Told]) -> None:
    errors = sum(one.finding.grade is Grade.ERROR for one in told)
    if output.as_json:
        output.json(_as_json(newest, told, errors))
    else:
        _say(output, newest, told, errors)
    if errors:
        raise typer.Exit(int(Exit.REFUSED))


def _as_json(newest: Diagnosis | None, told: Sequence[Told], errors: int) -> dict[str, object]:
    app = newest and {"at": newest.at, "build": newest.build, "identity": newest.identity}
    findings = [{"whose": one.whose, **_members(one.finding)} for one in told]
    return {"app": app, "errors": errors, "findings": findings}


def _members(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "grade": str(finding.grade),
        "what": finding.what,
        "why": finding.why,
        "remedy": finding.remedy,
    }


def _say(output: Output, newest: Diagnosis | None, told: Sequence[Told], errors: int) -> None:
    if newest:
        made = f"The app's check of {newest.at:%Y-%m-%d %H:%M:%S} UTC, build {newest.build}"
        output.text(f"{made}, made as {newest.identity}.")
        output.text("[app]: found by the app. [you]: found now, with your own rights and settings.")
        output.text()
    for grade in ORDER:
        if graded := _merged(one for one in told if one.finding.grade is grade):
            title, style = _TITLES[grade]
            output.text(title, style)
            for finding, whose in graded.items():
                _say_one(output, finding, ", ".join(whose))
            output.text()
    output.text(f"{counted(errors, 'error')}." if errors else "No error was found.")


def _merged(told: Iterable[Told]) -> dict[Finding, list[str]]:
    """Return each finding once, with whose it is."""
    found: dict[Finding, list[str]] = {}
    for whose, finding in told:
        found.setdefault(finding, []).append(whose)
    return found


def _say_one(output: Output, finding: Finding, whose: str) -> None:
    output.text(f"[{whose}] {finding.check}: {finding.what}", indent=2)
    if finding.grade is not Grade.FINE:
        for text in (finding.why, finding.remedy):
            output.text(text, indent=8)
