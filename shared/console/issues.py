"""The parked accounts, grouped by what people do about them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from shared.console.accounts import LONGEST_SEARCH
from shared.console.desk import Desk, RefusedError
from shared.console.missing import Missing, currencies_for, missing
from shared.console.rendering import BASE
from shared.diagnostics.find_account import NoSuchAccountError
from shared.diagnostics.name_accounts import Named
from shared.diagnostics.parked_sheet import parked_rows
from shared.mappings.sheet import neutralised
from shared.model.issue import Issue
from shared.model.outcome import Cause

SHOWN, SHOWN_OF_CAUSE = 10, 500


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts with one cause and one remedy, the longest parked first; `shown` are the first of them.

    `missing` is the value without a row that parks them, if that is the cause.
    """

    cause: str
    value: str
    field: str
    remedy: str
    issues: Sequence[Issue]
    shown: Sequence[Issue]
    missing: Missing | None = None

    @property
    def oldest(self) -> datetime | None:
        """When the first of them was parked, if that is known of each."""
        at = self.issues[0].first_at
        return datetime.fromisoformat(at) if at else None


async def show(desk: Desk) -> Response:
    """List the groups, the largest first; of all causes or of the one in the address."""
    cause = _cause(desk.request.query_params.get("cause", ""))
    return await _listed(desk, cause, await desk.operator.ports.issues.report(cause))


async def search(desk: Desk) -> Response:
    """List the accounts with the text in number, name, id, value, field or note."""
    form = await desk.form()
    cause, text = _cause(form.text("cause")), form.text("text", LONGEST_SEARCH)
    if not text:
        return RedirectResponse(f"{BASE}/issues" + (f"?cause={cause}" if cause else ""), 303)
    rows, wanted = await desk.operator.ports.issues.report(cause), set[UUID]()
    with suppress(NoSuchAccountError):
        wanted = set(await desk.operator.find_account.all(text))
    found = [row for row in rows if row.account_id in wanted or text.casefold() in _texts(row)]
    return await _listed(desk, cause, found, text)


def _texts(row: Issue) -> str:
    note = row.seen.note if row.seen else ""
    return "\n".join((row.value, row.field, note)).casefold()


async def _listed(desk: Desk, cause: str, rows: Sequence[Issue], text: str = "") -> Response:
    most = SHOWN_OF_CAUSE if cause or text else SHOWN
    groups = grouped(rows, most=most, with_values=desk.person.operates)
    causes = list(Cause) if desk.person.operates else list(dict.fromkeys(group.cause for group in groups))
    named = Named({})
    if desk.person.operates:
        named = await desk.operator.name_accounts.of([row.account_id for g in groups for row in g.shown])
        currencies = await currencies_for(desk, {group.cause for group in groups})
        groups = [replace(g, missing=missing(desk, g.cause, g.value, currencies)) for g in groups]
    return desk.show(
        "issues.html",
        groups=groups,
        total=len(rows),
        causes=causes,
        chosen=cause,
        text=text,
        named=named,
        links=desk.operator.name_accounts.links,
        erp_link=str(desk.operator.erp.capabilities.system),
    )


async def as_workbook(desk: Desk) -> Response:
    """Send all parked accounts, with names and links, as `accountsync issues --export` writes them."""
    rows = sorted(await desk.operator.ports.issues.report(), key=lambda row: row.last_at, reverse=True)
    named = await desk.operator.name_accounts.all_of([row.account_id for row in rows])
    links, erp = desk.operator.name_accounts.links, desk.operator.erp.capabilities
    lines = (tuple(map(neutralised, line)) for line in parked_rows(rows, named, links, erp))
    return desk.file("parked-accounts.xlsx", lines, "Parked accounts")


def grouped(rows: Collection[Issue], *, most: int, with_values: bool) -> list[Group]:
    """Group the rows as `accountsync issues` does; without values, by cause and field alone."""
    groups = defaultdict[tuple[str, str, str, str], list[Issue]](list)
    for row in sorted(rows, key=lambda row: row.first_at):
        groups[row.cause, row.value if with_values else "", row.field, row.remedy].append(row)
    made = [Group(*key, found, found[:most]) for key, found in groups.items()]
    return sorted(made, key=lambda group: -len(group.issues))


def _cause(text: str) -> str:
    try:
        return str(Cause(text)) if text else ""
    except ValueError:
        raise RefusedError(
            "There is no such cause. The page Issues lists those that there are.", 404
        ) from None
