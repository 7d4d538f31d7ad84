"""A change of the mapping table: rows before and after, and the edit that they belong to."""

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
    """A row of the table as stored. A row made by hand may have any RowKey."""

    row_key: str
    mapped: Mapped
    etag: str
    updated_by: str = ""
    updated_at: datetime | None = None

    @property
    def key(self) -> str | None:
        """The normalised name; None if the name cannot be a key."""
        return key_or_none(self.mapped.crm)


@dataclass(frozen=True, slots=True)
class RowChange:
    """The change of one row: `before` None adds the row, `after` None removes it.

    `etag` is the ETag of the row as read. The change is refused if the row was changed since.
    """

    row_key: str
    before: Mapped | None
    after: Mapped | None
    etag: str = ""

    @property
    def mapped(self) -> Mapped:
        """The row after the change; if it is removed, the row before."""
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
    """An edit with all its changes, as stored in the history."""

    edit: Edit
    changes: tuple[RowChange, ...]


class MappingConflict(Fault):
    """Somebody else changed a row since it was read. No change of the batch was stored."""

    def __init__(self, name: str) -> None:
        super().__init__(f'Somebody else changed "{name}" meanwhile.')


def key_or_none(name: str) -> str | None:
    """Return the normalised name, or None if the name cannot be a key of the table."""
    try:
        return currency_key(name)
    except ValueError:
        return None
