"""A change of the currency mapping: rows before and after, and the edit that they belong to."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from shared.model.faults import Fault
from shared.model.mapping import currency_key


class Mapped(NamedTuple):
    """What one row says: the currency's name in Sales as typed, and its code in the ERP."""

    crm: str
    ax: str


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A row of the table as it stands. A row made by hand may have any RowKey."""

    row_key: str
    mapped: Mapped
    etag: str
    updated_by: str = ""
    updated_at: datetime | None = None

    @property
    def key(self) -> str | None:
        """The normalised name; None if it is none that could be looked up."""
        return key_or_none(self.mapped.crm)


@dataclass(frozen=True, slots=True)
class RowChange:
    """What becomes of one row: `before` None adds it, `after` None removes it.

    `etag` is that of the row as it was read: the change is refused if the row is another by then.
    """

    row_key: str
    before: Mapped | None
    after: Mapped | None
    etag: str = ""

    @property
    def mapped(self) -> Mapped:
        """What the row says now or, if it goes, what it said."""
        return self.after or self.before or Mapped("", "")


@dataclass(frozen=True, slots=True)
class Edit:
    """One command of one person. `id` rises with time; `source` is the file or command it came from."""

    id: str
    at: datetime
    by: str
    source: str


@dataclass(frozen=True, slots=True)
class Version:
    """An edit with all its changes, as the history keeps it."""

    edit: Edit
    changes: tuple[RowChange, ...]


class MappingConflict(Fault):
    """Somebody else changed a row since it was read; nothing of its batch was taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f'Somebody else changed "{name}" meanwhile.')


def key_or_none(name: str) -> str | None:
    """The normalised name, or None if it is none that the table could hold."""
    try:
        return currency_key(name)
    except ValueError:
        return None
