"""The currency mapping: the table, its history and its files."""

import tempfile
from pathlib import Path

from starlette.responses import Response

from shared.console.desk import Desk
from shared.mappings.plan import action_of
from shared.mappings.sheet import written
from shared.model.mapping_edit import Version

VERSIONS = 20
_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


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
    return await _file(desk, "xlsx")


async def as_csv(desk: Desk) -> Response:
    """Send the table as CSV."""
    return await _file(desk, "csv")


async def _file(desk: Desk, kind: str) -> Response:
    rows = await desk.operator.edit_mapping.table()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"currencies.{kind}"
        desk.operator.sheets.write(file, written(row.mapped for row in rows))
        content = file.read_bytes()
    headers = {"Content-Disposition": f'attachment; filename="currencies.{kind}"'}
    return Response(content, headers=headers, media_type=_TYPES[kind])
