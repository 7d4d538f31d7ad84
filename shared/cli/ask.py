"""`accountsync explain | preview`: questions about one account that write nothing."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.text import Text

from shared.cli.output import Output, moment, plain, shown
from shared.cli.session import command
from shared.diagnostics.explain import Explanation
from shared.diagnostics.name_accounts import Named
from shared.diagnostics.preview import FieldPreview, Preview
from shared.model.customer import CustomerKey
from shared.model.state import SyncState
from shared.wiring.operator import Operator

Account = Annotated[
    str,
    typer.Argument(help="The account's id, its account number, its customer account, or part of its name."),
]


@command
async def explain(operator: Operator, output: Output, account: Account) -> None:
    """Explain one account: its timeline, its values in both systems field by field, and the next step."""
    account_id = await operator.find_account.find(account)
    explanation, named = await asyncio.gather(
        operator.explain.of(account_id), operator.name_accounts.of([account_id])
    )
    erp = operator.erp.capabilities.name
    links = operator.name_accounts.links(account_id, _customer(explanation))
    if output.as_json:
        output.json(
            _explanation_as_json(explanation, erp) | named.of(account_id)._asdict() | {"links": links}
        )
    else:
        _print_explanation(output, explanation, named, _titled(links, erp), erp)


@command
async def preview(operator: Operator, output: Output, account: Account) -> None:
    """Show what a sync would send now, field by field, and where each value comes from. Writes nothing."""
    found = await operator.preview.of(await operator.find_account.find(account))
    erp = operator.erp.capabilities.name
    if output.as_json:
        output.json(_preview_as_json(found, erp))
    else:
        _print_preview(output, found, erp)


def _print_explanation(
    output: Output, found: Explanation, named: Named, links: Mapping[str, str], erp: str
) -> None:
    """Print each fact once: facts that the next step states are left out before it."""
    output.text(" ".join(filter(None, ("Account", shown(named.of(found.account_id))))), "bold")
    facts: dict[str, object] = {"id": found.account_id, **_facts(found.state), **_issue_facts(found)}
    for name, value in {**facts, **links}.items():
        output.text(f"{f'{name}:':<20} {shown(value)}", indent=2)
    output.text()
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
        if found.preview.problem is None:
            output.text(_headline(found.preview))
        output.table(_field_headers(erp), [_field_line(field) for field in found.differences], "Differences")
    for trouble in filter(None, (*found.troubles, named.trouble)):
        if trouble not in found.next_step:
            output.text(shown(trouble), "yellow")
    output.text()
    output.text(f"Next step: {shown(found.next_step)}", "bold")


def _titled(links: Mapping[str, str], erp: str) -> dict[str, str]:
    """Return the addresses with titles that say what they open."""
    titles = {name: f"data in {erp}" if name.endswith("_record") else f"form in {erp}" for name in links}
    titles["sales"] = "record in Sales"
    return {titles[name]: address for name, address in links.items()}


def _field_headers(erp: str) -> tuple[str, ...]:
    return ("Field", "From", "Value", f"In {erp}", "Sent")


def _issue_facts(found: Explanation) -> dict[str, object]:
    """Return since when the account is parked, and the refusing system's status and code."""
    issue = found.issue
    if issue is None:
        return {}
    answer = " ".join(filter(None, (str(issue.status or ""), issue.error_type)))
    times = "" if issue.count == 1 else f", {issue.count:,} times"
    facts = {"parked since (UTC)": moment(issue.first_at) + times, "answer": answer, "field": issue.field}
    return {name: value for name, value in facts.items() if value}


def _facts(state: SyncState | None) -> dict[str, object]:
    """Return the facts of the state, without its log and hashes."""
    if state is None:
        return {"state": "the app knows nothing of it"}
    facts = {
        "phase": state.phase,
        "customer": state.customer,
        "begun customer": state.intent,
        "parked for": state.issue,
        "currency": state.currency_key,
        "version read": state.version,
        "read at (UTC)": state.read_at,
        "in doubt until": state.unknown_until,
        "being written until": state.lease.until if state.lease else None,
        "hold before ours": state.previous_hold,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _customer(found: Explanation) -> CustomerKey | None:
    """Return the account's customer in the ERP, if it is known."""
    if found.state is not None and found.state.customer is not None:
        return found.state.customer
    preview = found.preview
    return preview.customer if preview is not None and preview.exists_in_operations else None


def _print_preview(output: Output, found: Preview, erp: str) -> None:
    output.text(f"Account {found.account_id}", "bold")
    output.text(_headline(found))
    output.table(_field_headers(erp), map(_field_line, found.fields))
    if found.problem is not None:
        output.text(found.problem.remedy(erp))


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
    sent = "yes" if field.sent else "no: the ERP keeps another value" if field.kept_by_erp else ""
    return [field.name, field.source, Text(shown(field.value), style), theirs, sent]


def _preview_as_json(found: Preview, erp: str) -> dict[str, object]:
    return {
        "account_id": found.account_id,
        "exists_in_sales": found.exists_in_sales,
        "exists_in_operations": found.exists_in_operations,
        "ending": found.ending,
        "detail": found.detail,
        "customer": str(found.customer) if found.customer else None,
        "remedy": found.problem.remedy(erp) if found.problem else None,
        "fields": [plain(field) for field in found.fields],
    }


def _explanation_as_json(found: Explanation, erp: str) -> dict[str, object]:
    return {
        "account_id": found.account_id,
        "state": {name.replace(" ", "_"): str(value) for name, value in _facts(found.state).items()},
        "issue": found.issue,
        "timeline": found.timeline,
        "preview": _preview_as_json(found.preview, erp) if found.preview else None,
        "differences": [field.name for field in found.differences],
        "troubles": found.troubles,
        "next_step": found.next_step,
    }
