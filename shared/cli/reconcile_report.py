"""Shows the differences that a run found: by kind for people, all of them as JSON or in a file."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from shared.cli.output import Output, counted, moment, shown
from shared.diagnostics.difference_sheet import difference_rows, values_of_all
from shared.diagnostics.name_accounts import Named
from shared.load.repair import what_to_do
from shared.model.reconciliation import Difference, Kind, Reconciliation
from shared.sync.decide import Decide
from shared.wiring.operator import Operator

_NAMED = 20  # accounts of a kind that are shown


class Report(NamedTuple):
    """A run, what it found, and the accounts' names."""

    run: Reconciliation
    found: Sequence[Difference]
    named: Named


def say_report(operator: Operator, output: Output, report: Report) -> None:
    """Print the counts, then each kind of difference with its accounts and what to do."""
    run, erp = report.run, operator.erp.capabilities.name
    began, by = moment(run.started_at.isoformat()), shown(run.by)
    output.record(
        f"Run {run.id}, started {began} UTC by {by}: {run.state}",
        [
            ("Accounts in Sales", f"{run.accounts:,}"),
            (f"Customers in {erp}", f"{run.customers:,}, {run.not_ours:,} of them never an account's"),
            ("In work", f"{run.in_work:,}" if run.in_work else ""),
            ("To be linked", f"{run.to_link:,} (a check adopts their customers)" if run.to_link else ""),
            ("Differences", f"{run.differences:,}" if run.differences else "none"),
            ("Not kept", _not_kept(report)),
        ],
    )
    ordered = sorted(report.found, key=lambda one: [*Kind].index(one.kind))
    for kind, group in groupby(ordered, key=lambda one: one.kind):
        _say_kind(output, report, kind, [*group], erp)
    if report.named.trouble:
        output.text(shown(report.named.trouble), "yellow")


def _not_kept(report: Report) -> str:
    run = report.run
    if run.differences and not report.found:
        return f"{run.differences:,}, deleted after 30 days"
    return f"{run.differences - run.kept:,}" if run.differences > run.kept else ""


def _say_kind(output: Output, report: Report, kind: Kind, found: Sequence[Difference], erp: str) -> None:
    number = report.run.found.get(kind, len(found))
    output.text()
    output.text(f"{kind}: {counted(number, 'account')}", "bold")
    own = kind in {Kind.OWNED_TWICE, Kind.PARKED}  # each has a remedy of its own
    if not own:
        output.text(what_to_do(found[0], erp))
    for one in found[:_NAMED]:
        what = " ".join(filter(None, (one.cause, ", ".join(one.fields))))
        output.text(f"{shown(report.named.of(one.account_id))} {one.account_id} {what}".strip(), indent=2)
        if own:
            output.text(what_to_do(one, erp), indent=4)
    if number > _NAMED:
        output.text(f"... and {number - _NAMED:,} more (--export or --json lists those kept)", indent=2)


def report_as_json(
    operator: Operator, report: Report, wanted: Sequence[Difference], sent: int
) -> dict[str, object]:
    """Return the whole report for scripts."""
    run, erp = report.run, operator.erp.capabilities.name
    differences = [
        {
            "account_id": one.account_id,
            **report.named.of(one.account_id)._asdict(),
            "kind": one.kind,
            "fields": one.fields,
            "cause": one.cause,
            "owner": one.owner,
            "what_to_do": what_to_do(one, erp),
        }
        for one in report.found
    ]
    repair = {"checks": len(wanted), "sent": sent}
    trouble = report.named.trouble
    return {"run": run_as_json(run), "differences": differences, "repair": repair, "trouble": trouble}


def run_as_json(run: Reconciliation) -> dict[str, object]:
    """Return the counts of a run for scripts."""
    names = ("id", "state", "by", "started_at", "changed_at", "accounts", "customers", "not_ours", "in_work")
    return {name: getattr(run, name) for name in (*names, "to_link", "found", "kept", "reason", "remedy")}


async def write_file(operator: Operator, decide: Decide, output: Output, report: Report, file: Path) -> None:
    """Read the values that differ, as they are now, and write one row for each field."""
    with output.progress() as progress:
        bar = progress.add_task("Reading values", total=len(report.found))
        values = await values_of_all(decide, report.found, lambda more: progress.advance(bar, more))
    naming, erp = operator.name_accounts, operator.erp.capabilities.name
    rows = difference_rows(report.found, values, report.named, naming, erp)
    operator.sheets.write(file, rows, "Differences")
    output.note(f"{counted(len(report.found), 'difference')} written to {file}.")
