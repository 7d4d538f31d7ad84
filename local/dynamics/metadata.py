"""Metadata as the ERPs publish it: the fields of an entity enter, with planted faults; a document leaves.

EDMX of V4: docs.oasis-open.org/odata/odata-csdl-xml/v4.01; V3 differs in its namespaces only, as far as
fields go. Planted faults change what the metadata says, and nothing of how the service behaves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from xml.sax.saxutils import quoteattr

from pydantic import BaseModel, ConfigDict

XML = {"Content-Type": "application/xml"}
_EDMX = {
    "v4": ("4.0", "http://docs.oasis-open.org/odata/ns/edmx", "http://docs.oasis-open.org/odata/ns/edm"),
    "v3": (
        "1.0",
        "http://schemas.microsoft.com/ado/2007/06/edmx",
        "http://schemas.microsoft.com/ado/2009/11/edm",
    ),
}


class FieldFault(BaseModel):
    """What is wrong with a field; what is left out is as it should be."""

    model_config = ConfigDict(extra="forbid")

    missing: bool = False
    type: str | None = None
    max_length: int | None = None
    values: tuple[str, ...] | None = None
    key: bool | None = None
    edit: bool | None = None
    edit_on_create: bool | None = None


type Planted = dict[str, FieldFault]
"""Faults by the name of the field."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field as the metadata shows it; `type` with its namespace, `values` of an enumeration."""

    name: str
    type: str
    max_length: int | None = None
    values: tuple[str, ...] = ()
    key: bool = False
    edit: bool = True
    edit_on_create: bool = True


@dataclass(frozen=True, slots=True)
class EntityType:
    """The type of an entity set's rows."""

    name: str
    entity_set: str
    fields: tuple[Field, ...]


def planted(fields: Iterable[Field], faults: Mapping[str, FieldFault]) -> tuple[Field, ...]:
    """Return the fields with the faults that were planted for them."""
    found = ((one, faults.get(one.name, FieldFault())) for one in fields)
    return tuple(
        replace(one, **fault.model_dump(exclude_none=True, exclude={"missing"}))
        for one, fault in found
        if not fault.missing
    )


def edmx(namespace: str, types: Iterable[EntityType], version: str = "v4") -> str:
    """Return the metadata document of these types."""
    number, outer, inner = _EDMX[version]
    types = [*types]
    enums = {field.type: field.values for one in types for field in one.fields if field.values}
    sets = "".join(
        f'<EntitySet Name="{one.entity_set}" EntityType="{namespace}.{one.name}"/>' for one in types
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="{number}" xmlns:edmx="{outer}">'
        f'<edmx:DataServices><Schema Namespace="{namespace}" xmlns="{inner}">'
        + "".join(map(_entity_type, types))
        + "".join(_enum_type(name, values) for name, values in enums.items())
        + f'<EntityContainer Name="NAV">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )


def _entity_type(one: EntityType) -> str:
    keys = "".join(f'<PropertyRef Name="{field.name}"/>' for field in one.fields if field.key)
    return (
        f'<EntityType Name="{one.name}"><Key>{keys}</Key>{"".join(map(_property, one.fields))}</EntityType>'
    )


def _property(field: Field) -> str:
    length = f' MaxLength="{field.max_length}"' if field.max_length else ""
    return f'<Property Name="{field.name}" Type="{field.type}"{length}/>'


def _enum_type(name: str, values: tuple[str, ...]) -> str:
    members = "".join(
        f'<Member Name={quoteattr(value)} Value="{number}"/>' for number, value in enumerate(values)
    )
    return f'<EnumType Name="{name.rpartition(".")[2]}">{members}</EnumType>'
