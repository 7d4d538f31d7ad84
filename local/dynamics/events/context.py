"""The RemoteExecutionContext: a change and a step enter, the JSON of the data contract leaves.

Members in alphabetical order, collections as arrays of `{key, value}`, `__type` on polymorphic values, dates
as `/Date(ms)/` (learn.microsoft.com/power-apps/developer/data-platform/use-webhooks, "JSON sample";
.../azure-integration). Nothing is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from local.dynamics.dataverse.render import row_name
from local.dynamics.dataverse.schema import CHOICES, Column, Table
from local.dynamics.dataverse.store import Change, Row, Store
from local.dynamics.dataverse.values import label
from local.dynamics.events.steps import Step

CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
STRIPPED = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")
AUTOMATIC_IMAGE = "AsynchronousStepPrimaryName"


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a step: its own operation id, when its job was made, and the offset its time is written
    with.
    """

    operation_id: str
    created: datetime
    utc_offset: timedelta = timedelta(0)


def build_context(store: Store, change: Change, step: Step, run: Execution) -> dict[str, Any]:
    """The whole context of one change for one step."""
    who, synchronous = store.identity, step.synchronous
    target = [{"key": "Target", "value": _target(store, change, change.target, run)}]
    created = change.message == "Create"
    pre, post = _images(store, change, step)
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
        "OperationCreatedOn": _date(run.created, None if synchronous else run.utc_offset),
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
    parent = {**context, "InputParameters": [{"key": "Target", "value": _target(store, change, sent, run)}]}
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


def _target(store: Store, change: Change, values: Mapping[str, Any], run: Execution) -> dict[str, Any]:
    if change.message == "Delete":
        return _reference(change.table.name, change.id, None)
    created = change.message == "Create"
    shown = {
        n: v for n, v in values.items() if v is not None or n in change.sent or n == "modifiedonbehalfby"
    }
    formatted = _formatted(change.table, shown, run) if created else []
    body = _entity(change.table, change.id, _attributes(change.table, shown, {}), formatted)
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


def _attributes(
    table: Table, values: Mapping[str, Any], lookup_names: Mapping[str, str]
) -> list[dict[str, Any]]:
    columns = [table.columns[name] for name in values if name in table.columns]
    return [{"key": c.name, "value": _value(c, values[c.name], lookup_names.get(c.name))} for c in columns]


def _value(column: Column, value: Any, name: str | None) -> Any:
    if value is None:
        return None
    if column.kind in CHOICES:
        return {"__type": f"OptionSetValue:{CONTRACTS}", "Value": value}
    if column.kind == "Money":
        return {"__type": f"Money:{CONTRACTS}", "Value": _number(value)}
    if column.kind == "Lookup":
        return _reference(column.target or "", value, name)
    if isinstance(value, datetime):
        return _date(value, None)
    return _number(value) if isinstance(value, Decimal) else value


def _reference(table: str, row_id: str, name: str | None) -> dict[str, Any]:
    return {
        "__type": f"EntityReference:{CONTRACTS}",
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": table,
        "Name": name,
        "RowVersion": None,
    }


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _date(value: datetime, offset: timedelta | None) -> str:
    """`/Date(ms)/` in true UTC; with an offset the number is shifted wall-clock time, so that true UTC =
    ms + offset.
    """
    milliseconds = round(value.timestamp() * 1000)
    if offset is None:
        return f"/Date({milliseconds})/"
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    shifted = milliseconds - minutes * 60_000
    return f"/Date({shifted}{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d})/"


def _formatted(table: Table, values: Mapping[str, Any], run: Execution) -> list[dict[str, Any]]:
    """Formatted values of a Create's Target: choices, yes/no and dates, no lookups."""
    found: list[dict[str, Any]] = []
    for name, value in values.items():
        column = table.columns.get(name)
        if column is None or value is None:
            continue
        if isinstance(value, datetime):
            found.append(
                {"key": name, "value": (value + run.utc_offset).strftime("%Y-%m-%dT%H:%M:%S") + _zone(run)}
            )
        elif column.kind == "Boolean" or column.kind in CHOICES:
            found.append({"key": name, "value": label(column, value)})
    return found


def _zone(run: Execution) -> str:
    minutes = round(run.utc_offset.total_seconds() / 60)
    return f"{'-' if minutes <= 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _images(store: Store, change: Change, step: Step) -> tuple[list[Any], list[Any]]:
    """Registered images, and the automatic one of an asynchronous step (of a Delete among the pre images)."""
    pre = [
        _image(store, change, image.alias, change.before, image.attributes)
        for image in step.images
        if image.pre
    ]
    post = [
        _image(store, change, image.alias, change.after, image.attributes)
        for image in step.images
        if image.post
    ]
    if not step.synchronous:
        automatic = (change.table.primary_name, change.table.primary_id)
        if change.after is None:
            pre.append(_image(store, change, AUTOMATIC_IMAGE, change.before, automatic))
        else:
            post.append(_image(store, change, AUTOMATIC_IMAGE, change.after, automatic))
    return [one for one in pre if one], [one for one in post if one]


def _image(
    store: Store, change: Change, alias: str, row: Row | None, attributes: tuple[str, ...]
) -> dict[str, Any] | None:
    """An image has no `__type`; its references carry names, which its formatted values repeat."""
    if row is None:
        return None
    table = change.table
    wanted = attributes or tuple(row.values)
    values = {name: row.get(name) for name in wanted if row.get(name) is not None}
    lookups = [table.columns[n] for n in values if n in table.columns and table.columns[n].kind == "Lookup"]
    lookup_names = {c.name: row_name(store, c, values[c.name]) for c in lookups}
    known = {name: text for name, text in lookup_names.items() if text is not None}
    formatted = [{"key": name, "value": text} for name, text in known.items()]
    formatted += [
        {"key": name, "value": label(table.columns[name], value)}
        for name, value in values.items()
        if name in table.columns and table.columns[name].kind in ("Boolean", *CHOICES)
    ]
    if alias == AUTOMATIC_IMAGE:
        formatted = []
    return {"key": alias, "value": _entity(table, change.id, _attributes(table, values, known), formatted)}
