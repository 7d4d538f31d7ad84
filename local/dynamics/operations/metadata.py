"""Metadata of the data entities: `/metadata/PublicEntities`, `/metadata/PublicEnumerations`, and
`/data/$metadata`.

The JSON service is described at learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/
services-home-page; its shape is what public clients read (github.com/mafzaal/d365fo-client). The CSDL holds
the simulated entities alone, with the vendor annotations of the real one and, like it, without MaxLength.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from local.dynamics.calls import Answer, Call
from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.filters import parse_filter
from local.dynamics.odata.options import parse_options, parse_segment
from local.dynamics.odata.tokens import unquote_text
from local.dynamics.operations import errors
from local.dynamics.operations.schema import ENUMS, NAMESPACE, Entity, Property

VENDOR = "Microsoft.Dynamics.OData.Core.V1"
OPTIONS = ("$select", "$filter", "$top", "$skip", "$count")
type Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Names:
    """The properties of a metadata document that a filter may name: texts and truth values."""

    sample: Document
    functions: frozenset[str] = frozenset()

    def resolve(self, name: str) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        if name not in self.sample:
            raise errors.no_property(name, "Microsoft.Dynamics.Metadata.PublicEntity")
        kind = "Edm.Boolean" if isinstance(self.sample[name], bool) else "Edm.String"
        return kind, lambda document: document[name]

    def equal_text(self, value: str, wanted: str) -> bool:
        return value == wanted


def answer_metadata(call: Call, entities: Mapping[str, Entity], read_only: set[str]) -> Answer:
    """Answer a call below `/metadata`; raises OperationsError or QueryError."""
    segments = call.segments
    if call.method != "GET" or len(segments) != 1:
        return Answer(404)
    name, key = parse_segment(segments[0])
    if name == "PublicEntities":
        documents = [_entity(entity, read_only) for entity in entities.values()]
    elif name == "PublicEnumerations":
        documents = [_enumeration(enum) for enum in ENUMS]
    else:
        return Answer(404)
    if key is None:
        return _list(call, name, documents)
    found = [document for document in documents if document["Name"] == _key_text(key)]
    if not found:
        return Answer(404)
    return Answer(200, {"@odata.context": f"{call.root}/$metadata#{name}/$entity", **found[0]})


def _key_text(key: str) -> str:
    text = key.removeprefix("Name=")
    if not (text.startswith("'") and text.endswith("'") and len(text) > 1):
        raise QueryError("The key must be a quoted name.")
    return unquote_text(text)


def _list(call: Call, name: str, documents: list[Document]) -> Answer:
    options = parse_options(call.query, OPTIONS)
    if options.filter is not None:
        predicate = parse_filter(options.filter, _Names(documents[0]))
        documents = [document for document in documents if predicate(document)]
    shown = documents[options.skip :][: options.top if options.top is not None else len(documents)]
    return Answer(200, {"@odata.context": f"{call.root}/$metadata#{name}", "value": shown})


def _entity(entity: Entity, read_only: set[str]) -> Document:
    return {
        "Name": entity.name,
        "EntitySetName": entity.entity_set,
        "LabelId": entity.table_label,
        "IsReadOnly": False,
        "ConfigurationEnabled": True,
        "Properties": [_property(item, read_only) for item in entity.properties.values()],
        "NavigationProperties": [],
        "PropertyGroups": [],
        "Actions": [],
    }


def _property(item: Property, read_only: set[str]) -> Document:
    return {
        "Name": item.name,
        "TypeName": item.edm,
        "DataType": {"DateTimeOffset": "UtcDateTime", "Int32": "Integer"}.get(item.kind, item.kind),
        "LabelId": item.title,
        "IsKey": item.key,
        "IsMandatory": item.mandatory or item.key,
        "ConfigurationEnabled": True,
        "AllowEdit": item.edit and item.name not in read_only,
        "AllowEditOnCreate": item.edit_on_create,
        "IsDimension": False,
        "DimensionRelation": None,
        "IsDynamicDimension": False,
        "DimensionLegalEntityProperty": None,
        "DimensionTypeProperty": None,
    }


def _enumeration(name: str) -> Document:
    members = [
        {"Name": member, "Value": value, "LabelId": member, "ConfigurationEnabled": True}
        for value, member in enumerate(ENUMS[name])
    ]
    return {"Name": name, "LabelId": name, "Members": members}


def csdl(entities: Mapping[str, Entity]) -> str:
    """The `$metadata` document."""
    types = "".join(_entity_type(entity) for entity in entities.values())
    enums = "".join(_enum_type(name) for name in ENUMS)
    sets = "".join(
        f'<EntitySet Name="{one.entity_set}" EntityType="{NAMESPACE}.{one.name}"/>'
        for one in entities.values()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}{enums}'
        f'<EntityContainer Name="Resources">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )


def _entity_type(entity: Entity) -> str:
    keys = "".join(f'<PropertyRef Name="{name}"/>' for name in entity.keys)
    items = "".join(_csdl_property(item) for item in entity.properties.values())
    return f'<EntityType Name="{entity.name}"><Key>{keys}</Key>{items}</EntityType>'


def _csdl_property(item: Property) -> str:
    nullable = "" if item.kind in ("String", "Enum") and not item.key else ' Nullable="false"'
    facts = {
        "IsRequired": item.mandatory or item.key,
        "AllowEdit": item.edit,
        "AllowEditOnCreate": item.edit_on_create,
    }
    notes = "".join(_note(name, f'Bool="{str(value).lower()}"') for name, value in facts.items())
    label = _note("LabelId", f"String={quoteattr(item.title)}")
    return f'<Property Name="{item.name}" Type="{item.edm}"{nullable}>{label}{notes}</Property>'


def _note(name: str, value: str) -> str:
    return f'<Annotation Term="{VENDOR}.{name}" {value}/>'


def _enum_type(name: str) -> str:
    members = "".join(f'<Member Name="{member}" Value="{at}"/>' for at, member in enumerate(ENUMS[name]))
    return f'<EnumType Name="{name}">{members}</EnumType>'
