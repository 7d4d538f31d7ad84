"""The currency mapping: the table, its history and its files."""

from collections.abc import Iterator

from starlette.responses import Response

from shared.console.desk import Desk
from shared.mappings.plan import action_of
from shared.mappings.sheet import written
from shared.model.mapping_edit import Version

VERSIONS = 20


async def show(desk: Desk) -> Response:
    """Show every row and the newest edits."""
    versions = await desk.operator.edit_mapping.history_of()
    return desk.show(
        "mapping.html",
        rows=await desk.operator.edit_mapping.table(),
        versions=[(version, summary(version)) for version in reversed(versions[-VERSIONS:])],
        me=str(desk.person.id),
    )


def summary(version: Version) -> str:
    """Say what an edit did."""
    if len(version.changes) == 1:
        change = version.changes[0]
        before, after = (mapped.ax if mapped else "no row" for mapped in (change.before, change.after))
        return f"{change.mapped.crm}: {before} → {after}"
    actions = [str(action_of(change)) for change in version.changes]
    return ", ".join(f"{actions.count(name):,} {name}" for name in dict.fromkeys(actions))


async def as_workbook(desk: Desk) -> Response:
    """Send the table as a workbook."""
    return desk.file("currencies.xlsx", await _rows(desk))


async def as_csv(desk: Desk) -> Response:
    """Send the table as CSV."""
    return desk.file("currencies.csv", await _rows(desk))


async def _rows(desk: Desk) -> Iterator[tuple[str, str]]:
    return written(row.mapped for row in await desk.operator.edit_mapping.table())
