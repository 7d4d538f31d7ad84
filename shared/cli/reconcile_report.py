"""Shows the differences that a run found: by kind for people, all of them as JSON or in a file."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import batched, groupby
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from shared.cli.output import Output, counted, moment, shown
from shared.diagnostics.name_accounts import MOST_NAMED, Named
from shared.load.repair import TwoValues, values_of, what_to_do
from shared.mappings.sheet import neutralised
from shared.model.account import AccountName
from shared.model.reconciliation import Difference, Kind, Reconciliation
from shared.sync.decide import Decide
from shared.wiring.operator import Operator

_NAMED = 20  # accounts of a kind that are shown
_AT_ONCE = 4
_HEADERS = (
    *("Account number", "Name", "Difference", "Field", "Value for Sales", "Value in {erp}"),
    *("What to do", "Account id", "Record in Sales"),
)


class Report(NamedTuple):
    """A run, what it found, and the accounts' names."""

    run: Reconciliation
    found: Sequence[Difference]
    named: Named


async def names_of(operator: Operator, found: Sequence[Difference]) -> Named:
    """Read the names of the accounts, as many as there are."""
    names: dict[UUID, AccountName] = {}
    trouble = ""
    for some in batched(found, MOST_NAMED, strict=False):
        named = await operator.name_accounts.of([one.account_id for one in some])
        names |= named.names
        trouble = trouble or named.trouble
        if trouble:
            break
    return Named(names, trouble)


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
            ("Not kept", f"{run.differences - run.kept:,}" if run.differences > run.kept else ""),
        ],
    )
    ordered = sorted(report.found, key=lambda one: [*Kind].index(one.kind))
    for kind, group in groupby(ordered, key=lambda one: one.kind):
        _say_kind(output, report, kind, [*group], erp)
    if report.named.trouble:
        output.text(shown(report.named.trouble), "yellow")


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
    erp = operator.erp.capabilities.name
    rows: list[list[str]] = [[header.replace("{erp}", erp) for header in _HEADERS]]
    with output.progress() as progress:
        bar = progress.add_task("Reading values", total=len(report.found))
        for some in batched(report.found, _AT_ONCE, strict=False):
            values = await asyncio.gather(*(values_of(decide, one) for one in some))
            for one, fields in zip(some, values, strict=True):
                rows += _rows(operator, report.named, one, fields)
            progress.advance(bar, len(some))
    operator.sheets.write(file, rows, "Differences")
    output.note(f"{counted(len(report.found), 'difference')} written to {file}.")


def _rows(
    operator: Operator, named: Named, one: Difference, fields: Sequence[TwoValues]
) -> Iterator[list[str]]:
    """Return a row for each field that differs; one row at least."""
    name, links = named.of(one.account_id), operator.name_accounts.links(one.account_id)
    remedy = what_to_do(one, operator.erp.capabilities.name)
    empty = TwoValues(one.cause or ", ".join(one.fields), "", "")
    for field in fields or [empty]:
        texts = (name.number, name.name, str(one.kind), *map(str, field), remedy, str(one.account_id))
        yield [neutralised(text) for text in (*texts, links["sales"])]
