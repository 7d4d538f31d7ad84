"""[[related]]: tables whose rows accounts refer to. A change of such a row checks these accounts."""

from collections.abc import Iterable, Iterator, Mapping

from shared.model.field_source import CURRENCY_COLUMN, Column, Entry, Name

# The columns of a currency that an account is read with.
CURRENCY_NAMES = frozenset({"currencyname"})


class RelatedTable(Entry):
    """An entry of the field map: the table, and the look-up column of the account that refers to its rows."""

    table: Name
    column: Name


class Related:
    """The entries together with what the field map reads of these rows."""

    def __init__(self, entries: Iterable[RelatedTable], read: Iterable[Column], *, currency: bool) -> None:
        read = [*read, *(Column(column=CURRENCY_COLUMN, lookup=name) for name in CURRENCY_NAMES if currency)]
        self.entries = tuple(entries)
        self._read = {
            entry.column: frozenset(one.lookup for one in read if one.column == entry.column and one.lookup)
            for entry in self.entries
        }

    @property
    def columns(self) -> Mapping[str, frozenset[str]]:
        """The columns that are read of each table: only their change matters."""
        found: dict[str, frozenset[str]] = {}
        for entry in self.entries:
            found[entry.table] = found.get(entry.table, frozenset()) | self._read[entry.column]
        return found

    @property
    def look_ups(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of the account that refer to rows of each table."""
        return {
            table: tuple(sorted({entry.column for entry in self.entries if entry.table == table}))
            for table in self.columns
        }

    def refusals(self) -> Iterator[str]:
        """Say which entries have no effect, because the field map reads nothing of these rows."""
        for entry in self.entries:
            if not self._read[entry.column]:
                yield (
                    f"related {entry.table}: no field reads a column of {entry.column}; let one read it, as "
                    f'column = "{entry.column}.NAME" does, or take the entry out'
                )
