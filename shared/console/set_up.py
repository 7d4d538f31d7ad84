"""What the doctor found in its newest check of the set-up, and the button for a new one."""

from collections.abc import Sequence
from uuid import uuid4

from starlette.responses import Response

from shared.console.desk import Desk
from shared.diagnostics.doctor.diagnose import EVERY
from shared.diagnostics.doctor.mappings import without_values
from shared.model.diagnosis import ORDER
from shared.model.finding import Finding, Grade

_STALE = 2 * EVERY


async def show(desk: Desk) -> Response:
    """Show the findings, errors first."""
    diagnoses, now = desk.operator.clients.diagnoses, desk.operator.ports.clock.now()
    newest, standing = await diagnoses.newest(), await diagnoses.standing()
    graded = [(grade, _shown(desk, newest.graded(grade))) for grade in ORDER] if newest else []
    return desk.show(
        "set_up.html",
        newest=newest,
        graded=[(grade, findings) for grade, findings in graded if findings],
        errors=len(newest.graded(Grade.ERROR)) if newest else 0,
        waits=standing.request != standing.answered,
        stale=newest is not None and now - newest.at > _STALE,
    )


def _shown(desk: Desk, findings: Sequence[Finding]) -> Sequence[Finding]:
    return findings if desk.person.operates else [without_values(finding) for finding in findings]


async def check(desk: Desk) -> Response:
    """Ask the app for a new check."""
    form = await desk.form()
    action = await desk.act("check-up", [], form.why())
    await desk.operator.clients.diagnoses.ask(uuid4().hex)
    return desk.done(action)
