"""What a data entity is: properties with their types, lengths, and the tables that they refer to.

Types and names are those of the public OData metadata of the entity; maximum lengths are the usual ones of
the underlying extended data types, which the metadata does not tell. Nothing is refused here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

type Kind = Literal["String", "Int32", "Int64", "Decimal", "DateTimeOffset", "Enum"]
NAMESPACE = "Microsoft.Dynamics.DataEntities"
EMPTY: dict[Kind, Any] = {
    "String": "",
    "Int32": 0,
    "Int64": 0,
    "Decimal": 0,
    "DateTimeOffset": "1900-01-01T12:00:00Z",
}

ENUMS: dict[str, tuple[str, ...]] = {
    "NoYes": ("No", "Yes"),
    "CustVendorBlocked": ("No", "Invoice", "All", "Payment", "Requisition", "Never"),
    "InvoiceOrderAccount": ("InvoiceAccount", "OrderAccount"),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: the label of the related table, and where its values are (an entity set, or a list
    kept per company under the property's name).
    """

    label: str
    entity_set: str | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """One property; `label` is what the application calls the field in its messages."""

    name: str
    kind: Kind = "String"
    max_length: int | None = None
    enum: str | None = None
    label: str = ""
    key: bool = False
    mandatory: bool = False
    edit: bool = True
    edit_on_create: bool = True
    reference: Reference | None = None

    @property
    def edm(self) -> str:
        """The OData type; for an enum its qualified name."""
        return f"{NAMESPACE}.{self.enum}" if self.kind == "Enum" else f"Edm.{self.kind}"

    @property
    def empty(self) -> Any:
        """What an unset value reads as: no nulls, the enum's first member."""
        return ENUMS[self.enum or ""][0] if self.kind == "Enum" else EMPTY[self.kind]

    @property
    def title(self) -> str:
        """The label for messages."""
        return self.label or self.name


@dataclass(frozen=True, slots=True)
class Entity:
    """A data entity; `table` and `table_label` are of its main table, `pairs` the number of tables in its
    ETag.
    """

    name: str
    entity_set: str
    internal: str
    table: str
    table_label: str
    properties: Mapping[str, Property]
    pairs: int = 1

    @property
    def keys(self) -> tuple[str, ...]:
        """The key properties in their order."""
        return tuple(p.name for p in self.properties.values() if p.key)

    @property
    def per_company(self) -> bool:
        """Whether rows belong to a legal entity."""
        return "dataAreaId" in self.properties


def properties(items: Iterable[Property]) -> dict[str, Property]:
    """Properties by name."""
    return {item.name: item for item in items}


def text(name: str, length: int, label: str = "") -> Property:
    """A string."""
    return Property(name, max_length=length, label=label)


def enum(name: str, enum_name: str = "NoYes") -> Property:
    """An enumeration, NoYes unless told."""
    return Property(name, "Enum", enum=enum_name)


def foreign(name: str, length: int, label: str, related: str, entity_set: str | None = None) -> Property:
    """A string that must be found in a related table."""
    return Property(name, max_length=length, label=label, reference=Reference(related, entity_set))
