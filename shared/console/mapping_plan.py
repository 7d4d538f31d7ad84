"""Changes of a mapping table: the plan first, with its impact; then the same plan is carried out.

Nothing is kept between the two requests. The form brings what was asked for; the plan is made again, and if
it is another one meanwhile, it is shown again.
"""

import json
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from shared.console.desk import LONGEST_TEXT, Desk, Form, RefusedError, Upload
from shared.console.guard import LARGEST_UPLOAD
from shared.console.mapping import edited
from shared.mappings.plan import Action, Plan
from shared.mappings.review import affected, released
from shared.mappings.sheet import Sheet, WantedRow, read_rows
from shared.model.mapping import MappingTable
from shared.model.mapping_edit import Mapped
from shared.model.sheet import SheetError

LARGEST_FILE = 5 * 2**20
SHOWN = 200
_SUFFIXES = {".xlsx", ".csv"}
CHANGED = "The table was changed meanwhile; nothing was done. This is the plan as it is now."
_ROWS = TypeAdapter(list[tuple[int | None, str, str]])


@dataclass(frozen=True, slots=True)
class Request:
    """What the person asked for. `rows` are those of a file, as the form brings them back."""

    do: str
    table: str = ""
    name: str = ""
    code: str = ""
    version: str = ""
    replace: bool = False
    rows: str = ""
    file: str = ""


async def show(desk: Desk) -> Response:
    """Show the plan."""
    form = await desk.form()
    upload, request = form.files.get("file"), _request(form)
    if request.do != "import":
        return await _shown(desk, request, await _plan(desk, request))
    if upload is None:
        raise RefusedError("No file was chosen. Choose an Excel workbook or a CSV file.")
    mapping = edited(desk, request.table)
    sheet = _sheet(desk, upload, mapping.of)
    request = replace(request, rows=_packed(sheet), file=upload.name[:LONGEST_TEXT])
    plan = await mapping.plan_import(sheet, replace=request.replace)
    return await _shown(desk, request, plan)


async def apply(desk: Desk) -> Response:
    """Carry the plan out, if it is still the one that was shown."""
    form = await desk.form()
    request = _request(form)
    plan = await _plan(desk, request)
    if plan.refused(strict=False) or digest(plan) != form.text("digest"):
        return await _shown(desk, request, plan, CHANGED)
    if not plan.changes:
        return await _shown(desk, request, plan)
    mapping, why = edited(desk, request.table), form.why()
    source = {"import": request.file, "undo": f"undo {request.version}".strip()}.get(request.do, "page")
    edit = mapping.new_edit(str(desk.person.id), source, secrets.token_hex(2))
    what = "undo" if request.do == "undo" else "currency"
    if not mapping.of.of_currencies:
        what = "mapping-undo" if request.do == "undo" else "mapping"
    action = await desk.act(what, [edit.id], why, len(plan.changes))
    await mapping.carry_out(plan, edit, lambda _: None)
    return desk.done(action)


def digest(plan: Plan) -> str:
    """Return a short text that differs if any change of the plan does."""
    changes = [(change.row_key, change.before, change.after, change.etag) for change in plan.changes]
    return blake2b(json.dumps(changes).encode(), digest_size=16).hexdigest()


async def _shown(desk: Desk, request: Request, plan: Plan, notice: str = "") -> Response:
    mapping = edited(desk, request.table)
    effect = await mapping.review.effect() if plan.changes else None
    return desk.show(
        "plan.html",
        request=request,
        of=mapping.of,
        notice=notice,
        changes=[(change, effect.of(change)) for change in plan.changes[:SHOWN]] if effect else [],
        more=max(0, len(plan.changes) - SHOWN),
        counts={str(action): plan.count(action) for action in Action},
        unchanged=plan.unchanged,
        findings=sorted(plan.findings[:SHOWN], key=lambda found: str(found.severity)),
        refused=plan.refused(strict=False),
        accounts=affected(plan, effect) if effect else 0,
        freed=released(plan, effect) if effect else 0,
        digest=digest(plan),
    )


async def _plan(desk: Desk, request: Request) -> Plan:
    """Make the plan. Raises RefusedError."""
    mapping = edited(desk, request.table)
    match request.do:
        case "set":
            return await mapping.plan_set(request.name, request.code)
        case "delete":
            try:
                return await mapping.plan_delete(request.name)
            except ValueError as error:
                raise RefusedError(str(error)) from error
        case "undo":
            return await mapping.plan_undo(request.version or None)
        case "import":
            return await mapping.plan_import(_unpacked(request.rows), replace=request.replace)
        case _:
            raise RefusedError("The form does not say what to do. Open the page Mapping tables again.")


def _request(form: Form) -> Request:
    return Request(
        do=form.text("do"),
        table=form.text("table"),
        name=form.text("name"),
        code=form.text("code"),
        version=form.text("version"),
        replace=form.has("replace"),
        rows=form.text("rows", LARGEST_UPLOAD),
        file=form.text("filename"),
    )


def _sheet(desk: Desk, upload: Upload, of: MappingTable) -> Sheet:
    """Read the file that was sent. Raises RefusedError and SheetError."""
    if len(upload.content) > LARGEST_FILE:
        raise RefusedError("The file is larger than 5 MB; that is no mapping table. Nothing was done.", 413)
    suffix = Path(upload.name).suffix.lower()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"file{suffix if suffix in _SUFFIXES else '.other'}"
        file.write_bytes(upload.content)
        try:
            return read_rows(desk.operator.sheets.read(file), of)
        except SheetError as error:
            raise SheetError(str(error).replace(str(file), upload.name)) from error


def _packed(sheet: Sheet) -> str:
    rows: Sequence[Any] = [(row.number, *row.mapped) for row in sheet.rows]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _unpacked(text: str) -> Sheet:
    """Return the rows that the form brings back. Raises RefusedError."""
    try:
        rows = _ROWS.validate_json(text)
    except ValidationError:
        raise RefusedError("The rows of the file did not come back; choose the file again.") from None
    return Sheet([WantedRow(number, Mapped(crm, ax)) for number, crm, ax in rows])
