"""The metadata service under `/metadata`: one entity or one enumeration at a time, as JSON.

Source: learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/services-home-page (the metadata
service). It knows enumerations without their namespace, and tells no lengths of texts.
"""

from collections.abc import Mapping
from typing import Any

from local.dynamics.calls import Answer, Call
from local.dynamics.metadata import Field, Planted, planted
from local.dynamics.odata.options import parse_segment
from local.dynamics.odata.tokens import unquote_text
from local.dynamics.operations.schema import ENUMS, Entity, Property

PREFIX = "/metadata"


def answer(call: Call, entities: Mapping[str, Entity], faults: Planted) -> Answer:
    """Answer a call below `/metadata`."""
    if call.method != "GET" or len(call.segments) != 1:
        return Answer(405 if call.method != "GET" else 404)
    name, key = parse_segment(call.segments[0])
    wanted = unquote_text(key) if key else ""
    match name:
        case "PublicEntities":
            found = next((one for one in entities.values() if one.name == wanted), None)
            return Answer(404) if found is None else Answer(200, _entity(found, faults))
        case "PublicEnumerations" if wanted in ENUMS:
            return Answer(200, _enumeration(wanted, entities, faults))
        case _:
            return Answer(404)


def _entity(entity: Entity, faults: Planted) -> dict[str, Any]:
    fields = planted(map(_field, entity.properties.values()), faults)
    mandatory = {name for name, item in entity.properties.items() if item.mandatory or item.key}
    return {
        "Name": entity.name,
        "EntitySetName": entity.entity_set,
        "LabelId": None,
        "IsReadOnly": False,
        "ConfigurationEnabled": True,
        "Properties": [_shown(field, mandatory=field.name in mandatory) for field in fields],
        "NavigationProperties": [],
        "PropertyGroups": [],
        "Actions": [],
    }


def _field(item: Property) -> Field:
    return Field(
        item.name,
        item.edm,
        values=ENUMS.get(item.enum or "", ()),
        key=item.key,
        edit=item.edit,
        edit_on_create=item.edit_on_create,
    )


def _shown(field: Field, *, mandatory: bool) -> dict[str, Any]:
    kind = field.type.removeprefix("Edm.")
    return {
        "Name": field.name,
        "TypeName": field.type,
        "DataType": "Enum" if field.values and "." in kind else kind,
        "LabelId": None,
        "IsKey": field.key,
        "IsMandatory": mandatory,
        "ConfigurationEnabled": True,
        "AllowEdit": field.edit,
        "AllowEditOnCreate": field.edit_on_create,
        "IsDimension": False,
    }


def _enumeration(name: str, entities: Mapping[str, Entity], faults: Planted) -> dict[str, Any]:
    """The members; those of a fault that is planted for a field of this enumeration, if there is one."""
    items = (item for entity in entities.values() for item in entity.properties.values())
    fields = {item.name for item in items if item.enum == name}
    other = (fault.values for field, fault in faults.items() if field in fields and fault.values)
    members = next(other, ENUMS[name])
    return {
        "Name": name,
        "LabelId": None,
        "Members": [
            {"Name": member, "Value": value, "LabelId": None, "ConfigurationEnabled": True}
            for value, member in enumerate(members)
        ],
    }
