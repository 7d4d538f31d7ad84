"""Describes the entity CustomerV3 by the metadata service of Operations.

The service `/metadata` answers about one entity or enumeration at a time
(learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/services-home-page); `/data/$metadata`
as a whole has some 50 MB. Neither tells how long a text may be.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from shared.model.description import FieldDescription, TargetDescription, ValueType
from shared.targets.operations.errors import JSON_ONLY, good_content, other_form
from shared.web.odata import ODataClient, literal

_ENTITY = "CustomerV3"
_TYPES: Mapping[str, ValueType] = {
    "Edm.String": ValueType.TEXT,
    "Edm.Guid": ValueType.TEXT,
    "Edm.Boolean": ValueType.YES_NO,
    "Edm.Int32": ValueType.INTEGER,
    "Edm.Int64": ValueType.INTEGER,
    "Edm.Decimal": ValueType.DECIMAL,
    "Edm.Double": ValueType.DECIMAL,
}


async def describe(client: ODataClient, used: Collection[str]) -> TargetDescription:
    """Return the entity with all its fields; the values of enumerations are read for the used ones only."""
    content = await _read(client, f"PublicEntities({literal(_ENTITY)})")
    properties = {str(item.get("Name")): item for item in _objects(content, "Properties")}
    fields = {name: _field(item) for name, item in properties.items()}
    for name in used:
        if name in fields and fields[name].type is ValueType.CHOICE:
            values = await _members(client, str(properties[name].get("TypeName")))
            fields[name] = replace(fields[name], values=values)
    keys = frozenset(name for name, item in properties.items() if item.get("IsKey") is True)
    return TargetDescription(_ENTITY, fields, keys)


def _field(item: Mapping[str, Any]) -> FieldDescription:
    type_name = str(item.get("TypeName"))
    choice = item.get("DataType") == "Enum"
    kind = ValueType.CHOICE if choice else _TYPES.get(type_name, ValueType.OTHER)
    return FieldDescription(
        kind, on_create=_flag(item, "AllowEditOnCreate"), on_change=_flag(item, "AllowEdit")
    )


def _flag(item: Mapping[str, Any], name: str) -> bool | None:
    value = item.get(name)
    return value if isinstance(value, bool) else None


async def _members(client: ODataClient, type_name: str) -> frozenset[str]:
    """Return the names of an enumeration's values; the service knows it without its namespace."""
    content = await _read(client, f"PublicEnumerations({literal(type_name.rpartition('.')[2])})")
    return frozenset(str(member.get("Name")) for member in _objects(content, "Members"))


async def _read(client: ODataClient, what: str) -> dict[str, Any]:
    return good_content(await client.get(f"/metadata/{what}", JSON_ONLY))


def _objects(content: Mapping[str, Any], member: str) -> Iterable[Mapping[str, Any]]:
    found: object = content.get(member)
    if not isinstance(found, list) or any(not isinstance(item, dict) for item in cast(list[object], found)):
        raise other_form()
    return cast(list[dict[str, Any]], found)
