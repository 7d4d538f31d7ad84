"""Shows a plan of a mapping table, asks, and carries it out: what set, delete, import and undo share."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import typer

from shared.cli.exits import Exit
from shared.cli.output import Output, counted, plain, shown
from shared.cli.session import ask
from shared.mappings.edit import EditMapping
from shared.mappings.findings import Finding
from shared.mappings.plan import Action, Plan, action_of
from shared.mappings.review import Effect, affected, released
from shared.mappings.sheet import neutralised, read_rows
from shared.model.mapping import MappingTable
from shared.model.mapping_edit import MappingRow, RowChange, Version, key_or_none
from shared.model.sheet import SheetRow
from shared.wiring.operator import Operator

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Request:
    """What the person asked for beside the plan: `source` is named in the history."""

    source: str
    by: str
    yes: bool = False
    dry_run: bool = False
    strict: bool = False
    count: bool = True
    plan_file: Path | None = None


async def edit(
    operator: Operator, mapping: EditMapping, output: Output, plan: Plan, request: Request
) -> None:
    """Show the plan, ask if need be, and carry it out."""
    effect = await _effect(mapping, output) if plan.changes and request.count else None
    if request.plan_file is not None:
        operator.sheets.write(request.plan_file, _sheet(plan, effect, mapping.of), "Plan")
        output.note(f"The plan is written to {request.plan_file}.")
    if not output.as_json:
        _show(output, plan, effect, mapping.of)
    if plan.refused(strict=request.strict):
        _answer(output, plan, effect, request, mapping.of)
        if not output.as_json:
            output.text("Nothing was taken: correct what is listed above, then run it again.")
        raise typer.Exit(int(Exit.REFUSED))
    version = None
    if plan.changes and not request.dry_run:
        if not request.yes:
            ask("Carry this out?")
        version = await _carry_out(mapping, output, plan, request)
    _answer(output, plan, effect, request, mapping.of, version)


async def _effect(mapping: EditMapping, output: Output) -> Effect:
    with output.progress() as progress:
        progress.add_task("Counting the accounts that this concerns", total=None)
        return await mapping.review.effect()


async def _carry_out(mapping: EditMapping, output: Output, plan: Plan, request: Request) -> str:
    made = mapping.new_edit(request.by, request.source, secrets.token_hex(2))
    with output.progress() as progress:
        task = progress.add_task("Writing the table", total=len(plan.changes))
        await mapping.carry_out(plan, made, lambda done: progress.advance(task, done))
    return made.id


def _show(output: Output, plan: Plan, effect: Effect | None, of: MappingTable) -> None:
    show_findings(output, plan.findings)
    rows = [_line(change, effect) for change in islice(plan.changes, _SHOWN)]
    output.table(["", *of.headers, "Accounts", "Parked"], rows)
    if len(plan.changes) > _SHOWN:
        output.text(f"... and {len(plan.changes) - _SHOWN:,} more changes (--plan FILE.xlsx holds them all)")


def _sheet(plan: Plan, effect: Effect | None, of: MappingTable) -> Iterator[tuple[str, ...]]:
    """Return the rows of a file with the whole plan, the findings first."""
    yield "What", "Row in the file", of.headers[0], "Before", "After", "Accounts", "Parked", "Finding"
    for found in sorted(plan.findings, key=lambda found: str(found.severity)):
        row = "" if found.row is None else str(found.row)
        yield str(found.severity), row, neutralised(found.name), "", "", "", "", neutralised(found.message)
    for change in plan.changes:
        wanted = plan.rows.get(key_or_none(change.mapped.crm) or "")
        number = str(wanted.number) if wanted is not None and wanted.number is not None else ""
        codes = [neutralised(mapped.ax) if mapped else "" for mapped in (change.before, change.after)]
        usage = map(str, effect.of(change)) if effect else ("", "")
        yield str(action_of(change)), number, neutralised(change.mapped.crm), *codes, *usage, ""


def _line(change: RowChange, effect: Effect | None) -> list[object]:
    before, after = change.before, change.after
    codes = [mapped.ax for mapped in (before, after) if mapped is not None]
    usage = effect.of(change) if effect else ("", "")
    name = change.mapped.crm
    if before and after and before.crm != after.crm:
        name = f"{before.crm} → {after.crm}"
    code = codes[0] if len(set(codes)) == 1 else " → ".join(codes)
    return [str(action_of(change)), name, code, *usage]


def show_findings(output: Output, findings: Sequence[Finding]) -> None:
    """Print the findings as a table, the errors first."""
    ordered = sorted(findings, key=lambda found: str(found.severity))
    rows = [
        (str(f.severity), f"{f.where}: {f.message}" if f.where else f.message)
        for f in islice(ordered, 10 * _SHOWN)
    ]
    output.table(["", "Finding"], rows)
    if len(findings) > len(rows):
        output.text(f"... and {len(findings) - len(rows):,} more findings (--json lists them all)")


def _answer(
    output: Output,
    plan: Plan,
    effect: Effect | None,
    request: Request,
    of: MappingTable,
    version: str | None = None,
) -> None:
    if output.as_json:
        output.json(_as_json(plan, effect, request, version))
        return
    counts = {action: plan.count(action) for action in Action}
    parts = ", ".join(f"{count:,} {action}" for action, count in counts.items())
    would = "Would be: " if version is None and plan.changes else ""
    output.text(f"{would}{parts}, {plan.unchanged:,} unchanged.")
    if effect is not None:
        values = "currencies" if of.of_currencies else "values"
        output.text(
            f"Accounts with one of these {values}: {affected(plan, effect):,}; "
            f"parked ones that are released: {released(plan, effect):,}."
        )
    _note_unused(output, of)
    if version is not None:
        output.text(f"Done, as version {version}; `{of.command('undo')}` takes it back.")


def _note_unused(output: Output, of: MappingTable) -> None:
    """Say that the field map does not use the table yet, if that is so."""
    if not of.of_currencies and not of.fields:
        entry = f'via = "table:{of.name}"'
        output.note(f"No field goes through this table yet: an entry of the field map with {entry} does.")


def _as_json(plan: Plan, effect: Effect | None, request: Request, version: str | None) -> dict[str, object]:
    return {
        **{str(action): plan.count(action) for action in Action},
        "unchanged": plan.unchanged,
        "accounts": affected(plan, effect) if effect else None,
        "released": released(plan, effect) if effect else None,
        "refused": plan.refused(strict=request.strict),
        "dry_run": request.dry_run,
        "version": version,
        "findings": [finding_as_json(finding) for finding in plan.findings],
        "changes": [_change_as_json(change, effect) for change in plan.changes],
    }


def _change_as_json(change: RowChange, effect: Effect | None) -> dict[str, object]:
    usage = effect.of(change) if effect else None
    return {
        "action": str(action_of(change)),
        "before": change.before,
        "after": change.after,
        "accounts": usage.accounts if usage else None,
        "parked": usage.parked if usage else None,
    }


def finding_as_json(finding: Finding) -> dict[str, object]:
    """Return a finding for scripts."""
    return {"severity": str(finding.severity), **plain(finding)}


def print_rows(output: Output, rows: list[MappingRow], of: MappingTable) -> None:
    """Show rows of the table."""
    if output.as_json:
        output.json(
            [
                {**row.mapped._asdict(), "updated_by": row.updated_by, "updated_at": row.updated_at}
                for row in rows
            ]
        )
        return
    _note_unused(output, of)
    if not rows:
        output.text(f"The table has no rows: `{of.command('import')}` fills it.")
    lines = [(row.mapped.crm, row.mapped.ax, row.updated_by, row.updated_at) for row in rows]
    output.table([*of.headers, "Changed by", "Changed at (UTC)"], lines)
    output.note(f"{counted(len(rows), 'row')}.")


def version_line(version: Version) -> list[object]:
    """Return an edit as one line: its id, when, who, from where, and how many rows."""
    actions = [str(action_of(change)) for change in version.changes]
    edit_ = version.edit
    counts = [actions.count(name) for name in ("added", "changed", "removed")]
    return [edit_.id, edit_.at, edit_.by, edit_.source, *counts]


def change_lines(version: Version) -> list[list[object]]:
    """Return the rows that an edit changed, with the code before and after."""
    lines: list[list[object]] = []
    for change in version.changes:
        codes = [mapped.ax if mapped else "" for mapped in (change.before, change.after)]
        lines.append([version.edit.id, version.edit.by, str(action_of(change)), change.mapped.crm, *codes])
    return lines


async def plan_of_file(
    operator: Operator, mapping: EditMapping, output: Output, file: Path, *, replace: bool
) -> Plan:
    """Read a file, with a progress bar, and plan what it changes."""
    with output.progress() as progress:
        task = progress.add_task(f"Reading {shown(file.name)}", total=None)
        with closing(operator.sheets.read(file)) as rows:
            sheet = read_rows(_counted(rows, lambda: progress.advance(task)), mapping.of)
        progress.update(task, description="Comparing with the table, the ERP and Sales")
        return await mapping.plan_import(sheet, replace=replace)


def _counted(rows: Iterable[SheetRow], advance: Callable[[], None]) -> Iterator[SheetRow]:
    """Return the rows and count each. The thread of `Progress.track` would not end if a row is refused."""
    for row in rows:
        advance()
        yield row
