"""Registered steps: the rows of the registration tables enter, the steps that a change fires leave.

Rules: learn.microsoft.com/power-apps/developer/data-platform/register-plug-in (filtering attributes test
whether a column was included in the update, not whether its value changed), .../azure-integration and
.../register-web-hook.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from local.dynamics.dataverse.store import Change, Row, Store

type Via = Literal["queue", "webhook"]
QUEUE_CONTRACT = 6
WEBHOOK_CONTRACT = 8
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a step posts to; `address` is a connection string or a URL, `path` the queue."""

    id: str
    via: Via
    address: str
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    user_claim: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One step that is enabled and fits a change."""

    id: str
    name: str
    endpoint: Endpoint
    synchronous: bool = False
    auto_delete: bool = False


def fired_steps(store: Store, change: Change) -> Iterator[Step]:
    """The steps that a change fires, by rank."""
    rows = store.rows("sdkmessageprocessingstep").values()
    for row in sorted(rows, key=lambda row: row.get("rank") or 0):
        if row.get("statecode") == 0 and _fits(store, row, change):
            endpoint = read_endpoint(store, row.get("eventhandler"))
            if endpoint is not None:
                yield _step(row, endpoint)


def _fits(store: Store, row: Row, change: Change) -> bool:
    message = store.rows("sdkmessage").get(row.get("sdkmessageid") or "")
    scope = store.rows("sdkmessagefilter").get(row.get("sdkmessagefilterid") or "")
    if message is None or message.get("name") != change.message:
        return False
    if scope is not None and scope.get("primaryobjecttypecode") != change.table.name:
        return False
    wanted = names(row.get("filteringattributes"))
    return change.message != "Update" or not wanted or not wanted.isdisjoint(change.sent)


def names(text: str | None) -> set[str]:
    """A comma-separated list of columns."""
    return {part.strip() for part in (text or "").split(",") if part.strip()}


def _step(row: Row, endpoint: Endpoint) -> Step:
    return Step(row.id, row.get("name"), endpoint, row.get("mode") == 0, bool(row.get("asyncautodelete")))


def read_endpoint(store: Store, endpoint_id: str | None) -> Endpoint | None:
    """The endpoint of a row, None when there is none or its contract is not posted here."""
    row = store.rows("serviceendpoint").get(endpoint_id or "")
    if row is None:
        return None
    if row.get("contract") == WEBHOOK_CONTRACT:
        key = row.get("authvalue")
        query = {"code": key} if key else {}
        return Endpoint(row.id, "webhook", row.get("url") or "", "", query, row.get("userclaim") or 1)
    if row.get("contract") == QUEUE_CONTRACT:
        address = connection_string(
            row.get("namespaceaddress") or "", row.get("saskeyname"), row.get("saskey")
        )
        return Endpoint(row.id, "queue", address, row.get("path") or "", user_claim=row.get("userclaim") or 1)
    return None


def connection_string(namespace: str, key_name: str | None, key: str | None) -> str:
    """The connection string of a namespace; a local broker is spoken to without TLS, as an emulator is."""
    emulator = ";UseDevelopmentEmulator=true" if urlsplit(namespace).hostname in LOCAL_HOSTS else ""
    return f"Endpoint={namespace};SharedAccessKeyName={key_name};SharedAccessKey={key}{emulator}"
