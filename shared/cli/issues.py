"""`accountsync issues`: the parked accounts by cause, with names, links and what to do."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from shared.cli.options import CauseOption
from shared.cli.output import Output, counted, moment, plain, shown
from shared.cli.session import command
from shared.diagnostics.name_accounts import Named
from shared.diagnostics.parked_sheet import parked_rows
from shared.mappings.sheet import neutralised
from shared.model.issue import Issue
from shared.wiring.operator import Operator


@command
async def issues(
    operator: Operator,
    output: Output,
    account: Annotated[
        str | None,
        typer.Argument(
            help="Only accounts with this id, account number, customer account or part of a name."
        ),
    ] = None,
    cause: CauseOption = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show so many accounts at most.")] = 50,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write all of them to this Excel (.xlsx) or CSV file.", dir_okay=False),
    ] = None,
) -> None:
    """List the parked accounts by cause, with what to do. A file that is exported holds names of accounts."""
    found = await _issues(operator, account, cause)
    shown_ones = found if output.as_json or export else found[:limit]
    named = await operator.name_accounts.of([issue.account_id for issue in shown_ones])
    if export is not None:
        operator.sheets.write(export, _sheet(operator, found, named), "Parked accounts")
    if output.as_json:
        output.json([_as_json(operator, issue, named) for issue in found])
        return
    if export is not None:
        output.text(f"{counted(len(found), 'parked account')} written to {export}.")
    elif not found:
        output.text("No such account is parked." if account or cause else "No account is parked.")
    else:
        _print(output, operator, found, named, limit)
    if named.trouble:
        output.text(shown(named.trouble), "yellow")


async def _issues(operator: Operator, account: str | None, cause: str) -> list[Issue]:
    """Read the requested parked accounts, the last parked first. Raises NoSuchAccountError."""
    wanted = await operator.find_account.all(account) if account else None
    rows = await operator.ports.issues.report(cause)
    found = [issue for issue in rows if wanted is None or issue.account_id in wanted]
    return sorted(found, key=lambda issue: issue.last_at, reverse=True)


def _print(output: Output, operator: Operator, found: Sequence[Issue], named: Named, limit: int) -> None:
    groups = Counter((issue.cause, issue.value, issue.field, issue.remedy) for issue in found)
    for (cause, value, field, remedy), count in groups.most_common():
        what = " ".join(filter(None, (cause, field, value and f'"{value}"')))
        output.text(f"{counted(count, 'account')}: {shown(what)}", "bold")
        output.text(shown(remedy), indent=2)
    output.text()
    erp = operator.erp.capabilities
    for issue in found[:limit]:
        links = operator.name_accounts.links(issue.account_id)
        answer = " ".join(filter(None, (str(issue.status or ""), issue.error_type)))
        times = "" if issue.count == 1 else f", {issue.count:,} times, last {moment(issue.last_at)}"
        output.record(
            str(named.of(issue.account_id)) or str(issue.account_id),
            [
                ("parked for", " ".join(filter(None, (issue.cause, issue.field, issue.value)))),
                ("answer", answer),
                ("since (UTC)", moment(issue.first_at) + times),
                ("seen (UTC)", f"{moment(issue.seen.at)} by {issue.seen.by}" if issue.seen else ""),
                ("note", issue.seen.note if issue.seen else ""),
                ("id", issue.account_id),
                ("Sales", links["sales"]),
                (erp.name, links.get(str(erp.system))),
            ],
        )
    if len(found) > limit:
        output.text(f"... and {len(found) - limit:,} more (--limit, --export, --json)")


def _sheet(operator: Operator, found: Sequence[Issue], named: Named) -> list[tuple[str, ...]]:
    rows = parked_rows(found, named, operator.name_accounts.links, operator.erp.capabilities)
    return [tuple(map(neutralised, row)) for row in rows]


def _as_json(operator: Operator, issue: Issue, named: Named) -> dict[str, object]:
    name = named.of(issue.account_id)
    return {**plain(issue), **name._asdict(), "links": operator.name_accounts.links(issue.account_id)}
