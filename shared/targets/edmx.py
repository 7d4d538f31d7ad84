"""Reads a metadata document of OData ($metadata, V3 and V4) piece by piece: types, keys, enumerations.

The document comes from outside: it may declare no entities, and only a bounded part of it is read. Source:
docs.oasis-open.org/odata/odata-csdl-xml/v4.01.
"""

import asyncio
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

from shared.model.description import FieldDescription, TargetDescription, ValueType
from shared.model.faults import ConfigurationFault, TransientFault
from shared.web.odata import ODataClient

MOST_BYTES = 32 * 1024 * 1024
_MOST_ELEMENTS = 1_000_000
_LONGEST_SECONDS = 120.0
_TYPES: Mapping[str, ValueType] = {
    "Edm.String": ValueType.TEXT,
    "Edm.Guid": ValueType.TEXT,
    "Edm.Boolean": ValueType.YES_NO,
    **dict.fromkeys(("Edm.Byte", "Edm.Int16", "Edm.Int32", "Edm.Int64"), ValueType.INTEGER),
    **dict.fromkeys(("Edm.Decimal", "Edm.Double", "Edm.Single"), ValueType.DECIMAL),
}


class EdmxError(Exception):
    """The document cannot be used; the message says why."""


class _Property(NamedTuple):
    type: str
    max_length: int | None


@dataclass(slots=True)
class _Entity:
    fields: dict[str, _Property] = field(default_factory=dict[str, _Property])
    keys: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class _Document:
    """What was read so far. Types are known by their names without the namespace."""

    entities: dict[str, _Entity] = field(default_factory=dict[str, _Entity])
    enums: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    sets: dict[str, str] = field(default_factory=dict[str, str])
    entity: _Entity | None = None
    members: list[str] = field(default_factory=list[str])
    elements: int = 0

    def start(self, element: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        self.elements += 1
        if self.elements > _MOST_ELEMENTS:
            raise EdmxError("it has too many elements")
        name = attributes.get("Name", "")
        match _bare(element, " "):
            case "EntityType":
                self.entity = self.entities.setdefault(name, _Entity())
            case "EnumType":
                self.members = self.enums.setdefault(name, [])
            case "EntitySet":
                self.sets[name] = _bare(attributes.get("EntityType", ""))
            case "Member":
                self.members.append(name)
            case "Property" if self.entity is not None:
                self.entity.fields[name] = _Property(attributes.get("Type", ""), _length(attributes))
            case "PropertyRef" if self.entity is not None:
                self.entity.keys.add(name)
            case _:
                pass

    def end(self, element: str) -> None:
        """Take the end of an element: properties of complex types after it are not the entity's."""
        if _bare(element, " ") == "EntityType":
            self.entity = None


async def describe(client: ODataClient, path: str, entity_set: str, remedy: str) -> TargetDescription:
    """Return the type of the rows of this entity set, by the document at this path. Raises faults."""
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            found = await _read(client, path, entity_set, remedy)
    except TimeoutError as error:
        raise TransientFault(client.system, "did not answer its metadata in time") from error
    if found is None:
        raise ConfigurationFault(client.system, f"has no {entity_set} in its metadata.", remedy)
    return found


async def _read(client: ODataClient, path: str, entity_set: str, remedy: str) -> TargetDescription | None:
    async with client.stream(path, {"Accept": "application/xml", "Accept-Language": "en-US"}) as response:
        status = response.status_code
        if status != 200:
            reason = f"answered {status} to a read of its metadata."
            raise ConfigurationFault(client.system, reason, remedy)
        try:
            return await read_entity(response.aiter_bytes(), entity_set)
        except EdmxError as error:
            reason = f"answered metadata that cannot be used: {error}."
            raise ConfigurationFault(client.system, reason, remedy) from error


async def read_entity(chunks: AsyncIterable[bytes], entity_set: str) -> TargetDescription | None:
    """Return the type of the rows of this entity set; None if the document has no such set.

    Raises EdmxError for a document that is too long, no XML, or declares entities.
    """
    document, size = _Document(), 0
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = document.start
    parser.EndElementHandler = document.end
    parser.EntityDeclHandler = _refuse_entities
    parser.StartDoctypeDeclHandler = _refuse_entities
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > MOST_BYTES:
                raise EdmxError(f"it is longer than {MOST_BYTES:,} bytes")
            parser.Parse(chunk)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise EdmxError("it is no XML") from error
    entity = document.entities.get(document.sets.get(entity_set, ""))
    return None if entity is None else _description(entity_set, entity, document.enums)


def _refuse_entities(*_declaration: object) -> None:
    raise EdmxError("it declares entities or a document type")


def _description(name: str, entity: _Entity, enums: Mapping[str, list[str]]) -> TargetDescription:
    fields = {name: _field(item, enums) for name, item in entity.fields.items()}
    return TargetDescription(name, fields, frozenset(entity.keys))


def _field(item: _Property, enums: Mapping[str, list[str]]) -> FieldDescription:
    if (members := enums.get(_bare(item.type))) is not None:
        return FieldDescription(ValueType.CHOICE, values=frozenset(members))
    return FieldDescription(_TYPES.get(item.type, ValueType.OTHER), item.max_length)


def _length(attributes: Mapping[str, str]) -> int | None:
    """Return the length; "Max" stands for a text without a limit that is told."""
    text = attributes.get("MaxLength", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _bare(name: str, separator: str = ".") -> str:
    """Return a name without its namespace."""
    return name.rpartition(separator)[2]
