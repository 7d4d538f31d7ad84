"""What the demonstration shows at the end: two tables, what differs, and the same as JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.demo.run import Result
from local.demo.scenario import Customer
from local.demo.watch import OUTCOMES
from local.erps.erp import Erp

MOST_ROWS = 40
MEANINGS = {
    "created": "a new customer",
    "updated": "what had changed was written",
    "unchanged": "read; nothing had to be written",
    "covered": "the account was read later than this change",
    "merged": "one of a burst; one look serves them all",
    "repeated": "the same message again; the broker dropped it",
    "filtered": "no column changed that {erp} has",
    "deleted": "the customer is blocked",
    "parked": "waits for somebody to mend the cause",
    "rejected": "not understood; kept in rejected-events",
}


def summary(result: Result) -> dict[str, Any]:
    """All of it as one JSON object."""
    outcomes = result.ledger.outcomes()
    return {
        "target": result.scenario.erp.target,
        "events": result.scenario.events,
        "accounts": len(result.scenario.cases),
        "outcomes": {name: outcomes[name] for name in OUTCOMES},
        "parked_causes": dict(sorted(result.ledger.parked_causes().items())),
        "requests": result.requests,
        "customers": [_account(result, case.number) for case in result.scenario.cases],
        "checks": {"customers_equal": not result.differences, "nothing_lost": not result.lost},
        "seconds": round(result.seconds, 1),
    }


def _account(result: Result, number: str) -> dict[str, str | None]:
    account_id = result.ids[number]
    customer = result.standing.get(number)
    look = result.ledger.last_look.get(account_id)
    return {
        "account_id": account_id,
        "account_number": number,
        "crm_currency": result.currency_of[number],
        "currency_code": _code(result.scenario.erp, customer) if customer else None,
        "customer_account": number if customer else None,
        "outcome": look["ending"] if look else None,
    }


def _code(erp: Erp, customer: Customer) -> str:
    """The customer's currency; where the ERP keeps its own one as blank, the code of it."""
    return customer[erp.fields.currency] or erp.local_currency


def write_json(result: Result, file: Path) -> None:
    """Write the JSON object to a file."""
    text = json.dumps(summary(result), indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def show(result: Result, console: Console) -> None:
    """Print the tables and what differs."""
    content = summary(result)
    console.print(_accounts(result, content))
    console.print(_events(result.scenario.erp.title, content))
    console.print(_requests(content))
    for difference in [*result.differences, *result.lost]:
        console.print(f"[red]wrong[/]  {difference}", highlight=False)
    for ok, good, bad in _verdicts(result):
        console.print(f"[green]ok[/]     {good}" if ok else f"[red]wrong[/]  {bad}", highlight=False)
    console.print(f"{content['seconds']} s, with the stand's start and all waits", highlight=False)


def _verdicts(result: Result) -> Iterator[tuple[bool, str, str]]:
    """Each check: whether it holds, and what to say in either case."""
    title = result.scenario.erp.title
    yield (
        not result.differences,
        f"{len(result.standing)} customers in {title} are as expected by hand",
        f"{len(result.differences)} differences between {title} and what is expected by hand",
    )
    yield (
        not result.lost,
        f"all {result.scenario.events} events ended in one named place, queues drained, no dead letters",
        "not every event ended in one named place, or something is left in the queues",
    )


def _accounts(result: Result, content: dict[str, Any]) -> Table:
    erp = result.scenario.erp
    held = erp.stored(hold="All")
    table = Table(title=f"Accounts in Sales, customers in {erp.title}", title_justify="left")
    for heading in ("Account", "Currency in Sales", "Code", "Customer", "Last look at it"):
        table.add_column(heading)
    rows = content["customers"]
    for row in rows[:MOST_ROWS]:
        customer = result.standing.get(row["account_number"])
        look = result.ledger.last_look.get(row["account_id"])
        blocked = ", blocked" if customer and held.items() <= customer.items() else ""
        why = f": {look['detail']}" if look and look["ending"] == "parked" else ""
        table.add_row(
            row["account_number"],
            row["crm_currency"],
            row["currency_code"] or "-",
            row["customer_account"] or "-",
            (row["outcome"] or "-") + why + blocked,
        )
    if len(rows) > MOST_ROWS:
        table.caption = f"and {len(rows) - MOST_ROWS} more; --json FILE writes all of them"
    return table


def _events(title: str, content: dict[str, Any]) -> Table:
    table = Table(title=f"What became of {content['events']} events", title_justify="left")
    table.add_column("Outcome")
    table.add_column("Events", justify="right")
    table.add_column("Meaning")
    causes = ", ".join(f"{cause} {number}" for cause, number in content["parked_causes"].items())
    for name in OUTCOMES:
        meaning = causes if name == "parked" and causes else MEANINGS[name].format(erp=title)
        table.add_row(name, str(content["outcomes"][name]), meaning)
    return table


def _requests(content: dict[str, Any]) -> Table:
    table = Table(title="Requests by the app", title_justify="left")
    for heading in ("System", "In all", "Per event"):
        table.add_column(heading, justify="left" if heading == "System" else "right")
    for system, number in content["requests"].items():
        table.add_row(system, str(number), f"{number / content['events']:.2f}")
    return table
