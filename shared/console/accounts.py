"""One account: found by whatever people call it, explained, and separated from its customer."""

from starlette.responses import RedirectResponse, Response

from shared.console import words
from shared.console.attempts import drawn
from shared.console.desk import Desk, RefusedError
from shared.console.missing import Missing, currencies_for, missing
from shared.console.rendering import BASE
from shared.diagnostics.find_account import NoSuchAccountError
from shared.model.issue import Issue
from shared.model.outcome import Cause
from shared.resilience.replay import Asked
from shared.resilience.unlink import NothingToUnlink, StillOpen, Unlinked

LONGEST_SEARCH = 200


async def ask(desk: Desk) -> Response:
    """Show the search."""
    return desk.show("accounts.html", text="", found=[], named=None, trouble="")


async def search(desk: Desk) -> Response:
    """Go to the account that was meant, or list those that it may be."""
    text = (await desk.form()).text("text", LONGEST_SEARCH)
    if not text:
        return await ask(desk)
    try:
        found = await desk.operator.find_account.all(text)
    except NoSuchAccountError as error:
        return desk.show("accounts.html", text=text, found=[], named=None, trouble=str(error))
    if len(found) == 1:
        return RedirectResponse(f"{BASE}/account?id={found[0]}", 303)
    named = await desk.operator.name_accounts.of(found)
    return desk.show("accounts.html", text=text, found=found, named=named, trouble="")


async def show(desk: Desk) -> Response:
    """Explain the account; without names and values for readers."""
    return await (_explained(desk) if desk.person.operates else _outlined(desk))


async def _outlined(desk: Desk) -> Response:
    stored = await desk.operator.ports.states.get(desk.account())
    state = stored.state if stored else None
    return desk.show("account_outline.html", account_id=desk.account(), state=state, **drawn(state))


async def _explained(desk: Desk) -> Response:
    account_id = desk.account()
    found = await desk.operator.explain.of(account_id)
    named = await desk.operator.name_accounts.of([account_id])
    customer = found.state.customer if found.state else None
    preview = found.preview
    needed = await _missing(desk, preview.currency if preview else None, found.issue)
    problem = preview.problem if preview else None
    customer = customer or (preview.customer if preview and preview.exists_in_operations else None)
    return desk.show(
        "account.html",
        found=found,
        name=named.of(account_id),
        trouble=named.trouble,
        customer=customer,
        links=desk.operator.name_accounts.links(account_id, customer),
        erp_link=str(desk.operator.erp.capabilities.system),
        title=_title(desk, found.issue, needed),
        step=found.next_step.replace(f"Parked as {problem}. ", "") if problem else found.next_step,
        missing=needed,
        **drawn(found.state),
    )


async def unlink(desk: Desk) -> Response:
    """Say what unlinking does; once that is confirmed, store the action and do it."""
    form = await desk.form()
    (account_id, *_) = form.accounts() or [desk.account()]
    if not form.has("sure"):
        return desk.show("unlink.html", account_id=account_id)
    action = await desk.act("unlink", [account_id], form.why())
    match await desk.operator.unlink.account(account_id, Asked(str(desk.person.id), form.why())):
        case Unlinked():
            return desk.done(action)
        case StillOpen(until):
            message = (
                f"A request to {desk.erp} about this account may still take effect until "
                f"{until:%Y-%m-%d %H:%M:%S} UTC. Nothing was changed: check the account again after that, "
                "then unlink it."
            )
            raise RefusedError(message, 409)
        case NothingToUnlink():
            raise RefusedError("This account is linked to no customer: there is nothing to unlink.", 409)


def _title(desk: Desk, issue: Issue | None, needed: Missing | None) -> str:
    if issue is None:
        return ""
    return words.title(issue.cause, needed.name if needed else issue.value, issue.field, desk.erp)


async def _missing(desk: Desk, currency: str | None, issue: Issue | None) -> Missing | None:
    """Return the value for lack of whose row the account is parked, if that is so."""
    if issue is None:
        return None
    value = (currency or "") if issue.cause == Cause.UNMAPPED_CURRENCY else issue.value
    return missing(desk, issue.cause, value, await currencies_for(desk, {issue.cause}))
