"""How a load is shown: its progress, its facts, and its report, as text and as JSON."""

import asyncio
from datetime import datetime

from shared.cli.exits import CommandError, Exit
from shared.cli.output import Output, counted, duration, plain, shown
from shared.diagnostics.count_plan import PlanCounts
from shared.diagnostics.read_runs import rate_of, seconds_left
from shared.load.report import LoadReport
from shared.model.load import LoadRun, LoadState
from shared.model.outcome import Cause, remedy
from shared.wiring.operator import Operator

EVERY = 1.0  # seconds between two readings
PATIENCE = 300.0  # seconds without any progress


async def follow(operator: Operator, output: Output, run: LoadRun) -> LoadRun:
    """Show the progress until the load is over or stands. Raises CommandError if nothing moves for long."""
    steer, clock = operator.run_cases.steer_load, operator.ports.clock
    moved_at, patience = clock.now(), max(PATIENCE, 180 / run.rate if run.rate else 0)
    with output.progress() as progress:
        task = progress.add_task("Loading", total=run.total, completed=run.sent)
        while run.state is LoadState.RUNNING:
            await asyncio.sleep(EVERY)
            before, run = run, await steer.newest() or run
            rate = rate_of(run, clock.now())
            said = run.waits_for or (f"{rate:,.0f} checks a minute" if rate else "")
            progress.update(
                task, completed=run.sent, description=shown(f"Loading ({said})" if said else "Loading")
            )
            if (run.id, run.page, run.sent, run.state) != (before.id, before.page, before.sent, before.state):
                moved_at = clock.now()
            elif (clock.now() - moved_at).total_seconds() > patience:
                raise CommandError(Exit.UNAVAILABLE, _stands(run, patience))
    return run


def _stands(run: LoadRun, patience: float) -> str:
    why = f"; it waits for {run.waits_for}" if run.waits_for else ""
    return (
        f"Load {run.id} has not moved for {duration(patience)}{why}. It goes on by itself: `accountsync load "
        "status --watch`. If nothing is in trouble, `accountsync load resume` sends its page again."
    )


def as_json(run: LoadRun | None, now: datetime) -> dict[str, object]:
    """Return the facts of a load for scripts."""
    if run is None:
        return {"state": "none"}
    hidden = {"recent", "after", "organization_id", "held", "paced_until", "selection"}
    facts = {name: value for name, value in plain(run).items() if name not in hidden}
    return {
        **facts,
        "where": run.selection.where,
        "changed_since": str(run.selection.changed_since) if run.selection.changed_since else None,
        "checks_a_minute": round(rate_of(run, now), 1),
        "seconds_left": seconds_left(run, now),
    }


def print_load(output: Output, run: LoadRun, now: datetime) -> None:
    """Print the facts of a load, and what to do if it stands."""
    left = seconds_left(run, now)
    since = run.selection.changed_since
    output.record(
        f"Load {run.id}: {run.state}",
        [
            ("checks sent", f"{run.sent:,} of {run.total:,}"),
            ("rate", f"{rate_of(run, now):,.0f} checks a minute"),
            ("time left", duration(left) if left is not None else ""),
            ("begun (UTC)", run.begun_at),
            ("ended (UTC)", run.ended_at or ""),
            ("by", run.by),
            ("where", run.selection.where),
            ("changed since", since or ""),
            ("limit", counted(run.limit, "account") if run.limit else ""),
            ("may create", counted(run.max_creates, "customer")),
            ("waits for", run.waits_for),
            ("queue", _without_counts(run)),
            ("cause", run.cause),
            ("what to do", run.remedy),
        ],
    )


def _without_counts(run: LoadRun) -> str:
    if not run.counts_unknown:
        return ""
    return f"its counts are unknown, so the load goes by its own unfinished checks ({run.counts_unknown})"


def print_report(output: Output, found: LoadReport, erp: str) -> None:
    """Print how the checks ended."""
    rows = [
        ("written", found.written, f"{found.created:,} created, {found.updated:,} updated"),
        ("unchanged", found.unchanged, ""),
        ("filtered", found.filtered + found.deleted, ""),
        ("covered", found.covered, "an event had the account checked since the load began"),
        ("at work", found.at_work, "`accountsync explain` says what an account waits for"),
        ("open", found.open, "not checked yet, or gone from Sales before the check"),
        *((f"parked: {cause}", count, _remedy(cause, erp)) for cause, count in found.parked.items()),
    ]
    always = {"written", "unchanged", "filtered"}
    output.text()
    output.table(["Result", "Accounts", ""], [row for row in rows if row[1] or row[0] in always])


def report_as_json(found: LoadReport, erp: str) -> dict[str, object]:
    """Return the report for scripts."""
    parked = [
        {"cause": cause, "accounts": count, "remedy": _remedy(cause, erp)}
        for cause, count in found.parked.items()
    ]
    return {**plain(found), "written": found.written, "parked": parked}


def print_plan(output: Output, plan: PlanCounts) -> None:
    """Print what a load would do."""
    rows = [
        *(("create", plan.create), ("adopt", plan.adopt), ("update", plan.update)),
        *(("unchanged", plan.unchanged), ("filtered", plan.filtered)),
        *((f"park: {cause}", count) for cause, count in plan.park.items()),
    ]
    if plan.wait:
        rows.append(("not decided yet", plan.wait))
    output.text(f"A load of {counted(plan.total, 'account')} would do this:", "bold")
    output.table(["Decision", "Accounts"], rows)


def plan_as_json(plan: PlanCounts) -> dict[str, object]:
    """Return the counts for scripts."""
    return {**plain(plan), "total": plan.total}


def _remedy(cause: str, erp: str) -> str:
    return remedy(Cause(cause), erp) if cause in Cause else ""
