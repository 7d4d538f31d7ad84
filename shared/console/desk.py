"""What every page works with: the use cases, the person, the form, and the answer."""

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shared.console.people import Person
from shared.console.rendering import BASE, render
from shared.model.action import OperatorAction, action_id
from shared.wiring.operator import Operator

_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv; charset=utf-8",
}
LONGEST_TEXT = 1024
LONGEST_WHY = 200
_DIGITS = 19
_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
_LARGEST_PART = 6 * 2**20


class RefusedError(Exception):
    """The page cannot do this; the message says why and what to do."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Desk:
    """One request of one person."""

    request: Request
    operator: Operator
    person: Person

    @property
    def erp(self) -> str:
        """The name of the ERP in use."""
        return self.operator.erp.capabilities.name

    def show(self, template: str, /, **values: object) -> Response:
        """Answer with a page."""
        return HTMLResponse(render(self.request, template, self.operator, **values))

    def file(self, name: str, rows: Iterable[Sequence[str]], title: str = "Currency mapping") -> Response:
        """Answer with a spreadsheet file of these rows; the name says which kind."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            self.operator.sheets.write(path, rows, title)
            content = path.read_bytes()
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, headers=headers, media_type=_TYPES[path.suffix])

    async def form(self) -> "Form":
        """Read the form that was sent. Raises RefusedError."""
        reading = self.request.form(max_files=1, max_fields=2000, max_part_size=_LARGEST_PART)
        async with reading as fields:
            files = {
                name: Upload(value.filename, await value.read())
                for name, value in fields.items()
                if isinstance(value, UploadFile) and value.filename
            }
        return Form(fields, files)

    def account(self) -> UUID:
        """Return the account in the address. Raises RefusedError."""
        return _guid(self.request.query_params.get("id", ""))

    async def act(self, what: str, ids: Collection[object], why: str = "", count: int | None = None) -> UUID:
        """Store that the person does this, before it is done. Return the action's id."""
        now = self.operator.ports.clock.now()
        texts = tuple(map(str, ids))
        size = len(texts) if count is None else count
        action = OperatorAction(action_id(now), now, self.person.id, what, texts, size, why)
        await self.operator.actions.add(action)
        return action.id

    def done(self, action: UUID) -> Response:
        """Go to the page of an action that was carried out, so that a reload does not repeat it."""
        return RedirectResponse(f"{BASE}/done?id={action}", 303)


class Upload(NamedTuple):
    """A file that was sent, and its name on the person's machine."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; every text is bounded and without control characters."""

    fields: FormData
    files: Mapping[str, Upload]

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str:
        """Return a field, "" if it is missing. Raises RefusedError if it is too long."""
        value = self.fields.get(name, "")
        text = value if isinstance(value, str) else ""
        if len(text) > longest:
            raise RefusedError(f"A text is longer than {longest:,} characters; nothing was done.")
        return text.translate(_CONTROL).strip()

    def has(self, name: str) -> bool:
        """Whether the form has the field."""
        return name in self.fields

    def accounts(self, name: str = "account") -> list[UUID]:
        """Return the accounts that were chosen. Raises RefusedError."""
        return list(dict.fromkeys(_guid(str(value)) for value in self.fields.getlist(name)))

    def numbers(self, name: str) -> set[int]:
        """Return the numbers of messages that were chosen."""
        texts = (str(value) for value in self.fields.getlist(name))
        return {int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) <= _DIGITS}

    def number(self, name: str, least: int, most: int, *, needed: bool = False) -> int:
        """Return a whole number, `least` if the field is empty. Raises RefusedError."""
        text = self.text(name).replace(",", "")
        if not text and not needed:
            return least
        if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
            raise RefusedError(f"“{text}” is no whole number; nothing was done.")
        if not least <= int(text) <= most:
            raise RefusedError(f"The number must be from {least:,} to {most:,}; nothing was done.")
        return int(text)

    def why(self) -> str:
        """Return the reason that the person gave."""
        return self.text("why", LONGEST_WHY)


def _guid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise RefusedError("The address or the form names no account. Search for it.", 404) from None
