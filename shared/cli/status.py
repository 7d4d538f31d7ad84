"""`accountsync status | watch`: show the state of the app in the terminal."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from shared.cli.exits import Exit
from shared.cli.load_view import as_json as load_as_json
from shared.cli.output import Output, counted, duration, plain, shown, table
from shared.cli.reconcile_report import run_as_json
from shared.cli.session import command
from shared.diagnostics.read_runs import NO_RUNS
from shared.diagnostics.status import Status, remedy_of
from shared.model.breaker import Breaker
from shared.model.outcome import Ending
from shared.wiring.operator import Operator

_BAR = 30
_STYLES = {Ending.PARKED: "red", Ending.REJECTED: "red", Ending.RETRYING: "yellow"}

Minutes = Annotated[
    float, typer.Option("--minutes", min=0.1, max=1440, help="Count the outcomes of so many minutes.")
]


@command
async def status(
    operator: Operator,
    output: Output,
    minutes: Minutes = 10,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 if anything needs attention.")] = False,
) -> None:
    """Show queue depths, oldest age, drain estimate, breakers, parked accounts and recent outcomes."""
    found = await operator.read_status.now(timedelta(minutes=minutes))
    if output.as_json:
        output.json(_as_json(found))
    else:
        output.console.print(drawn(found))
        await _say_attention(operator, output, found)
    if check and not found.healthy:
        raise typer.Exit(int(Exit.REFUSED))


@partial(command, until_stopped=True)
async def watch(
    operator: Operator,
    output: Output,
    every: Annotated[float, typer.Option("--every", min=0.5, help="Seconds between two readings.")] = 2,
    count: Annotated[int, typer.Option("--count", min=0, help="Stop after so many readings; 0: never.")] = 0,
    minutes: Minutes = 10,
) -> None:
    """Show the status live until Ctrl-C; with --json one line a reading."""
    looks, window = 0, timedelta(minutes=minutes)
    first = await operator.read_status.now(window)
    if output.as_json:
        output.line(_as_json(first))
        while (looks := looks + 1) != count:
            await asyncio.sleep(every)
            output.line(_as_json(await operator.read_status.now(window)))
        return
    with Live(drawn(first), console=output.console, auto_refresh=False) as live:
        while (looks := looks + 1) != count:
            await asyncio.sleep(every)
            live.update(drawn(await operator.read_status.now(window)), refresh=True)


def drawn(found: Status) -> Group:
    """Draw the status as tables and bars."""
    parts: list[Table | Text] = [_queues(found), _drain(found), _breakers(found), *_runs(found)]
    if found.issues:
        parts.append(table(["Parked for", "Accounts"], list(found.issues.items()), "Parked accounts"))
    parts.append(_outcomes(found))
    return Group(*parts)


async def _say_attention(operator: Operator, output: Output, found: Status) -> None:
    """Print the accounts that were parked last, by name, and every reason for which `--check` fails."""
    named = await operator.name_accounts.of([issue.account_id for issue in found.parked])
    if found.parked:
        output.text()
        output.text("Parked last", "bold")
    for issue in found.parked:
        name = shown(named.of(issue.account_id)) or issue.account_id
        output.text(f"{name}: {shown(issue.cause)} {shown(issue.value)}".rstrip(), indent=2)
    for line in filter(None, (named.trouble, *found.troubles)):
        output.text(shown(line), "red")
    output.text()
    output.text("Needs attention:" if found.attention else "Nothing needs attention.", "bold")
    for line in found.attention:
        if line not in found.troubles:
            output.text(f"- {shown(line)}", "yellow", indent=2)


def _queues(found: Status) -> Table:
    rows = [
        (
            queue.name,
            queue.active,
            queue.scheduled,
            Text(str(queue.dead_letters), "red" if queue.dead_letters else ""),
            duration((found.at - queue.oldest_at).total_seconds()) if queue.oldest_at else "",
        )
        for queue in found.queues
    ]
    return table(["Queue", "Waiting", "Scheduled", "Dead letters", "Oldest"], rows, "Queues")


def _drain(found: Status) -> Text:
    lines: list[str] = []
    if found.drain_seconds is None:
        lines.append(f"Nothing was settled within {duration(found.window.total_seconds())}.")
    elif found.drain_seconds:
        lines.append(f"Drained in about {duration(found.drain_seconds)}, at the present rate.")
    if scheduled := sum(queue.scheduled for queue in found.queues):
        lines.append(_scheduled(found, scheduled))
    if not lines and found.queues:
        lines.append("Nothing waits.")
    return Text(" ".join(lines), "yellow" if found.drain_seconds is None else "")


def _scheduled(found: Status, scheduled: int) -> str:
    wait = "1 scheduled message waits" if scheduled == 1 else f"{scheduled:,} scheduled messages wait"
    if found.waits_until is None:
        return f"{wait} until a person resumes what is paused."
    return f"{wait}, usually until {found.waits_until:%H:%M} UTC at the latest."


def _breakers(found: Status) -> Table | Text:
    rows = [(breaker.system, _breaker_state(breaker, found), breaker.reason) for breaker in found.breakers]
    if not rows:
        return Text("All breakers are closed.")
    return table(["System", "Breaker", "Reason"], rows, "Breakers")


def _breaker_state(breaker: Breaker, found: Status) -> Text:
    if breaker.paused_by:
        return Text(f"paused by {breaker.paused_by}", "yellow")
    if breaker.open_until is None:
        return Text("closed", "green")
    wait = (breaker.open_until - found.at).total_seconds()
    return Text(f"open, probed in {duration(wait)}" if wait > 0 else "open, being probed", "red")


def _runs(found: Status) -> Iterator[Text]:
    """Say how the newest load and the newest comparison of both systems stand, if there were any."""
    if (load := found.runs.load) is not None:
        yield Text(f"First load: {load.state}, {load.sent:,} of {counted(load.total, 'account')} sent.")
    if (run := found.runs.comparison) is not None:
        done = f"{counted(run.accounts, 'account')}, {counted(run.customers, 'customer')} compared"
        yield Text(f"Comparison: {run.state}, {done}, {counted(run.differences, 'difference')}.")


def _outcomes(found: Status) -> Table | Text:
    within = duration(found.window.total_seconds())
    if not found.outcomes:
        return Text(f"No outcomes within {within}.")
    most = max(found.outcomes.values())
    rows = [
        (ending, count, Text("█" * max(1, round(_BAR * count / most)), _STYLES.get(Ending(ending), "green")))
        for ending, count in found.outcomes.items()
    ]
    return table(["Outcome", "Count", ""], rows, f"Outcomes within {within}")


def _as_json(found: Status) -> dict[str, object]:
    breakers = [
        {**plain(breaker), "remedy": remedy_of(breaker) if breaker in found.held else None}
        for breaker in found.breakers
    ]
    run = found.runs.comparison
    runs = {
        "load": load_as_json(found.runs.load, found.at),
        "reconcile": run_as_json(run) if run else {"state": "none"},
    }
    return {
        **plain(replace(found, runs=NO_RUNS)),
        "breakers": breakers,
        "runs": runs,
        "healthy": found.healthy,
        "attention": found.attention,
        "waits_until": plain(found.waits_until),
    }
