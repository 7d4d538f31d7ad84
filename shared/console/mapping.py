"""The mapping tables: the rows of each, its history and its files."""

from starlette.responses import Response

from shared.console.desk import Desk, RefusedError
from shared.mappings.edit import EditMapping
from shared.mappings.plan import action_of
from shared.mappings.sheet import written
from shared.model.mapping import CURRENCIES
from shared.model.mapping_edit import Version

VERSIONS = 20


async def show(desk: Desk) -> Response:
    """Show every row of a table and its newest edits."""
    mapping = edited(desk, desk.request.query_params.get("table", ""))
    versions = await mapping.history_of()
    return desk.show(
        "mapping.html",
        of=mapping.of,
        tables=[CURRENCIES.name, *desk.operator.field_map.mapping_tables],
        rows=await mapping.table(),
        versions=[(version, summary(version)) for version in reversed(versions[-VERSIONS:])],
        me=str(desk.person.id),
    )


def edited(desk: Desk, name: str) -> EditMapping:
    """Return the editor of a table; without a name, of that of currencies. Raises RefusedError."""
    if name in {"", CURRENCIES.name}:
        return desk.operator.edit_mapping
    try:
        return desk.operator.edit_table(name)
    except ValueError as error:
        raise RefusedError(f"There is no such mapping table: {error}.", 404) from error


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
    mapping = edited(desk, desk.request.query_params.get("table", ""))
    name = "currencies" if mapping.of.of_currencies else mapping.of.name
    rows = written((row.mapped for row in await mapping.table()), mapping.of)
    return desk.file(f"{name}.{kind}", rows, mapping.of.title)
