"""Reads and writes the mapping table as spreadsheet rows, and reports cells that cannot be used. Pure.

In: the rows of cells of a file. Out: the mapping's rows with their numbers, and findings about unusable
cells. Formulas are never evaluated: such a cell is an error. A text that a spreadsheet would take for a
formula is written with an apostrophe before it, which is removed when the file is read
(owasp.org/www-community/attacks/CSV_Injection). White space around a text is removed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.mappings.findings import Finding, Kind
from shared.model.mapping import CURRENCIES, MappingTable, fold
from shared.model.mapping_edit import Mapped
from shared.model.sheet import Cell, NoText, SheetError, SheetRow

HEADERS = CURRENCIES.headers
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
    """One wanted row of the mapping, with its number in the file."""

    number: int | None
    mapped: Mapped


@dataclass(slots=True)
class Sheet:
    """The content of a file."""

    rows: list[WantedRow] = field(default_factory=list[WantedRow])
    findings: list[Finding] = field(default_factory=list[Finding])


def neutralised(text: str) -> str:
    """Return the text for a cell, changed so that no spreadsheet takes it for a formula."""
    return _MARK + text if text[:1] in _DANGEROUS and text else text


def original(text: str) -> str:
    """Return the text from which `neutralised` made `text`."""
    return text[1:] if text[:1] == _MARK and text[1:2] in _DANGEROUS and len(text) > 1 else text


def written(rows: Iterable[Mapped], of: MappingTable = CURRENCIES) -> Iterator[tuple[str, str]]:
    """Return the rows of a file with this mapping."""
    yield of.headers
    yield from ((neutralised(row.crm), neutralised(row.ax)) for row in rows)


def read_rows(rows: Iterable[SheetRow], of: MappingTable = CURRENCIES) -> Sheet:
    """Read the mapping from the rows below the first header row of a file. Raises SheetError.

    The header row must be one of the first ten filled rows of a sheet. Empty rows are ignored.
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
            _take(found, row, columns, hidden, of)
        elif _may_be_header(row, starts) and _is_header(row, of):
            if header is None:
                header, columns = row, _columns(row, found, of)
            else:
                found.findings.append(_other_sheet(row, header))
    if header is None:
        raise SheetError(_no_header(starts, of.headers))
    if hidden:
        found.findings.append(_hidden(hidden))
    return found


def _may_be_header(row: SheetRow, starts: dict[str, list[SheetRow]]) -> bool:
    """Keep the row if it is one of the first rows of its sheet, which may contain the headers."""
    start = starts.setdefault(row.sheet, [])
    if len(start) == HEADER_ROWS:
        return False
    start.append(row)
    return True


def _names(row: SheetRow) -> list[str]:
    return [fold(cell) if isinstance(cell, str) else "" for cell in row.cells]


def _is_header(row: SheetRow, of: MappingTable) -> bool:
    names = _names(row)
    return all(names.count(fold(wanted)) == 1 for wanted in of.headers)


def _columns(header: SheetRow, sheet: Sheet, of: MappingTable) -> tuple[int, int]:
    """Return the positions of the two columns."""
    names = _names(header)
    for cell, name in zip(header.cells, names, strict=True):
        if name and name not in map(fold, of.headers):
            message = f'The column "{cell}" is ignored.'
            sheet.findings.append(Finding(Kind.EXTRA_COLUMN, message, row=header.number))
    return names.index(fold(of.headers[0])), names.index(fold(of.headers[1]))


def _no_header(starts: Mapping[str, Sequence[SheetRow]], headers: tuple[str, str]) -> str:
    """Make the error for a file without headers: what was read, what it contains, and what it needs."""
    both = f'"{headers[0]}" and "{headers[1]}"'
    wanted = f"a row among the first {HEADER_ROWS} must have the headers {both}, once each"
    if not starts:
        return f"The file is empty; {wanted}."
    found = [_found_there(sheet, rows, headers) for sheet, rows in starts.items()]
    more = f"; and {len(found) - _MOST_TOLD} more sheets" if len(found) > _MOST_TOLD else ""
    return f"{'; '.join(found[:_MOST_TOLD])}{more}; {wanted}."


def _found_there(sheet: str, rows: Sequence[SheetRow], headers: tuple[str, str]) -> str:
    counts = {row.number: [_names(row).count(fold(wanted)) for wanted in headers] for row in rows}
    row = max(rows, key=lambda row: sum(map(bool, counts[row.number])))
    count = counts[row.number]
    fault = "more than one" if max(count) > 1 else "no"
    header = headers[count.index(max(count) if max(count) > 1 else 0)]
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


def _take(sheet: Sheet, row: SheetRow, columns: tuple[int, int], hidden: list[int], of: MappingTable) -> None:
    name, code = (_cell(row, index) for index in columns)
    if _is_empty(name) and _is_empty(code):
        return
    if row.hidden:
        hidden.append(row.number)
    if isinstance(name, str) and _is_total(name, code, of):
        message = f'"{name.strip()}" looks like a total and is not taken.'
        sheet.findings.append(Finding(Kind.TOTAL_ROW, message, row=row.number))
        return
    for header, cell in zip(of.headers, (name, code), strict=True):
        if isinstance(cell, NoText):
            message = f'"{header}" holds {cell.what}; it must be plain text.'
            sheet.findings.append(Finding(Kind.NO_TEXT, message, row=row.number))
    if isinstance(name, str) and isinstance(code, str):
        sheet.rows.append(WantedRow(row.number, Mapped(original(name).strip(), original(code).strip())))
    if len(sheet.rows) > MOST_ROWS:
        raise SheetError(f"The file has more than {MOST_ROWS:,} rows; divide it.")


def _is_total(name: str, code: Cell, of: MappingTable) -> bool:
    """Whether the row is a total below the table: a word for a total, and no possible code beside it.

    The code of a currency has letters only; that of another value has at least one.
    """
    words = fold(name).rstrip(":.").split()
    return (
        bool(words)
        and not _TOTALS.isdisjoint(words[:2])
        and not (isinstance(code, str) and _may_be_code(code.strip(), of))
    )


def _may_be_code(text: str, of: MappingTable) -> bool:
    return text.isalpha() if of.of_currencies else any(map(str.isalpha, text))
