"""`accountsync explain | preview | issues`: questions that write nothing."""

from collections import Counter
from typing import Annotated

import typer
from rich.text import Text

from shared.cli.options import CauseOption, Json
from shared.cli.output import Output, plain, shown
from shared.cli.session import run
from shared.inquire.explain import Explanation
from shared.inquire.preview import FieldPreview, Preview
from shared.model.sync_state import SyncState
from shared.wiring.operator import Operator

Account = Annotated[
    str, typer.Argument(help="The account's id in Sales, its account number, or its customer account.")
]


def explain(context: typer.Context, account: Account, as_json: Json = False) -> None:
    """Tell why an account stands as it does: its timeline, both sides field by field, and the next step."""

    async def work(operator: Operator, output: Output) -> None:
        explanation = await operator.explain.of(await operator.find_account.find(account))
        if output.as_json:
            output.json(_explanation_as_json(explanation))
        else:
            _print_explanation(output, explanation)

    run(context, as_json, work)


def preview(context: typer.Context, account: Account, as_json: Json = False) -> None:
    """Show what a sync would send now, field by field, and where each value comes from. Writes nothing."""

    async def work(operator: Operator, output: Output) -> None:
        found = await operator.preview.of(await operator.find_account.find(account))
        if output.as_json:
            output.json(_preview_as_json(found))
        else:
            _print_preview(output, found)

    run(context, as_json, work)


def issues(
    context: typer.Context,
    cause: CauseOption = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show so many accounts at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List the parked accounts by cause, with what to do."""

    async def work(operator: Operator, output: Output) -> None:
        found = sorted(
            await operator.issue_report.issues(cause), key=lambda issue: issue.last_at, reverse=True
        )
        if output.as_json:
            output.json(found)
            return
        if not found:
            output.text("No account is parked.")
            return
        groups = Counter((issue.cause, issue.value, issue.field, issue.remedy) for issue in found)
        rows = [(count, *group) for group, count in groups.most_common()]
        output.table(["Accounts", "Cause", "Value", "Field", "What to do"], rows)
        accounts = [
            (
                i.account_id,
                i.cause,
                i.value,
                i.field,
                i.status or "",
                i.first_at[:19],
                i.last_at[:19],
                i.count,
            )
            for i in found[:limit]
        ]
        headers = ["Account", "Cause", "Value", "Field", "Status", "First (UTC)", "Last (UTC)", "Times"]
        output.table(headers, accounts)
        if len(found) > limit:
            output.text(f"... and {len(found) - limit:,} more (--limit, --json)")

    run(context, as_json, work)


def _print_explanation(output: Output, found: Explanation) -> None:
    output.text(f"Account {found.account_id}", "bold")
    for name, value in _facts(found.state).items():
        output.text(f"  {name:<18} {shown(value)}")
    rows = [
        (
            entry.at[:19].replace("T", " "),
            entry.source,
            entry.event,
            entry.outcome,
            f"{entry.detail.replace(',', ', ')} {f'({entry.note})' if entry.note else ''}".strip(),
        )
        for entry in found.timeline
    ]
    output.table(["When (UTC)", "From", "Event", "Outcome", "Detail"], rows, "Timeline")
    if found.preview is not None:
        _print_preview(output, found.preview, found.differences)
    for trouble in found.troubles:
        output.text(trouble, "yellow")
    output.text()
    output.text(f"Next step: {found.next_step}", "bold")


def _facts(state: SyncState | None) -> dict[str, object]:
    """What the state says, without its log and hashes."""
    if state is None:
        return {"state": "nothing was ever heard of it"}
    facts = {
        "phase": state.phase,
        "customer": state.customer,
        "begun customer": state.intent,
        "parked for": state.issue,
        "currency": state.currency_key,
        "version read": state.version,
        "read at (UTC)": state.read_at,
        "in doubt until": state.doubtful_until,
        "being written until": state.lease.until if state.lease else None,
        "hold before ours": state.previous_hold,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _print_preview(output: Output, found: Preview, only: object = None) -> None:
    if only is None:
        output.text(f"Account {found.account_id}", "bold")
    output.text(_headline(found))
    fields = [field for field in found.fields if field.differs] if only is not None else found.fields
    output.table(["Field", "From", "Value", "In Operations", "Sent"], map(_field_line, fields))
    if found.problem is not None and only is None:
        output.text(found.problem.remedy)


def _headline(found: Preview) -> str:
    if not found.exists_in_sales:
        return "Sales has no such account."
    here = {True: ", which is there", False: ", which is not there yet", None: ""}[found.exists_in_operations]
    customer = f"; customer {found.customer}{here}" if found.customer else ""
    detail = f" ({found.detail})" if found.detail else ""
    return f"A sync now would end as {found.ending}{detail}{customer}."


def _field_line(field: FieldPreview) -> list[object]:
    style = "yellow" if field.differs else ""
    theirs = "" if field.in_operations is None else field.in_operations
    return [field.name, field.source, Text(shown(field.value), style), theirs, "yes" if field.sent else ""]


def _preview_as_json(found: Preview) -> dict[str, object]:
    return {
        "account_id": found.account_id,
        "exists_in_sales": found.exists_in_sales,
        "exists_in_operations": found.exists_in_operations,
        "ending": found.ending,
        "detail": found.detail,
        "customer": str(found.customer) if found.customer else None,
        "remedy": found.problem.remedy if found.problem else None,
        "fields": [{**plain(field), "differs": field.differs} for field in found.fields],
    }


def _explanation_as_json(found: Explanation) -> dict[str, object]:
    return {
        "account_id": found.account_id,
        "state": {name.replace(" ", "_"): str(value) for name, value in _facts(found.state).items()},
        "issue": found.issue,
        "timeline": found.timeline,
        "preview": _preview_as_json(found.preview) if found.preview else None,
        "differences": [field.name for field in found.differences],
        "troubles": found.troubles,
        "next_step": found.next_step,
    }
