"""The field map: says which column of the account goes into which field of the ERP.

In: the content of a TOML file. Out: a checked, frozen `FieldMap`. A wrong entry is refused with a message
that names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Self, cast

from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from shared.model.field_source import (
    CURRENCY,
    CURRENCY_COLUMN,
    CUSTOMER,
    Column,
    Entry,
    MappedField,
    Name,
    TableHeaders,
    table_name_refusal,
)
from shared.model.map_sections import Company, Hold, Key, RowRule
from shared.model.mapping import CURRENCIES, VALUE_HEADERS, MappingTable, value_table
from shared.model.related_table import Related, RelatedTable

STATE_COLUMNS = ("statecode", "statuscode")
_OWNER, _OWNING_USER = "ownerid", "owninguser"  # an event names the one, and a query reads the other

type ValueMaps = Mapping[str, Mapping[str, str]]


class FieldMap(Entry):
    """The whole map, validated: every value map that it names exists, every rule and field is valid."""

    company: Company
    key: Key
    only_if: tuple[RowRule, ...] = ()
    fields: Mapping[Name, MappedField]
    hold: Hold
    value_maps: ValueMaps = Field(default={}, validate_default=True)
    tables: Mapping[str, TableHeaders] = {}
    related: tuple[RelatedTable, ...] = ()

    _warnings: Sequence[str] = PrivateAttr(default=())

    def model_post_init(self, context: Mapping[str, Any] | None, /) -> None:
        """Keep the warnings of the file's reader, which are in the validation context."""
        self._warnings = (context or {}).get("warnings", ())

    @property
    def warnings(self) -> Sequence[str]:
        """What the author of the map should change. The map works without these changes."""
        return self._warnings

    @field_validator("value_maps", mode="after")
    @classmethod
    def _with_shipped_maps(cls, own: ValueMaps, info: ValidationInfo) -> ValueMaps:
        """Add the value maps that ship with the app, given in the context; the file's entries come first."""
        context = cast(Mapping[str, ValueMaps], info.context or {})
        shipped = context.get("value_maps", {})
        return {name: {**shipped.get(name, {}), **own.get(name, {})} for name in {*shipped, *own}}

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for name, entry in self.fields.items():
            if entry.value_map is not None and entry.value_map not in self.value_maps:
                message = (
                    f"fields.{name}: there is no [value_maps.{entry.value_map}]; other values of via are "
                )
                raise ValueError(message + f'"{CURRENCY}", "{CUSTOMER}" and "table:NAME"')
        for table in self.tables:
            if message := table_name_refusal(table):
                raise ValueError(f"tables.{table}: {message}")
        for message in self.related_rows.refusals():
            raise ValueError(message)
        if any(column.column == _OWNER and column.lookup for column in self.columns):
            message = f'columns of the owner are read as "{_OWNING_USER}.NAME": {_OWNER} may be a team'
            raise ValueError(message)
        own = {self.company.field, self.key.field, self.hold.field, self.key.second_key}
        if clash := own & set(self.fields):
            message = f"fields.{min(str(name) for name in clash)} is set by [key], [company] or [hold]"
            raise ValueError(message)
        return self

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every column that is read, once. The currency itself is left out: it is read as a related row."""
        read = [*self._read()]
        if self.key.assigned_by_erp:
            read.append(Column(column=self.key.number_column))
        found = {column.path: column for column in read if column.path != CURRENCY_COLUMN}
        return tuple(found.values())

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the ERP fields in a customer's body; the hold, the company and the number are not."""
        second = self.key.second_key if self.key.assigned_by_erp else None
        return frozenset((*self.fields, second) if second else self.fields)

    @cached_property
    def watched(self) -> frozenset[str]:
        """The account's columns whose change matters: for the filter, the registration and $select alike."""
        read = frozenset(column.column for column in self._read())
        return read | {_OWNER} if _OWNING_USER in read else read

    @cached_property
    def related_rows(self) -> Related:
        """The rows of other tables whose change checks the accounts that refer to them."""
        return Related(self.related, self.columns, currency=self.has_currency)

    @property
    def written_back(self) -> frozenset[str]:
        """The account's columns that this app itself may write."""
        return frozenset({self.key.number_column} if self.key.assigned_by_erp else ())

    @cached_property
    def has_currency(self) -> bool:
        """Whether a field takes its value from the mapping table of currencies."""
        return any(entry.via == CURRENCY for entry in self.fields.values())

    @cached_property
    def mapping_tables(self) -> Mapping[str, MappingTable]:
        """Every mapping table that a field goes through or that has headers, by name, without currencies."""
        used: dict[str, dict[str, MappedField]] = {name: {} for name in self.tables}
        for name, entry in self.fields.items():
            if entry.table is not None:
                used.setdefault(entry.table, {})[name] = entry
        return {
            name: value_table(
                name,
                self.tables[name].headers if name in self.tables else VALUE_HEADERS,
                tuple(entries),
                tuple({entry.column: None for entry in entries.values() if entry.label and entry.column}),
            )
            for name, entries in used.items()
        }

    def mapping_table(self, name: str) -> MappingTable:
        """Return the table of this name, also one that no field goes through. Raises ValueError."""
        if name == CURRENCY:
            return CURRENCIES
        if message := table_name_refusal(name):
            raise ValueError(message)
        return self.mapping_tables.get(name) or value_table(name)

    @cached_property
    def customer_fields(self) -> Mapping[str, MappedField]:
        """The ERP's fields whose value is the customer of another account, by name."""
        return {name: entry for name, entry in self.fields.items() if entry.via == CUSTOMER}

    @cached_property
    def account_columns(self) -> tuple[str, ...]:
        """The account's look-ups through which other accounts' customers are read."""
        return tuple(sorted({entry.path for entry in self.customer_fields.values()}))

    @cached_property
    def looked_up(self) -> Mapping[str, MappedField]:
        """The fields that go through a mapping table other than that of currencies, or by a label."""
        return {name: entry for name, entry in self.fields.items() if entry.table or entry.label}

    @cached_property
    def label_columns(self) -> tuple[str, ...]:
        """The account's columns of choices whose labels are read."""
        return tuple({entry.column: None for entry in self.fields.values() if entry.label and entry.column})

    @cached_property
    def settings(self) -> frozenset[str]:
        """The names of the settings that the map uses."""
        named = {entry.setting for entry in self.fields.values()} | {self.company.setting}
        return frozenset(name for name in named if name)

    def _read(self) -> Iterator[Column]:
        if self.company.column:
            yield Column(column=self.company.column, lookup=self.company.lookup)
        if self.key.column:
            yield Column(column=self.key.column)
        yield from (Column(column=rule.column) for rule in self.only_if)
        yield from (Column(column=name) for name in STATE_COLUMNS)
        for entry in self.fields.values():
            if entry.column:
                of_row = entry.via == CUSTOMER
                yield Column(column=entry.column, lookup=entry.lookup, of_row=of_row)


def keys_at(location: Sequence[str | int]) -> list[str]:
    """Return the keys that an entry at this place of the file may have."""
    places: Mapping[str | int, type[BaseModel]] = {
        "company": Company,
        "key": Key,
        "only_if": RowRule,
        "fields": MappedField,
        "hold": Hold,
        "tables": TableHeaders,
        "related": RelatedTable,
    }
    model = places.get(location[0], FieldMap) if len(location) > 1 else FieldMap
    return [info.alias or name for name, info in model.model_fields.items()]
