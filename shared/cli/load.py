"""`accountsync load`: check the accounts that exist already, page by page; the app carries it out."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from shared.cli.exits import CommandError, Exit
from shared.cli.load_view import (
    as_json,
    follow,
    plan_as_json,
    print_load,
    print_plan,
    print_report,
    report_as_json,
)
from shared.cli.options import By, DryRun
from shared.cli.output import Output, counted
from shared.cli.session import command
from shared.diagnostics.count_plan import PlanCounts
from shared.diagnostics.load_sheet import load_rows
from shared.load.report import LoadReport
from shared.load.steer import NoSuchLoadError, Wanted
from shared.model.load import LoadRun, LoadState, Selection
from shared.wiring.operator import Operator

app = typer.Typer(no_args_is_help=True, help="The first load: check the accounts that exist already.")

NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the end; `load status` shows it.")]
Rate = Annotated[
    float | None, typer.Option("--rate", min=0.1, help="Checks a minute; without it, as fast as it goes.")
]
MaxCreates = Annotated[
    int | None,
    typer.Option("--max-creates", min=0, help="Customers that the load may create; then it is paused."),
]


@app.command(epilog="Example: accountsync load start --where 'statecode eq 0' --max-creates 5000")
@command
async def start(  # noqa: PLR0913, PLR0917 - the options of a command
    operator: Operator,
    output: Output,
    by: By,
    where: Annotated[
        str, typer.Option("--where", help="Only accounts that meet this $filter of the Web API of Sales.")
    ] = "",
    changed_since: Annotated[
        datetime | None,
        typer.Option(
            "--changed-since", help="Only accounts changed on this day or later.", formats=["%Y-%m-%d"]
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Check so many accounts at most; 0: all.")] = 0,
    rate: Rate = None,
    max_creates: MaxCreates = None,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
) -> None:
    """Start a load. Without --max-creates it first counts what it would create, and asks for the number."""
    selection = Selection(where, changed_since.date() if changed_since else None)
    steer = operator.run_cases.steer_load
    await (steer.try_condition(selection) if dry_run else steer.may_start(selection))
    total = await steer.count(selection, limit)
    if dry_run:
        plan = await _count(operator, output, selection, limit, total)
        _show_plan(output, plan)
        raise typer.Exit(int(Exit.REFUSED if plan.park else Exit.DONE))
    if max_creates is None:
        max_creates = _asked(output, await _count(operator, output, selection, limit, total))
    run = await steer.start(Wanted(selection, by, max_creates, limit, rate or 0, total))
    output.note(f"Load {run.id} is started: {counted(total, 'account')}.")
    await _to_the_end(operator, output, run, no_wait=no_wait)


@app.command(epilog="Example: accountsync load status --watch")
@command
async def status(
    operator: Operator,
    output: Output,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Show the progress until the load ends or stands, and then the report."),
    ] = False,
) -> None:
    """Show the newest load: its state, how far it is, its rate, and the time left.

    With --watch it ends as `load start` does: exit code 1 if the load stands or something is parked.
    """
    run = await operator.run_cases.steer_load.newest()
    if run is not None and watch:
        await _to_the_end(operator, output, run, no_wait=False)
        return
    if output.as_json:
        output.json(as_json(run, operator.ports.clock.now()))
    elif run is None:
        output.text("There was no load.")
    else:
        print_load(output, run, operator.ports.clock.now())
    if run is not None and run.state is LoadState.STOPPED:
        raise typer.Exit(int(Exit.REFUSED))


@app.command(epilog="Example: accountsync load pause")
@command
async def pause(operator: Operator, output: Output, by: By) -> None:
    """Send no more checks until `load resume`. Checks that are queued are still made."""
    _show(operator, output, await operator.run_cases.steer_load.pause(by))


@app.command(epilog="Example: accountsync load resume --max-creates 6000")
@command
async def resume(
    operator: Operator,
    output: Output,
    rate: Rate = None,
    max_creates: MaxCreates = None,
    no_wait: NoWait = False,
) -> None:
    """Go on with a load that was paused or stopped, where it stood."""
    run = await operator.run_cases.steer_load.resume(max_creates, rate)
    await _to_the_end(operator, output, run, no_wait=no_wait)


@app.command(epilog="Example: accountsync load cancel")
@command
async def cancel(operator: Operator, output: Output, by: By) -> None:
    """End the load: no more checks are sent. Those that are queued are still made.

    It says at least how many these are: the checks of a page that the app was sending just then are not
    counted, because it notes a page after it has sent it.
    """
    run, queued = await operator.run_cases.steer_load.cancel(by)
    if output.as_json:
        output.json({**as_json(run, operator.ports.clock.now()), "still_queued": queued})
    else:
        output.text(f"Load {run.id} is cancelled. Still queued: at least {counted(queued, 'check')}.")


@app.command(epilog="Example: accountsync load report --export load.xlsx")
@command
async def report(
    operator: Operator,
    output: Output,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", help="Write each account to this Excel (.xlsx) or CSV file.", dir_okay=False
        ),
    ] = None,
) -> None:
    """Count how the checks of the newest load ended: written, unchanged, filtered, parked by cause."""
    run = await operator.run_cases.steer_load.newest()
    if run is None:
        raise NoSuchLoadError("There is no load: `accountsync load start` starts one.")
    if export is not None:
        naming, erp = operator.name_accounts, operator.erp.capabilities.name
        lines = await load_rows(run, operator.run_cases.report_load, naming, erp)
        operator.sheets.write(export, lines, "First load")
        output.note(f"{counted(len(lines) - 1, 'account')} written to {export}.")
    found = await operator.run_cases.report_load.of(run)
    _show_report(operator, output, run, found)
    _exit_by(run, found)


async def _count(
    operator: Operator, output: Output, selection: Selection, limit: int, total: int
) -> PlanCounts:
    with output.progress() as progress:
        task = progress.add_task("Previewing", total=total)
        return await operator.count_plan.of(
            selection, limit, lambda done: progress.update(task, completed=done)
        )


def _show_plan(output: Output, plan: PlanCounts) -> None:
    if output.as_json:
        output.json(plan_as_json(plan))
    else:
        print_plan(output, plan)


def _asked(output: Output, plan: PlanCounts) -> int:
    """Return the limit that a person gives. Raises CommandError where nobody can be asked."""
    if output.as_json or not sys.stdin.isatty():
        raise CommandError(
            Exit.USAGE,
            f"The load would create {counted(plan.create, 'customer')}: give --max-creates N to start it.",
        )
    print_plan(output, plan)
    return typer.prompt("How many customers may the load create", default=plan.create, type=int, err=True)


async def _to_the_end(operator: Operator, output: Output, run: LoadRun, *, no_wait: bool) -> None:
    """Show the progress and then the report; or only the load, if nobody waits."""
    if no_wait:
        _show(operator, output, run)
        return
    run = await follow(operator, output, run)
    found = await operator.run_cases.report_load.of(run)
    _show_report(operator, output, run, found)
    _exit_by(run, found)


def _show(operator: Operator, output: Output, run: LoadRun) -> None:
    if output.as_json:
        output.json(as_json(run, operator.ports.clock.now()))
    else:
        print_load(output, run, operator.ports.clock.now())


def _show_report(operator: Operator, output: Output, run: LoadRun, found: LoadReport) -> None:
    erp, now = operator.erp.capabilities.name, operator.ports.clock.now()
    if output.as_json:
        output.json({**as_json(run, now), "report": report_as_json(found, erp)})
    else:
        print_load(output, run, now)
        print_report(output, found, erp)


def _exit_by(run: LoadRun, found: LoadReport) -> None:
    """End with code 1 if the load stands, or something is parked."""
    if found.parked or run.state in {LoadState.PAUSED, LoadState.STOPPED}:
        raise typer.Exit(int(Exit.REFUSED))
