"""Checks accounts again: first shows what a check of each would do now, then sends the checks."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from starlette.responses import Response

from shared.console.desk import Desk, Form, RefusedError
from shared.console.people import Person, Role
from shared.diagnostics.preview import Preview
from shared.model.faults import Fault
from shared.resilience.replay import Asked

MOST_OF_OPERATOR, MOST = 100, 1000
PREVIEWED = 10
_AT_ONCE = 4


async def show(desk: Desk) -> Response:
    """Show what the checks would do, field by field for the first accounts."""
    return await _plan(desk, await _wanted(desk, await desk.form()))


async def send(desk: Desk) -> Response:
    """Store the action, then send the checks."""
    form = await desk.form()
    accounts, why = await _wanted(desk, form), form.why()
    if len(accounts) > MOST_OF_OPERATOR and form.text("number").replace(",", "") != str(len(accounts)):
        return await _plan(desk, accounts, f"Type {len(accounts)} to confirm the number of accounts.")
    action = await desk.act("replay", accounts, why)
    asked = Asked(str(desk.person.id), why or "asked for on the page")
    sent = await desk.operator.replay.accounts(accounts, asked)
    if not sent:
        raise RefusedError("The app knows nothing of this account: save it again in Sales.", 404)
    return desk.done(action)


async def _plan(desk: Desk, accounts: Sequence[UUID], trouble: str = "") -> Response:
    previews = await _previews(desk, accounts[:PREVIEWED])
    named = await desk.operator.name_accounts.of(accounts[:PREVIEWED])
    return desk.show(
        "replay.html",
        accounts=accounts,
        previews=previews,
        named=named,
        trouble=trouble,
        typed=len(accounts) > MOST_OF_OPERATOR,
    )


async def _wanted(desk: Desk, form: Form) -> list[UUID]:
    """Return the chosen accounts, or all of a group. Raises RefusedError."""
    accounts = form.accounts()
    if form.has("all"):
        rows = await desk.operator.ports.issues.report(form.text("key"))
        field = form.text("field")  # one key can be of several groups: each field that is refused is one
        accounts = list(dict.fromkeys(row.account_id for row in rows if row.field == field))
    if not accounts:
        raise RefusedError("No account was chosen. Tick the accounts to check, then try again.")
    if refusal := too_many(len(accounts), desk.person):
        raise RefusedError(refusal, 403)
    return accounts


def too_many(count: int, person: Person) -> str:
    """Say why the person may not have so many accounts checked at once, if that is so."""
    if count > MOST:
        return f"At most {MOST:,} accounts can be checked at once; choose some of them."
    if count > MOST_OF_OPERATOR and not person.administers:
        return f"More than {MOST_OF_OPERATOR} accounts at once need the role {Role.ADMINISTRATOR}."
    return ""


async def _previews(desk: Desk, accounts: Sequence[UUID]) -> list[tuple[UUID, Preview | None, str]]:
    """Preview each account: the preview, or why there is none."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def preview(account_id: UUID) -> tuple[UUID, Preview | None, str]:
        async with gate:
            try:
                return account_id, await desk.operator.preview.of(account_id, replay=True), ""
            except Fault as fault:
                return account_id, None, str(fault)

    return list(await asyncio.gather(*map(preview, accounts)))
