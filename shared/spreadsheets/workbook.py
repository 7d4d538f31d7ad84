# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingModuleSource=false, reportMissingTypeStubs=false
# openpyxl comes without types.
"""Reads the sheets of an Excel workbook within limits that do not trust the file.

In: a file's bytes. Out: its rows with their cells. A workbook of a few kilobytes can declare a billion empty
rows or rows of 16,384 cells, or unpack to gigabytes. So everything that costs time or memory is counted
before and while it is read. Raises SheetError, and nothing else, for a file that is too large, damaged or
encrypted.
"""

import re
from collections.abc import Generator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from openpyxl import load_workbook
from openpyxl.worksheet._reader import ROW_TAG, WorkSheetParser
from openpyxl.xml.functions import iterparse

from shared.model.sheet import LONGEST_CELL, MOST_COLUMNS, Cell, NoText, SheetError, SheetRow

LARGEST_UNPACKED = 128 * 2**20
MOST_TAGS = 5_000_000  # of all parts together; a table of 100,000 rows has about 1.5 million
MOST_TAGS_TO_OPEN = 50_000_000
MOST_CELLS = 2_000_000
LAST_ROW = 1_048_576  # Excel's own limit
_CHUNK = 2**20
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # an encrypted workbook, and one of the format before .xlsx
_SHEET = re.compile(rb"<(?:\w+:)?sheet[\s/>]")
_ENCRYPTED = 1  # bit of an entry's flags
# How a workbook keeps characters that XML cannot hold, ECMA-376 part 1, 22.9.2.19 (ST_Xstring).
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_KINDS = {"f": "a formula", "d": "a date", "b": "a truth value", "e": "an error value"}


def read_workbook(file: Path, content: bytes) -> Generator[SheetRow]:
    """Read the rows of every sheet in order; `file` is the file's name for messages. Raises SheetError."""
    if content.startswith(_OLE):
        message = f"{file} is encrypted, or of an old format; in Excel, save it as .xlsx without a password."
        raise SheetError(message)
    try:
        _check_archive(file, content)
        yield from _rows(file, content)
    except SheetError:
        raise
    except Exception as error:
        message = f"{file} is not a sound Excel workbook; open it in Excel and save it again as .xlsx."
        raise SheetError(message) from error


def _check_archive(file: Path, content: bytes) -> None:
    """Unpack every part once and count its bytes, because its declared size may be wrong."""
    with ZipFile(BytesIO(content)) as archive:
        entries = archive.infolist()
        if any(entry.flag_bits & _ENCRYPTED for entry in entries):
            raise SheetError(f"{file} is encrypted; in Excel, save it without a password.")
        if any(entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED} for entry in entries):
            raise NotImplementedError
        if sum(entry.file_size for entry in entries) > LARGEST_UNPACKED:
            message = f"{file} unpacks to more than {LARGEST_UNPACKED >> 20} MB; that is no mapping table."
            raise SheetError(message)
        tags, sheets = 0, 0
        for entry in entries:
            with archive.open(entry) as part:
                while chunk := part.read(_CHUNK):
                    tags += chunk.count(b"<")
                    sheets += len(_SHEET.findall(chunk))
        # openpyxl opens every sheet to learn its size, and several sheets may be one part.
        if tags > MOST_TAGS or tags * sheets > MOST_TAGS_TO_OPEN:
            message = f"{file} holds far more than a mapping table; copy the two columns into a new file."
            raise SheetError(message)


def _rows(file: Path, content: bytes) -> Iterator[SheetRow]:
    workbook: Any = load_workbook(BytesIO(content), read_only=True, keep_links=False)
    cells = 0
    for sheet in workbook.worksheets:
        last = 0
        with sheet._get_source() as source:
            parser = _SheetParser(source, sheet._shared_strings, date_formats=workbook._date_formats)
            for (number, found), hidden in parser.parse():
                if not last < number <= LAST_ROW:
                    raise SheetError(f"{file} has a row {number} after row {last}; no sound workbook has.")
                last = number
                row = _row(file, number, found)._replace(sheet=sheet.title, hidden=hidden)
                cells += len(row.cells)
                if cells > MOST_CELLS:
                    raise SheetError(
                        f"{file} has more than {MOST_CELLS:,} cells; copy the two columns into a new file."
                    )
                if row.cells:
                    yield row


class _SheetParser(WorkSheetParser):
    """Reads only the rows of a sheet. The text of a formula is not read, because that is slow."""

    def parse(self) -> Generator[Any]:
        """Return each row's number and cells, and whether it is hidden."""
        element: Any
        for _, element in iterparse(self.source):
            if element.tag == ROW_TAG:
                row, hidden = self.parse_row(element), element.get("hidden") in {"1", "true"}
                element.clear()
                yield row, hidden

    def parse_formula(self, element: object) -> str:
        """Return any text: only the fact that the cell is a formula matters."""
        return "="


def _row(file: Path, number: int, found: list[dict[str, Any]]) -> SheetRow:
    """Return the row up to its last cell that is not empty."""
    values = {one["column"]: _cell(one["data_type"], one["value"]) for one in found}
    columns = [column for column, value in values.items() if value != ""]
    if columns and max(columns) > MOST_COLUMNS:
        message = f"{file} has more than {MOST_COLUMNS} columns in row {number}; that is no mapping table."
        raise SheetError(message)
    if any(len(value) > LONGEST_CELL for value in values.values() if isinstance(value, str)):
        message = f"{file} has a cell of more than {LONGEST_CELL:,} characters in row {number}; shorten it."
        raise SheetError(message)
    return SheetRow(number, [values.get(column, "") for column in range(1, max(columns, default=0) + 1)])


def _cell(kind: str, value: object) -> Cell:
    if kind in _KINDS:
        return NoText(_KINDS[kind])
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(value))
