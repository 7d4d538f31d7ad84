"""The currency mapping in a spreadsheet: what its cells mean, and what is refused. Pure.

In: rows of cells as a file has them. Out: the mapping's rows with their numbers, and findings about cells
that cannot be taken. Formulas are never evaluated: such a cell is an error. A text at whose start a
spreadsheet would see a formula is written with an apostrophe before it, and read without it, so that names
survive the round trip (owasp.org/www-community/attacks/CSV_Injection). White space around a text is no part
of it: nobody sees it in a cell.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.mappings.findings import Finding, Kind
from shared.model.mapping import fold
from shared.model.mapping_edit import Mapped
from shared.model.sheet import Cell, NoText, SheetError, SheetRow

HEADERS = ("Currency CRM", "Currency AX")
MOST_ROWS = 100_000
HEADER_ROWS = 10
_MOST_TOLD = 5
_LONGEST_TOLD = 40
_TOTALS = frozenset(
    (
        *("total", "totals", "sum", "summe", "gesamt", "gesamtsumme"),
        *("totaal", "totale", "totaux", "somme", "suma", "totalt"),
    )
)
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
    """The mapping in the rows of a file: those below the first row of headers. Raises SheetError.

    The headers are looked for in the first ten filled rows of each sheet; empty rows are passed over.
    """
    found = Sheet()
    starts: dict[str, list[SheetRow]] = {}
    header: SheetRow | None = None
    columns = (0, 0)
    hidden: list[int] = []
    for row in rows:
        if all(map(_is_empty, row.cells)):
            continue
        if header is not None and row.sheet == header.sheet:
            _take(found, row, columns, hidden)
        elif _may_be_header(row, starts) and _is_header(row):
            if header is None:
                header, columns = row, _columns(row, found)
            else:
                found.findings.append(_other_sheet(row, header))
    if header is None:
        raise SheetError(_no_header(starts))
    if hidden:
        found.findings.append(_hidden(hidden))
    return found


def _may_be_header(row: SheetRow, starts: dict[str, list[SheetRow]]) -> bool:
    """Keep the row if it is one of the first of its sheet, where the headers are looked for."""
    start = starts.setdefault(row.sheet, [])
    if len(start) == HEADER_ROWS:
        return False
    start.append(row)
    return True


def _names(row: SheetRow) -> list[str]:
    return [fold(cell) if isinstance(cell, str) else "" for cell in row.cells]


def _is_header(row: SheetRow) -> bool:
    names = _names(row)
    return all(names.count(fold(wanted)) == 1 for wanted in HEADERS)


def _columns(header: SheetRow, sheet: Sheet) -> tuple[int, int]:
    """Where the two columns are."""
    names = _names(header)
    for cell, name in zip(header.cells, names, strict=True):
        if name and name not in map(fold, HEADERS):
            message = f'The column "{cell}" is ignored.'
            sheet.findings.append(Finding(Kind.EXTRA_COLUMN, message, row=header.number))
    return names.index(fold(HEADERS[0])), names.index(fold(HEADERS[1]))


def _no_header(starts: Mapping[str, Sequence[SheetRow]]) -> str:
    """What was read, what was found there, and what must stand there."""
    both = f'"{HEADERS[0]}" and "{HEADERS[1]}"'
    wanted = f"a row among the first {HEADER_ROWS} must have the headers {both}, once each"
    if not starts:
        return f"The file is empty; {wanted}."
    found = [_found_there(sheet, rows) for sheet, rows in starts.items()]
    more = f"; and {len(found) - _MOST_TOLD} more sheets" if len(found) > _MOST_TOLD else ""
    return f"{'; '.join(found[:_MOST_TOLD])}{more}; {wanted}."


def _found_there(sheet: str, rows: Sequence[SheetRow]) -> str:
    counts = {row.number: [_names(row).count(fold(wanted)) for wanted in HEADERS] for row in rows}
    row = max(rows, key=lambda row: sum(map(bool, counts[row.number])))
    count = counts[row.number]
    fault = "more than one" if max(count) > 1 else "no"
    header = HEADERS[count.index(max(count) if max(count) > 1 else 0)]
    texts = [
        f'"{" ".join(cell.split())[:_LONGEST_TOLD]}"'
        for cell in row.cells
        if isinstance(cell, str) and cell.strip()
    ]
    there = ", ".join(texts[:_MOST_TOLD]) + (", ..." if len(texts) > _MOST_TOLD else "")
    place = f'Sheet "{sheet[:_LONGEST_TOLD]}", row {row.number}' if sheet else f"Row {row.number}"
    return f'{place} has {fault} header "{header}"; found there: {there or "no text"}'


def _other_sheet(row: SheetRow, header: SheetRow) -> Finding:
    message = f'The sheet "{row.sheet}" has the headers too; only the sheet "{header.sheet}" is read.'
    return Finding(Kind.OTHER_SHEET, message)


def _hidden(numbers: Sequence[int]) -> Finding:
    first = ", ".join(map(str, numbers[:_MOST_TOLD])) + (", ..." if len(numbers) > _MOST_TOLD else "")
    what = f"Row {first} is hidden" if len(numbers) == 1 else f"{len(numbers):,} rows are hidden ({first})"
    message = f"{what} in the spreadsheet and taken like the others; delete what shall not be taken."
    return Finding(Kind.HIDDEN_ROWS, message, row=numbers[0])


def _cell(row: SheetRow, index: int) -> Cell:
    return row.cells[index] if index < len(row.cells) else ""


def _is_empty(cell: Cell) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _take(sheet: Sheet, row: SheetRow, columns: tuple[int, int], hidden: list[int]) -> None:
    name, code = (_cell(row, index) for index in columns)
    if _is_empty(name) and _is_empty(code):
        return
    if row.hidden:
        hidden.append(row.number)
    if isinstance(name, str) and _is_total(name, code):
        message = f'"{name.strip()}" looks like a total and is not taken.'
        sheet.findings.append(Finding(Kind.TOTAL_ROW, message, row=row.number))
        return
    for header, cell in zip(HEADERS, (name, code), strict=True):
        if isinstance(cell, NoText):
            message = f'"{header}" holds {cell.what}; it must be plain text.'
            sheet.findings.append(Finding(Kind.NO_TEXT, message, row=row.number))
    if isinstance(name, str) and isinstance(code, str):
        sheet.rows.append(WantedRow(row.number, Mapped(original(name).strip(), original(code).strip())))
    if len(sheet.rows) > MOST_ROWS:
        message = f"The file has more than {MOST_ROWS:,} rows; divide it."
        raise SheetError(message)


def _is_total(name: str, code: Cell) -> bool:
    """A row under a table: a word for a total, and beside it nothing that could be a code."""
    words = fold(name).rstrip(":.").split()
    return (
        bool(words)
        and not _TOTALS.isdisjoint(words[:2])
        and not (isinstance(code, str) and code.strip().isalpha())
    )
