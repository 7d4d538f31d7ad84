"""Prints the output of commands: tables for people, JSON for scripts. Texts from outside are never markup."""

import json
import re
import sys
import textwrap
import traceback
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

_FILE_WIDTH = 160  # characters, if the terminal's width is not known
_ANY_WIDTH = 100_000
_COMMAND = re.compile("`[^`]+`")
_JOINT = "\0"  # holds the words of a command together while a paragraph is broken
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


class Output:
    """Standard output for the answer, standard error for progress and notes."""

    def __init__(self, *, as_json: bool, width: int | None = None) -> None:
        self.as_json = as_json
        if width is None and not sys.stdout.isatty():
            width = _FILE_WIDTH
        self.console = Console(width=width, highlight=False, markup=False, emoji=False)
        self.notes = Console(stderr=True, highlight=False, markup=False, emoji=False)

    def json(self, value: object) -> None:
        """Print the answer as one JSON document."""
        sys.stdout.write(document(value, indent=2))

    def line(self, value: object) -> None:
        """Print one JSON document on one line, without delay."""
        sys.stdout.write(document(value))
        sys.stdout.flush()

    def text(self, text: str = "", style: str = "", indent: int = 0) -> None:
        """Print a paragraph, broken between words only: ids, addresses and commands stay whole."""
        lines = textwrap.wrap(
            _COMMAND.sub(lambda found: found[0].replace(" ", _JOINT), shown(text)),
            self.console.width,
            initial_indent=" " * indent,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines or [""]:
            self.console.print(Text(line.replace(_JOINT, " "), style), soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a note to standard error."""
        if not self.as_json:
            self.notes.print(Text(shown(text)), soft_wrap=True)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
        """Print a table, or nothing if it has no rows. If it is too wide, print each row as a record."""
        rows = list(rows)
        made = table(headers, rows, title)
        if not made.row_count:
            return
        wide = self.console.options.update(width=_ANY_WIDTH)
        if self.console.measure(made, options=wide).maximum <= self.console.width:
            self.console.print(made)
            return
        if title:
            self.text(title, "bold")
        for row in rows:
            self.record(str(row[0]), zip(headers[1:], row[1:], strict=True), str(headers[0]))

    def record(self, heading: str, facts: Iterable[tuple[str, object]], label: str = "") -> None:
        """Print a title and its facts, each on its own line; empty facts are left out."""
        self.text(shown(heading if heading or not label else f"({label} is empty)"), "bold")
        for name, value in facts:
            text = shown(value.plain if isinstance(value, Text) else value)
            if text:
                self.text(f"{name}: {text}" if name else text, indent=2)

    def progress(self) -> Progress:
        """Make progress bars on standard error; they are shown only on a terminal."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        disable = self.as_json or not self.notes.is_terminal
        return Progress(*columns, console=self.notes, transient=True, disable=disable)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """Make a table of texts."""
    heading = Text(shown(title), "bold") if title else None
    made = Table(
        title=heading,
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    for header in headers:
        made.add_column(header, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in row))
    return made


def _is_safe(char: str) -> bool:
    return unicodedata.category(char) not in _UNSAFE


def stack_of(error: BaseException) -> str:
    """Return the stack of an error for a terminal; its texts may come from outside."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    return "".join(f"{shown(line)}\n" for line in lines)


def shown(value: object) -> str:
    """Return a value as text for a terminal, without control and direction characters that fake it."""
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case timedelta():
            return duration(value.total_seconds())
        case _:
            pass
    return "".join(char if _is_safe(char) else f"\\u{ord(char):04x}" for char in str(value))


def document(value: object, indent: int | None = None) -> str:
    """Return a JSON document and a line break, with control and direction characters escaped."""
    text = json.dumps(plain(value), ensure_ascii=False, indent=indent)
    return "".join(char if char == "\n" or _is_safe(char) else json.dumps(char)[1:-1] for char in text) + "\n"


def duration(seconds: float | None) -> str:
    """Say a time span in words."""
    if seconds is None:
        return "unknown"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def moment(text: str) -> str:
    """Return a stored time for people: to the second, without the T."""
    return text[:19].replace("T", " ")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, with an s in the plural: "1 account", "2,000 accounts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def plain(value: object) -> Any:
    """Convert a value for JSON: data classes and named tuples to objects, times to ISO 8601."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == int(value) else float(value)
        case UUID():
            return str(value)
        case Mapping():
            return {str(name): plain(item) for name, item in cast(Mapping[object, object], value).items()}
        case _ if is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _ if callable(as_dict := getattr(value, "_asdict", None)):
            return plain(as_dict())
        case _:
            return [plain(item) for item in cast(Iterable[object], value)]
