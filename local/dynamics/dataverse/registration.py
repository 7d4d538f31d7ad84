"""Rules of the registration tables: what the platform refuses or fills in when an endpoint or a step is
written.

learn.microsoft.com/power-apps/developer/data-platform/register-plug-in (stages, images, filtering
attributes), .../azure-integration (Service Bus steps are asynchronous), .../register-web-hook (authentication
types). The rules are documented, the texts of the refusals are not.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from local.dynamics.dataverse import errors
from local.dynamics.dataverse.errors import DataverseError
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Origin, Row, Store

WEBHOOK = 8
SERVICE_BUS = (1, 2, 3, 4, 5, 6, 7)
POST_OPERATION = 40
ASYNCHRONOUS = 1
PRE_IMAGE, POST_IMAGE = (0, 2), (1, 2)
# The parameter that an image is taken from; the registration tools agree on "Id" for Create.
IMAGE_PROPERTY = {"Create": "Id", "Update": "Target", "Delete": "Target"}
# What belongs to a row: deleted with it, or in the way of its deletion.
OWNED = {"sdkmessageprocessingstep": (("sdkmessageprocessingstepimage", "sdkmessageprocessingstepid"),)}
NEEDED_BY = {"serviceendpoint": (("sdkmessageprocessingstep", "eventhandler"),)}
# Collections that can be read through a row: table, navigation property -> table, lookup
COLLECTIONS = {
    ("serviceendpoint", "serviceendpoint_sdkmessageprocessingstep"): (
        "sdkmessageprocessingstep",
        "eventhandler",
    ),
    ("sdkmessageprocessingstep", "sdkmessageprocessingstepid_sdkmessageprocessingstepimage"): (
        "sdkmessageprocessingstepimage",
        "sdkmessageprocessingstepid",
    ),
}


def apply_rules(store: Store, table: Table, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row as the platform keeps it; raises DataverseError."""
    match table.name:
        case "serviceendpoint":
            return _endpoint(values)
        case "sdkmessageprocessingstep":
            _step(store, values)
        case "sdkmessageprocessingstepimage":
            _image(store, values)
        case _:
            pass
    return values


def before_delete(store: Store, table: Table, row: Row, origin: Origin) -> None:
    """Refuse to delete what others need, and delete what the row owns."""
    for name, lookup in NEEDED_BY.get(table.name, ()):
        if referring(store, name, lookup, row.id):
            raise DataverseError(
                400,
                "0x8004f01f",
                f"The {table.name}({row.id}) component cannot be deleted because it is referenced by other "
                "components.",
            )
    for name, lookup in OWNED.get(table.name, ()):
        for owned in referring(store, name, lookup, row.id):
            store.delete(store.tables[name], owned, origin)


def referring(store: Store, table: str, lookup: str, row_id: str) -> list[Row]:
    """The rows of a table whose lookup points to a row."""
    return [row for row in store.rows(table).values() if row.get(lookup) == row_id]


def _endpoint(values: Mapping[str, Any]) -> Mapping[str, Any]:
    contract = values.get("contract")
    if contract == WEBHOOK:
        _need(values, ("url", "authtype"), "webhook")
        if values["authtype"] not in (4, 5, 6):
            raise errors.missing(
                "A webhook needs authtype 4 (WebhookKey), 5 (HttpHeader) or 6 (query string)."
            )
    elif contract in SERVICE_BUS:
        _need(values, ("namespaceaddress", "path", "authtype"), "Service Bus endpoint")
        if not str(values["namespaceaddress"]).startswith("sb://"):
            raise errors.missing("The namespace address of a Service Bus endpoint must start with sb://.")
        if values["authtype"] == 2:
            _need(values, ("saskeyname", "saskey"), "Service Bus endpoint with a SAS key")
    else:
        raise errors.missing("The contract of a service endpoint is missing or not supported here.")
    secrets = {"issaskeyset": bool(values.get("saskey")), "isauthvalueset": bool(values.get("authvalue"))}
    return {**values, **secrets}


def _need(values: Mapping[str, Any], names: Iterable[str], what: str) -> None:
    for name in names:
        if values.get(name) in (None, ""):
            raise errors.missing(f"The attribute {name} is required for a {what}.")


def _step(store: Store, values: Mapping[str, Any]) -> None:
    _need(values, ("sdkmessageid", "eventhandler", "stage"), "step")
    message = store.rows("sdkmessage")[values["sdkmessageid"]].get("name")
    endpoint = store.rows("serviceendpoint")[values["eventhandler"]]
    if values["mode"] == ASYNCHRONOUS and values["stage"] != POST_OPERATION:
        raise errors.missing("An asynchronous step must be registered in the stage Post-operation (40).")
    if values["mode"] != ASYNCHRONOUS and endpoint.get("contract") != WEBHOOK:
        raise errors.missing("A step of a Service Bus endpoint must be asynchronous.")
    scope = store.rows("sdkmessagefilter").get(values.get("sdkmessagefilterid") or "")
    if scope is not None and scope.get("sdkmessageid") != values["sdkmessageid"]:
        raise errors.missing("The message filter does not belong to the message of the step.")
    wanted = _names(values.get("filteringattributes"))
    if wanted and message != "Update":
        raise errors.missing(f"Filtering attributes are not supported for the message {message}.")
    _check_columns(store, scope, wanted)


def _image(store: Store, values: Mapping[str, Any]) -> None:
    _need(values, ("sdkmessageprocessingstepid", "imagetype", "messagepropertyname"), "step image")
    step = store.rows("sdkmessageprocessingstep")[values["sdkmessageprocessingstepid"]]
    message = store.rows("sdkmessage")[step.get("sdkmessageid")].get("name")
    wanted = IMAGE_PROPERTY.get(message)
    if values["messagepropertyname"] != wanted:
        given = values["messagepropertyname"]
        raise errors.missing(f"Message property name '{given}' is not valid on message {message}.")
    if message == "Create" and values["imagetype"] in PRE_IMAGE:
        raise errors.missing("PreImage is not supported for the message Create.")
    if values["imagetype"] in POST_IMAGE and (message == "Delete" or step.get("stage") != POST_OPERATION):
        raise errors.missing(f"PostImage is not supported for the message {message} in this stage.")
    scope = store.rows("sdkmessagefilter").get(step.get("sdkmessagefilterid") or "")
    _check_columns(store, scope, _names(values.get("attributes")))


def _names(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _check_columns(store: Store, scope: Row | None, names: Iterable[str]) -> None:
    table = store.tables.get(scope.get("primaryobjecttypecode")) if scope is not None else None
    if table is None:
        return
    for name in names:
        if name not in table.columns:
            raise errors.missing(f"The attribute '{name}' does not exist on the entity '{table.name}'.")
