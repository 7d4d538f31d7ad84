"""Table definitions: a request below `EntityDefinitions` enters, metadata of tables and columns leaves.

learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api. Reading only; names of
metadata properties are case-sensitive, an unknown one is 400.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from local.dynamics.calls import Answer, Call
from local.dynamics.dataverse import errors
from local.dynamics.dataverse.errors import DataverseError
from local.dynamics.dataverse.schema import CHOICES, TEXTS, Column, Kind, Table
from local.dynamics.dataverse.seed import fixed_id
from local.dynamics.dataverse.store import Store
from local.dynamics.metadata import FieldFault, Planted
from local.dynamics.odata.filters import parse_filter
from local.dynamics.odata.options import parse_expand, parse_key, parse_options, parse_segment
from local.dynamics.odata.tokens import unquote_text

OPTIONS = ("$select", "$filter", "$expand")
NAMESPACE = "Microsoft.Dynamics.CRM"
type Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DocumentDialect:
    """Names and types of metadata properties, taken from a sample document."""

    sample: Document
    functions: frozenset[str] = frozenset()

    def resolve(self, name: str) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        """The OData type of a metadata property and its reader."""
        if name not in self.sample:
            raise _no_property(name)
        value = self.sample[name]
        kinds = {bool: "Edm.Boolean", int: "Edm.Int32"}
        kind = "Edm.Guid" if name == "MetadataId" else kinds.get(type(value), "Edm.String")
        return kind, lambda row: row.get(name)

    def equal_text(self, value: str, wanted: str) -> bool:
        """Metadata names compare exactly."""
        return value == wanted


@dataclass(frozen=True, slots=True)
class Definitions:
    """The metadata of one organisation; the planted faults are those of the account's columns."""

    store: Store
    planted: Planted = field(default_factory=dict[str, FieldFault])

    def answer(self, call: Call, segments: list[str]) -> Answer:
        """Answer a call below `EntityDefinitions`; raises DataverseError or QueryError."""
        if call.method != "GET":
            raise DataverseError(405, "0x80060888", "Operation not supported on EntityMetadata")
        _, key = parse_segment(segments[0])
        tables = [
            table for table in self.store.tables.values() if key is None or _is(table_document(table), key)
        ]
        if key is None:
            return self._list(call, "EntityDefinitions", [table_document(one) for one in tables])
        if not tables:
            raise DataverseError(404, "0x80060888", "Not Found")
        return self._attributes(call, tables[0], segments[1:])

    def _attributes(self, call: Call, table: Table, rest: list[str]) -> Answer:
        if rest[:1] != ["Attributes"] or len(rest) > 2:
            raise errors.no_segment("/".join(rest))
        documents = [column_document(table, column) for column in self._columns(table)]
        if len(rest) == 2:
            documents = [one for one in documents if one["@odata.type"] == f"#{rest[1]}"]
        return self._list(call, f"EntityDefinitions('{table.name}')/Attributes", documents)

    def _columns(self, table: Table) -> list[Column]:
        """The columns with the faults that were planted."""
        faults = self.planted if table.name == "account" else {}
        found = [(column, faults.get(column.name, FieldFault())) for column in table.columns.values()]
        return [_faulty(column, fault) for column, fault in found if not fault.missing]

    def _list(self, call: Call, context: str, documents: list[Document]) -> Answer:
        options = parse_options(call.query, OPTIONS)
        if options.filter is not None and documents:
            predicate = parse_filter(options.filter, DocumentDialect(_merged(documents)))
            documents = [document for document in documents if predicate(document)]
        shown = [_shown(call, document, options.select) for document in documents]
        return Answer(200, {"@odata.context": f"{call.root}/$metadata#{context}", "value": shown})


def _faulty(column: Column, fault: FieldFault) -> Column:
    kind = cast(Kind, fault.type) if fault.type else column.kind
    length = fault.max_length if fault.max_length is not None else column.max_length
    options = {int(value): value for value in fault.values} if fault.values else column.options
    return replace(column, kind=kind, max_length=length if kind in TEXTS else None, options=options)


def _merged(documents: Iterable[Document]) -> Document:
    merged: Document = {}
    for document in documents:
        merged = document | merged
    return merged


def _shown(call: Call, document: Document, select: tuple[str, ...] | None) -> Document:
    """The selected properties; the type and the id are always there."""
    expand = parse_expand(call.query.get("$expand", ""))
    for name in (*(select or ()), *expand):
        if name not in document and name not in TYPED_PROPERTIES:
            raise _no_property(name)
    plain = {name: value for name, value in document.items() if name not in NAVIGATION}
    chosen = plain if select is None else {name: plain[name] for name in select if name in plain}
    always = {name: document[name] for name in ("@odata.type", "MetadataId") if name in document}
    return {
        **always,
        **chosen,
        **{name: _related(document.get(name), inner) for name, inner in expand.items()},
    }


NAVIGATION = ("OptionSet", "GlobalOptionSet")
# Properties that only some column types have: selecting them from a mixed list is no error here.
TYPED_PROPERTIES = (
    "MaxLength",
    "MinValue",
    "MaxValue",
    "Precision",
    "Targets",
    "Format",
    "OptionSet",
    "GlobalOptionSet",
)


def _related(value: Any, select: tuple[str, ...] | None) -> Any:
    if not isinstance(value, dict) or select is None:
        return value
    return {
        name: one for name, one in value.items() if name in select or name in ("@odata.type", "MetadataId")
    }


def _is(document: Document, key: str) -> bool:
    """Whether a key (`guid` or `LogicalName='x'`) means this document."""
    if "=" in key:
        return all(document.get(name) == value for name, value in parse_key(key).items())
    wanted = unquote_text(key) if key.startswith("'") else key.lower()
    return wanted in (document["MetadataId"], document["LogicalName"])


def table_document(table: Table) -> Document:
    """EntityMetadata of a table."""
    return {
        "MetadataId": fixed_id("entity", table.name),
        "LogicalName": table.name,
        "SchemaName": table.name[:1].upper() + table.name[1:],
        "EntitySetName": table.entity_set,
        "LogicalCollectionName": table.entity_set,
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "ObjectTypeCode": table.type_code,
        "ChangeTrackingEnabled": table.tracked,
        "IsCustomEntity": False,
        "IsPrivate": False,
        "IsIntersect": False,
        "OwnershipType": "UserOwned" if "ownerid" in table.columns else "OrganizationOwned",
        "DisplayName": _label(table.name.title()),
    }


def column_document(table: Table, column: Column) -> Document:
    """AttributeMetadata of a column with what its type adds."""
    key = column.name == table.primary_id
    document: Document = {
        "@odata.type": f"#{NAMESPACE}.{_type_name(column)}AttributeMetadata",
        "MetadataId": fixed_id("attribute", f"{table.name}/{column.name}"),
        "LogicalName": column.name,
        "SchemaName": column.name[:1].upper() + column.name[1:],
        "EntityLogicalName": table.name,
        "AttributeType": column.kind,
        "AttributeTypeName": {"Value": f"{column.kind}Type"},
        "IsPrimaryId": key,
        "IsPrimaryName": column.name == table.primary_name,
        "IsValidForCreate": not column.read_only,
        "IsValidForUpdate": not column.read_only and not key,
        "IsValidForRead": not column.write_only,
        "IsCustomAttribute": False,
        "RequiredLevel": {"Value": "ApplicationRequired" if column.required else "None"},
        "DisplayName": _label(column.name.title()),
    }
    return document | _typed(column)


def _type_name(column: Column) -> str:
    return {"Uniqueidentifier": "UniqueIdentifier"}.get(column.kind, column.kind)


def _typed(column: Column) -> Document:
    if column.max_length is not None:
        return {"MaxLength": column.max_length}
    if column.kind in ("Integer", "Decimal", "Money"):
        return {"MinValue": column.low, "MaxValue": column.high}
    if column.kind == "Lookup":
        return {"Targets": [column.target]}
    if column.kind in CHOICES or column.kind == "Boolean":
        options = [{"Value": value, "Label": _label(text)} for value, text in column.options.items()]
        return {"OptionSet": {"Options": options}}
    return {}


def _label(text: str) -> Document:
    localized = {"Label": text, "LanguageCode": 1033}
    return {"LocalizedLabels": [localized], "UserLocalizedLabel": localized}


def _no_property(name: str) -> DataverseError:
    return errors.bad_query(f"Could not find a property named '{name}' on type '{NAMESPACE}.MetadataBase'.")
