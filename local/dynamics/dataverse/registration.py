"""Rules of the registration tables: what the platform refuses or fills in when an endpoint or a step is
written.

learn.microsoft.com/power-apps/developer/data-platform/register-plug-in (stages, filtering attributes),
.../azure-integration (Service Bus steps are asynchronous), .../register-web-hook (authentication types). The
rules are documented, the texts of the refusals are not.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from local.dynamics.dataverse import errors
from local.dynamics.dataverse.errors import DataverseError
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Row, Store

WEBHOOK = 8
WEBHOOK_KEY = 4
SERVICE_BUS = (1, 2, 3, 4, 5, 6, 7)
POST_OPERATION = 40
ASYNCHRONOUS = 1
# What is in the way of the deletion of a row.
NEEDED_BY = {"serviceendpoint": (("sdkmessageprocessingstep", "eventhandler"),)}


def apply_rules(store: Store, table: Table, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row as the platform keeps it; raises DataverseError."""
    match table.name:
        case "serviceendpoint":
            return _endpoint(values)
        case "sdkmessageprocessingstep":
            _step(store, values)
        case _:
            pass
    return values


def check_delete(store: Store, table: Table, row: Row) -> None:
    """Refuse to delete what others need."""
    for name, lookup in NEEDED_BY.get(table.name, ()):
        if any(other.get(lookup) == row.id for other in store.rows(name).values()):
            raise DataverseError(
                400,
                "0x8004f01f",
                f"The {table.name}({row.id}) component cannot be deleted because it is referenced by other "
                "components.",
            )


def _endpoint(values: Mapping[str, Any]) -> Mapping[str, Any]:
    contract = values.get("contract")
    if contract == WEBHOOK:
        _need(values, ("url", "authtype"), "webhook")
        if values["authtype"] != WEBHOOK_KEY:
            raise errors.missing("Of the authtypes of a webhook only 4 (WebhookKey) is supported here.")
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


def _names(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _check_columns(store: Store, scope: Row | None, names: Iterable[str]) -> None:
    table = store.tables.get(scope.get("primaryobjecttypecode")) if scope is not None else None
    if table is None:
        return
    for name in names:
        if name not in table.columns:
            raise errors.missing(f"The attribute '{name}' does not exist on the entity '{table.name}'.")
