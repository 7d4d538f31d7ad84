"""The RemoteExecutionContext: a change and a step enter, the JSON of the data contract leaves.

Members in alphabetical order, collections as arrays of `{key, value}`, `__type` on polymorphic values, dates
as `/Date(ms)/` (learn.microsoft.com/power-apps/developer/data-platform/use-webhooks, "JSON sample";
.../azure-integration). Nothing is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from local.dynamics.dataverse.schema import CHOICES, Column, Table
from local.dynamics.dataverse.store import Change, Store
from local.dynamics.dataverse.values import label
from local.dynamics.events.steps import Step

CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
STRIPPED = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")
AUTOMATIC_IMAGE = "AsynchronousStepPrimaryName"


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a step: its own operation id, and when its job was made."""

    operation_id: str
    created: datetime


def build_context(store: Store, change: Change, step: Step, run: Execution) -> dict[str, Any]:
    """The whole context of one change for one step."""
    who, synchronous = store.identity, step.synchronous
    target = [{"key": "Target", "value": _target(change, change.target)}]
    created = change.message == "Create"
    pre, post = _images(change, step)
    context = {
        "BusinessUnitId": who.business_unit_id,
        "CorrelationId": change.correlation_id,
        "Depth": 1,
        "InitiatingUserAgent": "",
        "InitiatingUserAzureActiveDirectoryObjectId": who.user_object_id,
        "InitiatingUserId": who.user_id,
        "InputParameters": target,
        "IsExecutingOffline": False,
        "IsInTransaction": synchronous,
        "IsOfflinePlayback": False,
        "IsolationMode": 1,
        "MessageName": change.message,
        "Mode": 0 if synchronous else 1,
        "OperationCreatedOn": _date(run.created, "" if synchronous else "+0000"),
        "OperationId": change.request_id if synchronous else run.operation_id,
        "OrganizationId": who.organization_id,
        "OrganizationName": who.organization_name,
        "OutputParameters": [{"key": "id", "value": change.id}] if created else [],
        "OwningExtension": _owner(step, named=synchronous),
        "ParentContext": None,
        "PostEntityImages": post,
        "PreEntityImages": pre,
        "PrimaryEntityId": change.id,
        "PrimaryEntityName": change.table.name,
        "RequestId": change.request_id,
        "SecondaryEntityName": "none",
        "SharedVariables": [{"key": "IsAutoTransact", "value": True}],
        "Stage": 40,
        "UserAzureActiveDirectoryObjectId": who.user_object_id,
        "UserId": who.user_id,
    }
    sent = {change.table.primary_id: change.id, **change.sent}
    parent = {**context, "InputParameters": [{"key": "Target", "value": _target(change, sent)}]}
    parent["InputParameters"].append({"key": "SuppressDuplicateDetection", "value": False})
    parent.update(OutputParameters=[], PostEntityImages=[], PreEntityImages=[], Stage=30)
    context["ParentContext"] = parent
    return context


def encode(context: Mapping[str, Any]) -> bytes:
    """The JSON as the platform writes it: UTF-8, slashes escaped."""
    text = json.dumps(context, ensure_ascii=False, separators=(",", ":"))
    return text.replace("/", "\\/").encode("utf-8", "surrogatepass")


def strip(context: Mapping[str, Any]) -> dict[str, Any]:
    """The context without what the platform removes from a message that is too large."""
    return {name: value for name, value in context.items() if name not in STRIPPED}


def _owner(step: Step, *, named: bool) -> dict[str, Any]:
    return {
        "Id": step.id,
        "KeyAttributes": [],
        "LogicalName": "sdkmessageprocessingstep",
        "Name": step.name if named else None,
        "RowVersion": None,
    }


def _target(change: Change, values: Mapping[str, Any]) -> dict[str, Any]:
    if change.message == "Delete":
        return _reference(change.table.name, change.id)
    created = change.message == "Create"
    shown = {
        n: v for n, v in values.items() if v is not None or n in change.sent or n == "modifiedonbehalfby"
    }
    formatted = _formatted(change.table, shown) if created else []
    body = _entity(change.table, change.id, _attributes(change.table, shown), formatted)
    return {"__type": f"Entity:{CONTRACTS}", **body}


def _entity(table: Table, row_id: str, attributes: list[Any], formatted: list[Any]) -> dict[str, Any]:
    return {
        "Attributes": attributes,
        "EntityState": None,
        "FormattedValues": formatted,
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": table.name,
        "RelatedEntities": [],
        "RowVersion": None,
    }


def _attributes(table: Table, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    columns = [table.columns[name] for name in values if name in table.columns]
    return [{"key": column.name, "value": _value(column, values[column.name])} for column in columns]


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind in CHOICES:
        return {"__type": f"OptionSetValue:{CONTRACTS}", "Value": value}
    if column.kind == "Money":
        return {"__type": f"Money:{CONTRACTS}", "Value": _number(value)}
    if column.kind == "Lookup":
        return _reference(column.target or "", value)
    if isinstance(value, datetime):
        return _date(value)
    return _number(value) if isinstance(value, Decimal) else value


def _reference(table: str, row_id: str) -> dict[str, Any]:
    return {
        "__type": f"EntityReference:{CONTRACTS}",
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": table,
        "Name": None,
        "RowVersion": None,
    }


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _date(value: datetime, offset: str = "") -> str:
    """`/Date(ms)/`, the time of an asynchronous job with an offset."""
    return f"/Date({round(value.timestamp() * 1000)}{offset})/"


def _formatted(table: Table, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Formatted values of a Create's Target: choices, yes/no and dates, no lookups."""
    found: list[dict[str, Any]] = []
    for name, value in values.items():
        column = table.columns.get(name)
        if column is None or value is None:
            continue
        if isinstance(value, datetime):
            found.append({"key": name, "value": value.strftime("%Y-%m-%dT%H:%M:%S-00:00")})
        elif column.kind == "Boolean" or column.kind in CHOICES:
            found.append({"key": name, "value": label(column, value)})
    return found


def _images(change: Change, step: Step) -> tuple[list[Any], list[Any]]:
    """The automatic image of an asynchronous step: of a Delete among the pre images, else the post images."""
    row = change.after or change.before
    if step.synchronous or row is None:
        return [], []
    names = (change.table.primary_name, change.table.primary_id)
    values = {name: row.get(name) for name in names if row.get(name) is not None}
    image = {
        "key": AUTOMATIC_IMAGE,
        "value": _entity(change.table, change.id, _attributes(change.table, values), []),
    }
    return ([image], []) if change.after is None else ([], [image])
