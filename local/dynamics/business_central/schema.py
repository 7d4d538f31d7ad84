"""What an API page is: its properties with their types, lengths and captions.

Types and lengths are those of the table Customer (18) and of the API page 30009 "APIV2 - Customers"
(github.com/microsoft/BCApps, github.com/microsoft/ALAppExtensions). Nothing is refused here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

type Kind = Literal["Text", "Code", "Guid", "Decimal", "Boolean", "Enum", "DateTimeOffset"]
NAMESPACE = "Microsoft.NAV"
NO_ID = "00000000-0000-0000-0000-000000000000"
EMPTY: dict[Kind, Any] = {
    "Text": "",
    "Code": "",
    "Guid": NO_ID,
    "Decimal": 0,
    "Boolean": False,
    "DateTimeOffset": "0001-01-01T00:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Property:
    """One property; `caption` is the table field's caption, which error texts name."""

    name: str
    kind: Kind = "Text"
    max_length: int | None = None
    caption: str = ""
    values: tuple[str, ...] = ()
    editable: bool = True

    @property
    def edm(self) -> str:
        """The OData type, as filters see it."""
        return {"Text": "Edm.String", "Code": "Edm.String"}.get(self.kind, f"Edm.{self.kind}")

    @property
    def empty(self) -> Any:
        """What an unset value reads as; the blank member of an enum is its first."""
        return self.values[0] if self.values else EMPTY[self.kind]


@dataclass(frozen=True, slots=True)
class Entity:
    """An API page: the type's name, the name in the address, its properties, and its key in the table."""

    name: str
    entity_set: str
    properties: Mapping[str, Property]
    order: str

    @property
    def type_name(self) -> str:
        """The qualified name of the entity type."""
        return f"{NAMESPACE}.{self.name}"


def properties(items: Iterable[Property]) -> dict[str, Property]:
    """Properties by name."""
    return {item.name: item for item in items}


def text(name: str, length: int, caption: str = "") -> Property:
    """A text."""
    return Property(name, "Text", length, caption)


def code(name: str, length: int, caption: str = "") -> Property:
    """A code: it is kept trimmed and in upper case."""
    return Property(name, "Code", length, caption)


def fixed(name: str, kind: Kind) -> Property:
    """A property that no client may write."""
    return Property(name, kind, editable=False)
