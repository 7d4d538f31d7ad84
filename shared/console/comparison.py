"""The comparison of both systems: started, cancelled, its differences shown, and checks sent for them."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from starlette.responses import Response

from shared.console.confirming import Question, asked
from shared.console.desk import Desk, Form, RefusedError
from shared.console.replaying import MOST, MOST_OF_OPERATOR
from shared.diagnostics.difference_sheet import difference_rows, values_of_all
from shared.diagnostics.name_accounts import Named
from shared.load.cancel_reconcile import NoRunError, cancel_run
from shared.load.reconcile import GoesOnAlreadyError
from shared.load.repair import what_to_do
from shared.model.reconciliation import REPAIRABLE, Difference, Kind, Reconciliation
from shared.resilience.replay import Asked

SHOWN, PREVIEWED = 100, 10  # accounts of one kind, and those whose values are shown before a repair
_LONGEST_VALUES, _LONGEST_EXPORT = 15.0, 40.0  # seconds
_HERE = "Runs"
_GONE = "Another comparison was started meanwhile; nothing was done. See the page Runs."


class Group(NamedTuple):
    """The differences of one kind; `number` counts also those that were not kept. `remedy` is that of all."""

    kind: Kind
    number: int
    found: Sequence[Difference]
    remedies: Sequence[str]
    repairable: bool

    @property
    def shown(self) -> Sequence[tuple[Difference, str]]:
        """The first of them, each with what to do about it."""
        return list(zip(self.found, self.remedies, strict=True))[:SHOWN]


async def start(desk: Desk) -> Response:
    """Start a run, once that is confirmed."""
    lead = (
        f"The app reads all accounts of Sales and all customers of {desk.erp}, page by page, and keeps what "
        "differs. Nothing is written to either system."
    )
    form = await desk.form()
    question = Question("Compare both systems", lead, "/runs/compare", "/runs", _HERE)
    if (page := asked(desk, form, question)) is not None:
        return page
    reconcile = desk.operator.reconcile
    if (newest := await reconcile.newest()) is not None and reconcile.goes_on(newest):
        raise GoesOnAlreadyError(newest.id)
    action = await desk.act("compare", [], form.why())
    await reconcile.start(str(desk.person.id))
    return desk.done(action)


async def cancel(desk: Desk) -> Response:
    """End the run that goes on, once that is confirmed."""
    form, run = await desk.form(), await _newest(desk)
    lead = "No further accounts are compared. What was found so far is kept."
    fields = {"run": run.id}
    question = Question(
        "Cancel the comparison", lead, "/runs/compare/cancel", "/runs", _HERE, fields, risky=True
    )
    if (page := asked(desk, form, question)) is not None:
        return page
    if form.text("run") != run.id:
        raise RefusedError(_GONE, 409)
    action = await desk.act("compare-cancel", [run.id], form.why(), run.accounts)
    await cancel_run(desk.operator.ports.runs, desk.operator.ports.clock, str(desk.person.id))
    return desk.done(action)


async def show(desk: Desk) -> Response:
    """Show what the newest run found, by kind."""
    run = await _newest(desk)
    found = await desk.operator.reconcile.kept.of_run(run.id)
    groups = grouped(run, found, desk.erp)
    shown = [one.account_id for group in groups for one, _ in group.shown]
    named = await desk.operator.name_accounts.of(shown) if desk.person.operates else Named({})
    return desk.show("comparison.html", run=run, groups=groups, named=named)


async def as_workbook(desk: Desk) -> Response:
    """Send the differences with the values as they are now, as far as these can be read in time."""
    run = await _newest(desk)
    found = await desk.operator.reconcile.kept.of_run(run.id)
    values = await values_of_all(desk.operator.reconcile.decide, found, longest=_LONGEST_EXPORT)
    naming = desk.operator.name_accounts
    named = await naming.all_of([one.account_id for one in found])
    rows = difference_rows(found, values, named, naming, desk.erp)
    return desk.file("differences.xlsx", rows, "Differences")


async def repair(desk: Desk) -> Response:
    """Show what the checks would change, with the values as they are now; once confirmed, send them."""
    form, run = await desk.form(), await _newest(desk)
    wanted = await _wanted(desk, form, run)
    if not form.has("sure"):
        return await _plan(desk, run, wanted)
    if len(wanted) > MOST_OF_OPERATOR and form.text("number").replace(",", "") != str(len(wanted)):
        return await _plan(desk, run, wanted, f"Type {len(wanted)} to confirm the number of accounts.")
    action = await desk.act("repair", [one.account_id for one in wanted], form.why())
    why = f"comparison {run.id} {form.why()}".strip()
    await desk.operator.repair.send(wanted, Asked(str(desk.person.id), why))
    return desk.done(action)


async def _plan(desk: Desk, run: Reconciliation, wanted: Sequence[Difference], trouble: str = "") -> Response:
    first = wanted[:PREVIEWED]
    values = await values_of_all(desk.operator.reconcile.decide, first, longest=_LONGEST_VALUES)
    return desk.show(
        "repair.html",
        run=run,
        wanted=wanted,
        first=list(zip(first, values, strict=True)),
        named=await desk.operator.name_accounts.of([one.account_id for one in first]),
        trouble=trouble,
        typed=len(wanted) > MOST_OF_OPERATOR,
    )


async def _wanted(desk: Desk, form: Form, run: Reconciliation) -> list[Difference]:
    """Return the differences that were chosen, or all of one kind. Raises RefusedError."""
    if form.text("run") != run.id:
        raise RefusedError(_GONE, 409)
    kind, chosen = form.text("kind"), set(form.accounts())
    found = [one for one in await desk.operator.reconcile.kept.of_run(run.id) if one.kind in REPAIRABLE]
    wanted = [one for one in found if (one.kind == kind if form.has("all") else one.account_id in chosen)]
    if not wanted:
        raise RefusedError("No account was chosen. Tick the accounts to check, then try again.")
    return wanted[:MOST]


async def _newest(desk: Desk) -> Reconciliation:
    run = await desk.operator.reconcile.newest()
    if run is None:
        raise NoRunError("Both systems were never compared: the page Runs does it.")
    return run


def grouped(run: Reconciliation, found: Sequence[Difference], erp: str) -> list[Group]:
    """Group the differences by kind, in the order of the kinds."""
    ordered = sorted(found, key=lambda one: [*Kind].index(one.kind))
    return [
        Group(kind, run.found.get(kind, len(rows)), rows, remedies, kind in REPAIRABLE)
        for kind, group in groupby(ordered, key=lambda one: one.kind)
        for rows in [list(group)]
        for remedies in [[what_to_do(one, erp) for one in rows]]
    ]
