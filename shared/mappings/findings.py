"""Findings about a plan or the table: errors stop an edit, warnings stop it only with `--strict`."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class Kind(StrEnum):
    """The kinds of findings: a closed list, on which scripts can rely."""

    DUPLICATE = "duplicate"
    EMPTY_NAME = "empty-name"
    EMPTY_CODE = "empty-code"
    BAD_NAME = "bad-name"
    LONG_CODE = "long-code"
    NO_TEXT = "no-text"
    NOT_ISO = "not-iso-4217-shaped"
    UNKNOWN_CODE = "unknown-in-operations"
    OTHER_ISO_CODE = "other-iso-code-in-sales"
    NOT_MAPPED = "not-mapped"
    CHANGED_BY_HAND = "changed-by-hand"
    NOT_CHECKED = "not-checked"
    EXTRA_COLUMN = "extra-column"
    CODE_CASE = "code-case"
    HIDDEN_ROWS = "hidden-rows"
    OTHER_SHEET = "other-sheet"
    TOTAL_ROW = "total-row"


_ERRORS = {Kind.DUPLICATE, Kind.EMPTY_NAME, Kind.EMPTY_CODE, Kind.BAD_NAME, Kind.LONG_CODE, Kind.NO_TEXT}
_NOTICES = {Kind.EXTRA_COLUMN}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `row` is the number of the row in the file, if there is one."""

    kind: Kind
    message: str
    row: int | None = None
    name: str = ""

    @property
    def severity(self) -> Severity:
        """Return the severity, which depends only on the kind."""
        if self.kind in _ERRORS:
            return Severity.ERROR
        return Severity.NOTICE if self.kind in _NOTICES else Severity.WARNING

    def stops(self, *, strict: bool) -> bool:
        """Whether nothing may be taken."""
        return self.severity is Severity.ERROR or (strict and self.severity is Severity.WARNING)

    @property
    def where(self) -> str:
        """Say in words which row it is."""
        return f"row {self.row}" if self.row is not None else ""
