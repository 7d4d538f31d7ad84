"""The parked accounts as the rows of a spreadsheet, with names and links. Pure.

The texts are as they are: who writes a file makes them harmless for spreadsheets.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from uuid import UUID

from shared.diagnostics.name_accounts import Named
from shared.model.capabilities import Capabilities
from shared.model.issue import Issue

_COLUMNS = (
    *(
        "Account number",
        "Name",
        "Cause",
        "Value",
        "Field",
        "What to do",
        "First (UTC)",
        "Last (UTC)",
        "Times",
    ),
    *("Status", "Error", "Account id", "Record in Sales"),
)


def parked_rows(
    issues: Sequence[Issue], named: Named, links: Callable[[UUID], Mapping[str, str]], erp: Capabilities
) -> Iterator[tuple[str, ...]]:
    """Return the headers, and a row for each account."""
    yield (*_COLUMNS, f"Form in {erp.name}", "Seen (UTC)", "Note")
    for issue in issues:
        name, addresses = named.of(issue.account_id), links(issue.account_id)
        yield (
            *(name.number, name.name, issue.cause, issue.value, issue.field, issue.remedy),
            *(_moment(issue.first_at), _moment(issue.last_at), str(issue.count), str(issue.status or "")),
            *(issue.error_type, str(issue.account_id), addresses["sales"]),
            addresses.get(str(erp.system), ""),
            *((_moment(issue.seen.at), issue.seen.note) if issue.seen else ("", "")),
        )


def _moment(text: str) -> str:
    """Write a stored time to the second, without the T."""
    return text[:19].replace("T", " ")
