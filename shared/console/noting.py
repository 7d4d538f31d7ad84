"""Marks parked accounts as seen, with a note for those who come after."""

from collections.abc import Sequence

from starlette.responses import Response

from shared.console.desk import LONGEST_WHY, Desk, Form, RefusedError
from shared.model.issue import Issue, Seen

NAMED = 20


async def show(desk: Desk) -> Response:
    """Ask for the note; of one account, the note so far can be changed."""
    rows = await _chosen(desk, await desk.form())
    seen = rows[0].seen if len(rows) == 1 else None
    named = await desk.operator.name_accounts.of([row.account_id for row in rows[:NAMED]])
    return desk.show("note.html", rows=rows, named=named, shown=NAMED, note=seen.note if seen else "")


async def save(desk: Desk) -> Response:
    """Store the action, then the mark on each account that is still parked for this."""
    form = await desk.form()
    rows, note = await _chosen(desk, form), form.text("note", LONGEST_WHY)
    action = await desk.act("note", [row.account_id for row in rows], note)
    seen = Seen(str(desk.person.id), desk.operator.ports.clock.now().isoformat(), note)
    for row in rows:
        await desk.operator.ports.issues.mark_seen(row.key, row.account_id, seen)
    return desk.done(action)


async def _chosen(desk: Desk, form: Form) -> Sequence[Issue]:
    """Return the rows of the chosen accounts that are parked for this cause. Raises RefusedError."""
    chosen = set(form.accounts())
    if not chosen:
        raise RefusedError("No account was chosen. Tick the accounts, then try again.")
    rows = await desk.operator.ports.issues.report(form.text("key"))
    found = [row for row in rows if row.account_id in chosen]
    if not found:
        raise RefusedError("None of them is parked for this any more. Look at the page Issues.", 409)
    return found
