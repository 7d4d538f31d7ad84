"""The currency mapping in a spreadsheet: what its cells mean, and what is refused. Pure.

In: rows of cells as a file has them. Out: the mapping's rows with their numbers, and findings about cells
that cannot be taken. Formulas are never evaluated: such a cell is an error. A text at whose start a
spreadsheet would see a formula is written with an apostrophe before it, and read without it, so that names
survive the round trip exactly (owasp.org/www-community/attacks/CSV_Injection).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.mapping.findings import Finding, Kind
from shared.model.currency import fold
from shared.model.currency_change import Mapped
from shared.model.sheet import Cell, NoText, SheetError, SheetRow

HEADERS = ("Currency CRM", "Currency AX")
MOST_ROWS = 100_000
_MARK = "'"
_DANGEROUS = frozenset("=+-@\t\r\n＝＋－＠" + _MARK)


class WantedRow(NamedTuple):
    """One row of the mapping as it is wanted, with its number in the file it comes from."""

    number: int | None
    mapped: Mapped


@dataclass(slots=True)
class Sheet:
    """All that a file says."""

    rows: list[WantedRow] = field(default_factory=list[WantedRow])
    findings: list[Finding] = field(default_factory=list[Finding])


def neutralised(text: str) -> str:
    """The text as it is written into a cell: no spreadsheet takes it for a formula."""
    return _MARK + text if text[:1] in _DANGEROUS and text else text


def original(text: str) -> str:
    """The text that `neutralised` made `text` of."""
    return text[1:] if text[:1] == _MARK and text[1:2] in _DANGEROUS and len(text) > 1 else text


def written(rows: Iterable[Mapped]) -> Iterator[tuple[str, str]]:
    """The rows of a file that holds this mapping."""
    yield HEADERS
    yield from ((neutralised(row.crm), neutralised(row.ax)) for row in rows)


def read_rows(rows: Iterable[SheetRow]) -> Sheet:
    """The mapping in the rows of a file; empty rows are passed over. Raises SheetError."""
    remaining = iter(rows)
    sheet = Sheet()
    crm, ax = _columns(remaining, sheet)
    for row in remaining:
        name, code = _cell(row, crm), _cell(row, ax)
        if not _is_empty(name) or not _is_empty(code):
            _take(sheet, row.number, name, code)
        if len(sheet.rows) > MOST_ROWS:
            message = f"The file has more than {MOST_ROWS:,} rows; divide it."
            raise SheetError(message)
    return sheet


def _columns(rows: Iterator[SheetRow], sheet: Sheet) -> tuple[int, int]:
    """Where the two columns are: the first row that is not empty holds the headers."""
    header = next((row for row in rows if not all(map(_is_empty, row.cells))), SheetRow(1, ()))
    names = [fold(cell) if isinstance(cell, str) else "" for cell in header.cells]
    found = [names.count(fold(wanted)) for wanted in HEADERS]
    if found != [1, 1]:
        fault = "more than one" if max(found) > 1 else "no"
        wanted = HEADERS[found.index(max(found) if max(found) > 1 else 0)]
        both = f'"{HEADERS[0]}" and "{HEADERS[1]}"'
        message = f'Row {header.number} has {fault} header "{wanted}"; it must have {both}, once each.'
        raise SheetError(message)
    for cell, name in zip(header.cells, names, strict=True):
        if name and name not in map(fold, HEADERS):
            message = f'The column "{cell}" is ignored.'
            sheet.findings.append(Finding(Kind.EXTRA_COLUMN, message, row=header.number))
    return names.index(fold(HEADERS[0])), names.index(fold(HEADERS[1]))


def _cell(row: SheetRow, index: int) -> Cell:
    return row.cells[index] if index < len(row.cells) else ""


def _is_empty(cell: Cell) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _take(sheet: Sheet, number: int, name: Cell, code: Cell) -> None:
    for header, cell in zip(HEADERS, (name, code), strict=True):
        if isinstance(cell, NoText):
            message = f'"{header}" holds {cell.what}; it must be plain text.'
            sheet.findings.append(Finding(Kind.NO_TEXT, message, row=number))
    if isinstance(name, str) and isinstance(code, str):
        sheet.rows.append(WantedRow(number, Mapped(original(name), original(code).strip())))
