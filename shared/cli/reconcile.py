"""`accountsync reconcile`: compares both systems, shows the differences, and has the accounts checked.

`accountsync reconcile cancel` ends a run.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from shared.cli.exits import CommandError, Exit
from shared.cli.options import By, DryRun, Yes
from shared.cli.output import Output, counted
from shared.cli.reconcile_report import Report, report_as_json, say_report, write_file
from shared.cli.session import ask, command
from shared.load.cancel_reconcile import cancel_run
from shared.load.reconcile import GoesOnAlreadyError, Reconcile
from shared.model.reconciliation import REPAIRABLE, Difference, Reconciliation, RunState
from shared.resilience.replay import Asked
from shared.wiring.operator import Operator
from shared.wiring.reconcile import reconcile_of, repair_of

_LOOK = 2.0  # seconds between two looks at the run
_PATIENCE = 600.0  # seconds without a new page after which the command stops waiting

app = typer.Typer(invoke_without_command=True)


@app.callback(epilog="Example: accountsync reconcile --repair --max 50")
@command
async def reconcile(  # noqa: PLR0913 - each is an option
    operator: Operator,
    output: Output,
    *,
    by: By,
    last: Annotated[
        bool, typer.Option("--last", help="Show the newest run, or wait for it, instead of starting one.")
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Have the accounts that differ checked.")] = False,
    most: Annotated[int, typer.Option("--max", min=1, help="Repair so many accounts at most.")] = 100,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", help="Write the differences with their values to this .xlsx or .csv.", dir_okay=False
        ),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Start the run and end.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Compare all accounts with their customers, and all customers with their accounts.

    The app does the work, so the command may be stopped. Nothing is written to Sales or the ERP without
    --repair. An exported file holds names and values.
    """
    if no_wait and (repair or export is not None or last):
        raise CommandError(Exit.USAGE, "With --no-wait there is no result to show, repair or export yet.")
    use_case = reconcile_of(operator)
    run = await (_newest(use_case) if last else _started(use_case, by))
    if no_wait:
        output.json({"run": run.id}) if output.as_json else output.text(
            f"Run {run.id} was started; `accountsync reconcile --last` waits for its end."
        )
        return
    run = await _ended(operator, use_case, output, run)
    found = await use_case.kept.of_run(run.id)
    report = Report(run, found, await operator.name_accounts.all_of([one.account_id for one in found]))
    if not output.as_json:
        say_report(operator, output, report)
    if export is not None:
        await write_file(operator, use_case.decide, output, report, export)
    wanted = [one for one in found if one.kind in REPAIRABLE][:most] if repair else []
    sent = await _repaired(operator, wanted, Asked(by, f"reconcile {run.id}"), asks=not yes, dry_run=dry_run)
    if output.as_json:
        output.json(report_as_json(operator, report, wanted, sent))
    elif repair:
        _say_repair(output, report, wanted, sent)
    _end(run)


@app.command(epilog="Example: accountsync reconcile cancel")
@command
async def cancel(operator: Operator, output: Output, by: By) -> None:
    """End the run that goes on. What it found so far is kept: `accountsync reconcile --last` shows it."""
    run = await cancel_run(operator.ports.runs, operator.ports.clock, by)
    if output.as_json:
        output.json({"run": run.id, "state": run.state})
    else:
        done = f"{counted(run.accounts, 'account')} and {counted(run.customers, 'customer')} were compared"
        output.text(f"Run {run.id} is cancelled; {done}.")


async def _repaired(
    operator: Operator, wanted: Sequence[Difference], asked: Asked, *, asks: bool, dry_run: bool
) -> int:
    """Have these accounts checked, after asking. Returns how many checks were sent."""
    if not wanted or dry_run:
        return 0
    if asks:
        ask(f"Have {counted(len(wanted), 'account')} checked?")
    return await repair_of(operator).send(wanted, asked)


def _end(run: Reconciliation) -> None:
    """End with the exit code of what the run found."""
    if run.state in {RunState.STOPPED, RunState.CANCELLED}:
        raise CommandError(Exit.REFUSED, f"Run {run.id} was stopped: {run.reason} {run.remedy}")
    if run.differences:
        raise typer.Exit(int(Exit.REFUSED))


async def _started(use_case: Reconcile, by: str) -> Reconciliation:
    try:
        return await use_case.start(by)
    except GoesOnAlreadyError as error:
        raise CommandError(Exit.REFUSED, str(error)) from error


async def _newest(use_case: Reconcile) -> Reconciliation:
    if (run := await use_case.newest()) is None:
        message = "Both systems were never compared: `accountsync reconcile` does it."
        raise CommandError(Exit.NOT_FOUND, message)
    return run


async def _ended(
    operator: Operator, use_case: Reconcile, output: Output, run: Reconciliation
) -> Reconciliation:
    """Wait for the end of the run. Raises CommandError if it makes no progress."""
    clock = operator.ports.clock
    page, since = run.page, clock.now()
    with output.progress() as progress:
        bar = progress.add_task("", total=None)
        while run.state is RunState.RUNNING:
            progress.update(bar, description=_progress(run))
            if run.page != page:
                page, since = run.page, clock.now()
            elif (clock.now() - since).total_seconds() > _PATIENCE:
                raise CommandError(Exit.UNAVAILABLE, _no_progress(run))
            await clock.sleep(_LOOK)
            newest = await _newest(use_case)
            if newest.id != run.id:
                message = f"Another run was started meanwhile, {newest.id}: `accountsync reconcile --last`."
                raise CommandError(Exit.CONFLICT, message)
            run = newest
    return run


def _progress(run: Reconciliation) -> str:
    done = f"{counted(run.accounts, 'account')}, {counted(run.customers, 'customer')} compared"
    return f"{done}; {counted(run.differences, 'difference')}"


def _no_progress(run: Reconciliation) -> str:
    why = run.reason or "see that the app runs, and that its function load_page is enabled"
    return (
        f"Run {run.id} has made no progress for {_PATIENCE / 60:.0f} minutes: {why}. If it goes on, "
        "`accountsync reconcile --last` shows its result."
    )


def _say_repair(output: Output, report: Report, wanted: Sequence[Difference], sent: int) -> None:
    """Say what was sent, or would be, and how many differences are left for another time."""
    left = sum(one.kind in REPAIRABLE for one in report.found) - len(wanted)
    output.text()
    if not wanted:
        output.text("Nothing here is put right by a check.")
    elif sent:
        output.text(f"{counted(sent, 'check')} sent; `accountsync reconcile` shows later what is left.")
    else:
        output.text(f"{counted(len(wanted), 'check')} would be sent.")
    if left:
        output.text(f"{counted(left, 'account')} more: give a larger --max, or repair again.")
