"""What a table is: columns with their types and limits, and the lookups between tables.

Attribute types are those of the Dataverse metadata (learn.microsoft.com/power-apps/developer/data-platform/
entity-attribute-metadata). Nothing is refused here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

type Kind = Literal[
    "Uniqueidentifier",
    "String",
    "Memo",
    "Integer",
    "BigInt",
    "Decimal",
    "Money",
    "Boolean",
    "Picklist",
    "State",
    "Status",
    "DateTime",
    "Lookup",
]

EDM: dict[Kind, str] = {
    "Uniqueidentifier": "Edm.Guid",
    "String": "Edm.String",
    "Memo": "Edm.String",
    "Integer": "Edm.Int32",
    "BigInt": "Edm.Int64",
    "Decimal": "Edm.Decimal",
    "Money": "Edm.Decimal",
    "Boolean": "Edm.Boolean",
    "Picklist": "Edm.Int32",
    "State": "Edm.Int32",
    "Status": "Edm.Int32",
    "DateTime": "Edm.DateTimeOffset",
    "Lookup": "Edm.Guid",
}
TEXTS = ("String", "Memo")
CHOICES = ("Picklist", "State", "Status")


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `target` and `navigation` belong to lookups, `low` and `high` to numbers.

    `read_only` columns are set by the platform alone, what a client sends for them is ignored. `write_only`
    ones read back as null.
    """

    name: str
    kind: Kind
    max_length: int | None = None
    low: float = -2147483648
    high: float = 2147483647
    options: Mapping[int, str] = field(default_factory=dict[int, str])
    default: Any = None
    target: str | None = None
    navigation: str | None = None
    read_only: bool = False
    write_only: bool = False
    required: bool = False

    @property
    def api_name(self) -> str:
        """The name of the OData property: a lookup reads as `_name_value`."""
        return f"_{self.name}_value" if self.kind == "Lookup" else self.name

    @property
    def edm(self) -> str:
        """The OData type."""
        return EDM[self.kind]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns by logical name; `tracked` says whether change tracking is on."""

    name: str
    entity_set: str
    primary_id: str
    primary_name: str
    columns: Mapping[str, Column]
    tracked: bool = False
    type_code: int = 0

    def by_property(self, name: str) -> Column | None:
        """The column behind an OData property name."""
        column = self.columns.get(name[1:-6] if name.startswith("_") and name.endswith("_value") else name)
        return column if column is not None and column.api_name == name else None

    def by_navigation(self, name: str) -> Column | None:
        """The lookup behind a single-valued navigation property; names are case-sensitive."""
        return next((c for c in self.columns.values() if c.navigation == name), None)


def text(name: str, length: int, *, required: bool = False, write_only: bool = False) -> Column:
    """A single line of text."""
    return Column(name, "String", max_length=length, required=required, write_only=write_only)


def memo(name: str, length: int, *, write_only: bool = False) -> Column:
    """Several lines of text, perhaps a secret."""
    return Column(name, "Memo", max_length=length, write_only=write_only)


def whole(name: str, low: int = -2147483648, high: int = 2147483647, default: int | None = None) -> Column:
    """A whole number."""
    return Column(name, "Integer", low=low, high=high, default=default)


def money(name: str, *, read_only: bool = False) -> Column:
    """An amount; the limits are those of the standard columns."""
    return Column(name, "Money", low=0, high=100_000_000_000_000, read_only=read_only)


def flag(name: str, off: str = "No", on: str = "Yes", *, default: bool | None = False) -> Column:
    """A two-options column with its labels."""
    return Column(name, "Boolean", options={0: off, 1: on}, default=default)


def choice(name: str, options: Mapping[int, str] | int, default: int | None = None) -> Column:
    """A choice; a number n stands for the values 1 to n, labelled as delivered: Default Value."""
    if isinstance(options, int):
        options = dict.fromkeys(range(1, options + 1), "Default Value")
    return Column(name, "Picklist", options=options, default=default)


def lookup(name: str, target: str, navigation: str | None = None, *, read_only: bool = False) -> Column:
    """A lookup; its navigation property has the column's own name unless told."""
    return Column(name, "Lookup", target=target, navigation=navigation or name, read_only=read_only)


def table(
    name: str,
    entity_set: str,
    primary_name: str,
    columns: Iterable[Column],
    *,
    primary_id: str | None = None,
    tracked: bool = False,
    type_code: int = 0,
) -> Table:
    """A table with those columns that the platform gives to every table, and its own, which go before
    them.
    """
    identity = primary_id or f"{name}id"
    own = [Column(identity, "Uniqueidentifier"), *_platform(), *columns]
    return Table(name, entity_set, identity, primary_name, {c.name: c for c in own}, tracked, type_code)


def _platform() -> list[Column]:
    states = Column("statecode", "State", options={0: "Active", 1: "Inactive"}, default=0)
    status = Column("statuscode", "Status", options={1: "Active", 2: "Inactive"}, default=1)
    return [
        states,
        status,
        Column("createdon", "DateTime", read_only=True),
        Column("modifiedon", "DateTime", read_only=True),
        lookup("createdby", "systemuser", read_only=True),
        lookup("modifiedby", "systemuser", read_only=True),
        lookup("modifiedonbehalfby", "systemuser", read_only=True),
        Column("versionnumber", "BigInt", read_only=True),
    ]
