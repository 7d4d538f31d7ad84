"""The report: what was injected, what came of it, and each invariant; as tables, and as JSON."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.chaos.run import Result

SHOWN = 12


def show(result: Result, console: Console) -> None:
    """Print it."""
    conditions = result.conditions
    console.print(
        f"\nChaos: {conditions.target}, {conditions.events} events, {conditions.accounts} accounts, "
        f"seed {conditions.seed}, numbers {conditions.numbering}; {result.seconds}",
        highlight=False,
    )
    _counts(console, "Injected", dict(sorted(result.injected.items())))
    share = {
        f"{system}: requests with a fault": f"{faulty} of {total} ({faulty / max(total, 1):.0%})"
        for system, (total, faulty) in result.share.items()
    }
    outages = {f"requests during {what}": count for what, count in result.requests_in}
    _counts(console, "What came of it", {**share, **outages, **result.facts, **dict(result.outcomes)})
    table = Table(title="Invariants", title_justify="left")
    table.add_column("invariant")
    table.add_column("violations", justify="right")
    for invariant, found in result.violations.items():
        table.add_row(invariant, str(len(found)), style="red" if found else "green")
    console.print(table)
    for invariant, found in result.violations.items():
        for text in found[:SHOWN]:
            console.print(f"[red]{invariant}[/]: {text}", highlight=False, soft_wrap=True)
        if len(found) > SHOWN:
            console.print(f"[red]{invariant}[/]: and {len(found) - SHOWN} more")
    if not result.good:
        again = f"--target {conditions.target} --seed {conditions.seed} --numbering {conditions.numbering}"
        console.print(f"[red]Violated.[/] Again with: {again}", highlight=False)


def as_json(result: Result) -> dict[str, Any]:
    """The result as JSON takes it."""
    return {
        "conditions": asdict(result.conditions),
        "good": result.good,
        "injected": dict(result.injected),
        "requests": {system: {"all": a, "with a fault": f} for system, (a, f) in result.share.items()},
        "requests_in": [{"outage": what, "requests": count} for what, count in result.requests_in],
        "outcomes": dict(result.outcomes),
        "facts": result.facts,
        "violations": result.violations,
        "seconds": result.seconds,
    }


def write_json(results: list[Result], file: Path) -> None:
    """Write all runs to a file."""
    file.write_text(json.dumps([as_json(result) for result in results], indent=2), encoding="utf-8")


def _counts(console: Console, title: str, counts: dict[str, Any]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, count in counts.items():
        table.add_row(name, str(count))
    console.print(table)
