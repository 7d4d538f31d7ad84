"""`accountsync currency ...`: the table that says which code in the ERP a currency of Sales has."""

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
from shared.cli.session import command
from shared.mappings.sheet import written
from shared.wiring.operator import Operator

app = typer.Typer(no_args_is_help=True, help="Show, change and check the currency mapping, and undo changes.")

Name = Annotated[
    str, typer.Argument(help="The currency as Sales calls it; case and spaces make no difference.")
]
SheetFile = Annotated[Path, typer.Argument(help="An Excel workbook (.xlsx) or a CSV file.", dir_okay=False)]


@app.command("list", epilog="Example: accountsync currency list")
@command
async def list_rows(operator: Operator, output: Output) -> None:
    """Show every row of the table."""
    print_rows(output, [*await operator.edit_mapping.table()])


@app.command(epilog='Example: accountsync currency get "US Dollar"')
@command
async def get(operator: Operator, output: Output, name: Name) -> None:
    """Show one currency's row. Exit code 4 if there is none."""
    with _usable_name():
        rows = await operator.edit_mapping.rows_of(name)
    print_rows(output, rows)


@app.command("set", epilog='Example: accountsync currency set "US Dollar" USD')
@command
async def set_row(
    operator: Operator,
    output: Output,
    name: Name,
    code: Annotated[str, typer.Argument(help="The currency's code in the ERP.")],
    by: By,
    dry_run: DryRun = False,
    strict: Strict = False,
) -> None:
    """Add or change one currency."""
    plan = await operator.edit_mapping.plan_set(name, code)
    request = Request("currency set", by, yes=True, dry_run=dry_run, strict=strict)
    await edit(operator, output, plan, request)


@app.command(epilog='Example: accountsync currency delete "US Dollar" --yes')
@command
async def delete(
    operator: Operator, output: Output, name: Name, by: By, yes: Yes = False, dry_run: DryRun = False
) -> None:
    """Remove one currency; accounts that have it are parked at their next sync."""
    with _usable_name():
        plan = await operator.edit_mapping.plan_delete(name)
    await edit(operator, output, plan, Request("currency delete", by, yes, dry_run))


@app.command(epilog="Example: accountsync currency export currencies.xlsx")
@command
async def export(operator: Operator, output: Output, file: SheetFile) -> None:
    """Write the table to an Excel or CSV file, with the headers Currency CRM and Currency AX."""
    rows = await operator.edit_mapping.table()
    operator.sheets.write(file, written(row.mapped for row in rows))
    if output.as_json:
        output.json({"file": str(file), "rows": len(rows)})
    else:
        output.text(f"{counted(len(rows), 'row')} written to {file}.")


@app.command("import", epilog="Example: accountsync currency import currencies.xlsx --dry-run")
@command
async def import_file(  # noqa: PLR0913 - each is an option
    operator: Operator,
    output: Output,
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

    The file needs the headers Currency CRM and Currency AX within the first ten rows of a sheet; other
    columns are ignored. Duplicates, empty cells and over-long codes are errors, and nothing is taken; other
    findings are warnings.
    """
    if (file is None) != from_dataverse:
        raise CommandError(Exit.USAGE, "Give either a file or --from-dataverse.")
    if file is None:
        plan, source = await operator.edit_mapping.plan_from_sales(replace=replace), "Dataverse"
    else:
        plan, source = await plan_of_file(operator, output, file, replace=replace), file.name
    await edit(operator, output, plan, Request(source, by, yes, dry_run, strict, count, plan_file))


@app.command(epilog="Example: accountsync currency history")
@command
async def history(
    operator: Operator,
    output: Output,
    version: Annotated[str | None, typer.Argument(help="Show the changes of this version.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only changes of this currency.")] = None,
) -> None:
    """Show who changed what, when, and from which file; the newest last."""
    versions = await operator.edit_mapping.history_of(version, name)
    if output.as_json:
        output.json(versions)
    elif not versions:
        output.text("The table was never edited with this tool.")
    elif version is None and name is None:
        headers = ["Version", "When", "Who", "Source", "Added", "Changed", "Removed"]
        output.table(headers, [version_line(found) for found in versions])
    else:
        output.table(
            ["Version", "Who", "", "Currency CRM", "Before", "After"],
            [line for found in versions for line in change_lines(found)],
        )


@app.command(epilog="Example: accountsync currency undo --dry-run")
@command
async def undo(
    operator: Operator,
    output: Output,
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
    plan = await operator.edit_mapping.plan_undo(version)
    source = f"currency undo {version or ''}".rstrip()
    await edit(operator, output, plan, Request(source, by, yes, dry_run))


@app.command(epilog="Example: accountsync currency check")
@command
async def check(
    operator: Operator, output: Output, strict: Annotated[bool, typer.Option("--strict", hidden=True)] = False
) -> None:
    """Check the table, also against the ERP and Sales. Exit code 1 if anything is found."""
    del strict  # scripts still give it; every finding has exit code 1
    findings = await operator.edit_mapping.check()
    if output.as_json:
        output.json({"findings": [finding_as_json(finding) for finding in findings]})
    else:
        show_findings(output, findings)
        output.text(f"{counted(len(findings), 'finding')}." if findings else "The table is in order.")
    if findings:
        raise typer.Exit(int(Exit.REFUSED))


@contextmanager
def _usable_name() -> Generator[None]:
    """Raise CommandError for a name that the mapping cannot have."""
    try:
        yield
    except ValueError as error:
        raise CommandError(Exit.REFUSED, str(error)) from error
