"""The commands of one mapping table: list, get, set, delete, export, import, history, undo, check."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from shared.cli.editing import (
    Request,
    change_lines,
    edit,
    finding_as_json,
    plan_of_file,
    print_rows,
    show_findings,
    version_line,
)
from shared.cli.exits import CommandError, Exit
from shared.cli.options import By, DryRun, Strict, Yes
from shared.cli.output import Output, counted
from shared.mappings.edit import EditMapping
from shared.mappings.sheet import written
from shared.model.mapping import CURRENCIES
from shared.wiring.operator import Operator

Table = Annotated[
    str, typer.Argument(help="The name of the mapping table, such as payment-terms.", metavar="TABLE")
]
Name = Annotated[str, typer.Argument(help="The value as Sales has it; case and spaces make no difference.")]
SheetFile = Annotated[Path, typer.Argument(help="An Excel workbook (.xlsx) or a CSV file.", dir_okay=False)]


async def list_rows(operator: Operator, output: Output, table: Table = "") -> None:
    """Show every row of the table."""
    if not table:
        _list_tables(operator, output)
        return
    mapping = _mapping(operator, table)
    print_rows(output, [*await mapping.table()], mapping.of)


async def get(operator: Operator, output: Output, table: Table, name: Name) -> None:
    """Show the row of one value. Exit code 4 if there is none."""
    mapping = _mapping(operator, table)
    with _usable_name():
        rows = await mapping.rows_of(name)
    print_rows(output, rows, mapping.of)


async def set_row(
    operator: Operator,
    output: Output,
    table: Table,
    name: Name,
    code: Annotated[str, typer.Argument(help="Its code in the ERP.")],
    by: By,
    dry_run: DryRun = False,
    strict: Strict = False,
) -> None:
    """Add or change the row of one value."""
    mapping = _mapping(operator, table)
    plan = await mapping.plan_set(name, code)
    request = Request(f"{table} set", by, yes=True, dry_run=dry_run, strict=strict)
    await edit(operator, mapping, output, plan, request)


async def delete(
    operator: Operator,
    output: Output,
    table: Table,
    name: Name,
    by: By,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Remove the row of one value; accounts that have it are parked at their next sync."""
    mapping = _mapping(operator, table)
    with _usable_name():
        plan = await mapping.plan_delete(name)
    await edit(operator, mapping, output, plan, Request(f"{table} delete", by, yes, dry_run))


async def export(operator: Operator, output: Output, table: Table, file: SheetFile) -> None:
    """Write the table to an Excel or CSV file, with the table's two headers."""
    mapping = _mapping(operator, table)
    rows = await mapping.table()
    operator.sheets.write(file, written((row.mapped for row in rows), mapping.of), mapping.of.title)
    if output.as_json:
        output.json({"file": str(file), "rows": len(rows)})
    else:
        output.text(f"{counted(len(rows), 'row')} written to {file}.")


async def import_file(  # noqa: PLR0913 - each is an option
    operator: Operator,
    output: Output,
    table: Table,
    *,
    by: By,
    file: Annotated[
        Path | None, typer.Argument(help="An Excel workbook (.xlsx) or a CSV file.", dir_okay=False)
    ] = None,
    from_dataverse: Annotated[
        bool, typer.Option("--from-dataverse", help="Take Sales' own currencies and their ISO codes.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove the rows that the file does not have.")
    ] = False,
    count: Annotated[bool, typer.Option(help="Count the accounts that each change concerns.")] = True,
    plan_file: Annotated[
        Path | None,
        typer.Option(
            "--plan", help="Write the whole plan to this Excel (.xlsx) or CSV file.", dir_okay=False
        ),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    strict: Strict = False,
) -> None:
    """Change the table to the content of a file: show the plan, ask, then carry out all of it.

    The file needs the headers of the table within the first ten rows of a sheet: Currency CRM and Currency AX
    for currencies; for any other table Source and Target, or those that the field map names. Other columns
    are ignored. Duplicates, empty cells and over-long codes are errors, and nothing is taken; other findings
    are warnings.
    """
    if (file is None) != from_dataverse:
        raise CommandError(Exit.USAGE, "Give either a file or --from-dataverse.")
    mapping = _mapping(operator, table)
    if file is None:
        plan, source = await mapping.plan_from_sales(replace=replace), "Dataverse"
    else:
        plan, source = await plan_of_file(operator, mapping, output, file, replace=replace), file.name
    await edit(operator, mapping, output, plan, Request(source, by, yes, dry_run, strict, count, plan_file))


async def history(
    operator: Operator,
    output: Output,
    table: Table,
    version: Annotated[str | None, typer.Argument(help="Show the changes of this version.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only changes of this value.")] = None,
) -> None:
    """Show who changed what, when, and from which file; the newest last."""
    mapping = _mapping(operator, table)
    versions = await mapping.history_of(version, name)
    if output.as_json:
        output.json(versions)
    elif not versions:
        output.text("The table was never edited with this tool.")
    elif version is None and name is None:
        headers = ["Version", "When", "Who", "Source", "Added", "Changed", "Removed"]
        output.table(headers, [version_line(found) for found in versions])
    else:
        output.table(
            ["Version", "Who", "", mapping.of.headers[0], "Before", "After"],
            [line for found in versions for line in change_lines(found)],
        )


async def undo(
    operator: Operator,
    output: Output,
    table: Table,
    by: By,
    version: Annotated[
        str | None,
        typer.Argument(
            help='Go back to the table as it was after this version; "start": before the first. '
            "Without: take back the last version."
        ),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Undo changes. This is a new version of the table, so it can be undone too."""
    mapping = _mapping(operator, table)
    plan = await mapping.plan_undo(version)
    source = f"{table} undo {version or ''}".rstrip()
    await edit(operator, mapping, output, plan, Request(source, by, yes, dry_run))


async def check(
    operator: Operator,
    output: Output,
    table: Table,
    strict: Annotated[bool, typer.Option("--strict", hidden=True)] = False,
) -> None:
    """Check the table, also against the ERP and Sales. Exit code 1 if anything is found."""
    del strict  # scripts still give it; every finding has exit code 1
    findings = await _mapping(operator, table).check()
    if output.as_json:
        output.json({"findings": [finding_as_json(finding) for finding in findings]})
    else:
        show_findings(output, findings)
        output.text(f"{counted(len(findings), 'finding')}." if findings else "The table is in order.")
    if findings:
        raise typer.Exit(int(Exit.REFUSED))


def _mapping(operator: Operator, table: str) -> EditMapping:
    """Return the editor of the table. Raises CommandError."""
    if table == CURRENCIES.name:
        return operator.edit_mapping
    try:
        return operator.edit_table(table)
    except ValueError as error:
        raise CommandError(Exit.USAGE, f"{error}.") from error


def _list_tables(operator: Operator, output: Output) -> None:
    """Show the tables that the field map names, with the fields of the ERP that go through them."""
    tables = [CURRENCIES, *operator.field_map.mapping_tables.values()]
    named = [(table.name, *table.headers, ", ".join(table.fields)) for table in tables]
    if output.as_json:
        output.json([{"table": name, "headers": [source, target]} for name, source, target, _ in named])
    else:
        output.table(["Table", "In Sales", "In the ERP", "Fields"], named)


@contextmanager
def _usable_name() -> Generator[None]:
    """Raise CommandError for a name that the mapping cannot have."""
    try:
        yield
    except ValueError as error:
        raise CommandError(Exit.REFUSED, str(error)) from error
