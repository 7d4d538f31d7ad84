# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingModuleSource=false
# openpyxl comes without types.
"""Reads and writes spreadsheet files row by row: Excel workbooks (.xlsx) and CSV.

In: a path. Out: rows of texts. Nothing is evaluated: a formula, a date or an error value becomes `NoText`.
Other formats, encodings other than UTF-8 and UTF-16, and files too large for a mapping are refused with the
remedy.
"""

import csv
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from shared.model.sheet import LONGEST_CELL, MOST_COLUMNS, NoText, SheetError, SheetRow

LARGEST_FILE = 16 * 2**20
_DELIMITERS = ",;\t"
# What a workbook escapes, see sheets_workbook.
_TO_ESCAPE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class SpreadsheetFiles:
    """Implements the port Sheets."""

    def read(self, file: Path) -> Generator[SheetRow]:
        """Read the rows of a file one by one; of a workbook, every sheet in turn. Raises SheetError."""
        readers: dict[str, Callable[[Path], Iterator[SheetRow]]] = {".xlsx": _read_xlsx, ".csv": _read_csv}
        with _file_errors(file):
            if file.stat().st_size > LARGEST_FILE:
                raise SheetError(f"{file} is larger than {LARGEST_FILE >> 20} MB; that is no mapping table.")
            yield from readers[_format(file)](file)

    def write(self, file: Path, rows: Iterable[Sequence[str]], title: str = "Currency mapping") -> None:
        """Write these texts, the header first. The file appears only when complete. Raises SheetError."""
        part = file.with_name(f".{file.name}.{os.getpid()}.part")
        workbook = _format(file) == ".xlsx"
        with _file_errors(file):
            try:
                if workbook:
                    _write_xlsx(part, rows, title)
                else:
                    _write_csv(part, rows)
                part.replace(file)
            finally:
                part.unlink(missing_ok=True)


def _format(file: Path) -> str:
    suffix = file.suffix.lower()
    if suffix not in {".xlsx", ".csv"}:
        raise SheetError(f"{file} is neither .xlsx nor .csv; save it as one of the two.")
    return suffix


@contextmanager
def _file_errors(file: Path) -> Generator[None]:
    try:
        yield
    except UnicodeError as error:
        raise SheetError(f'{file} is not in UTF-8; save it as "CSV UTF-8", or as .xlsx.') from error
    except csv.Error as error:
        raise SheetError(f"{file} is not a sound CSV file ({error}); save it again, or as .xlsx.") from error
    except OSError as error:
        raise SheetError(f"{file} cannot be used: {error.strerror or error}.") from error


def _read_xlsx(file: Path) -> Iterator[SheetRow]:
    from shared.spreadsheets.workbook import read_workbook

    return read_workbook(file, file.read_bytes())


def _read_csv(file: Path) -> Iterator[SheetRow]:
    with file.open("rb") as raw:
        encoding = "utf-16" if raw.peek()[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
        with TextIOWrapper(raw, encoding, newline="") as text:
            delimiter = _delimiter(text.readline())
            text.seek(0)
            for number, cells in enumerate(csv.reader(text, delimiter=delimiter, strict=True), start=1):
                if len(cells) > MOST_COLUMNS or any(len(cell) > LONGEST_CELL for cell in cells):
                    raise SheetError(
                        f"{file} has more than {MOST_COLUMNS} columns in row {number}, or a cell of more "
                        f"than {LONGEST_CELL:,} characters; that is no mapping table."
                    )
                yield SheetRow(number, [NoText("a formula") if cell[:1] == "=" else cell for cell in cells])


def _delimiter(header: str) -> str:
    """Find the character that separates the headers: Excel writes the list separator of the user's region."""
    return max(_DELIMITERS, key=header.count)


def _write_csv(file: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write CSV with a byte order mark; without it, Excel reads the file in the region's old code page."""
    with file.open("w", encoding="utf-8-sig", newline="") as text:
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)


def _write_xlsx(file: Path, rows: Iterable[Sequence[str]], title: str) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    def cell(text: str) -> Any:
        made = WriteOnlyCell(sheet, _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text))
        made.data_type = "s"  # always text, even if it looks like a formula
        return made

    workbook = Workbook(write_only=True)
    sheet: Any = workbook.create_sheet(title)
    sheet.freeze_panes = "A2"
    for row in rows:
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(row)]:
            sheet.column_dimensions[letter].width = 30
        sheet.append([cell(text) for text in row])
    workbook.save(file)
    workbook.close()
