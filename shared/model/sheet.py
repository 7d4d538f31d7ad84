"""A spreadsheet file as rows of cells, whatever its format."""

from collections.abc import Sequence
from typing import NamedTuple

MOST_COLUMNS = 256
LONGEST_CELL = 32_767  # characters; Excel's own limit


class SheetError(Exception):
    """The file cannot be used at all; the message says why and what to do."""


class NoText(NamedTuple):
    """A cell that is neither text nor a number; says what it is: "a formula", "a date", "an error value"."""

    what: str


type Cell = str | NoText


class SheetRow(NamedTuple):
    """One row of a file: its number as the spreadsheet shows it, its cells, and its sheet.

    `hidden`: the spreadsheet does not show the row, for example because of a filter.
    """

    number: int
    cells: Sequence[Cell]
    sheet: str = ""
    hidden: bool = False
