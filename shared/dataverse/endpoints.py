"""Describes what makes Dataverse post events: endpoints and steps, with their columns.

Source: learn.microsoft.com/power-apps/developer/data-platform/reference/entities/serviceendpoint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.settings import Settings

type Columns = Mapping[str, object]

QUEUE, WEBHOOK = "Account Sync (queue)", "Account Sync (webhook)"
NAMES = frozenset({QUEUE, WEBHOOK})
EVENTS_QUEUE = "dataverse-events"
SEND_RULE = "dataverse-send"
WEBHOOK_PATH = "/api/dataverse/events"


class Kind(StrEnum):
    """The two tables that registration writes, by the names of their entity sets."""

    ENDPOINT = "serviceendpoints"
    STEP = "sdkmessageprocessingsteps"


@dataclass(frozen=True, slots=True)
class Registered:
    """A row in Dataverse. It never contains a secret, only whether one is set."""

    id: UUID
    name: str
    columns: Columns


class Scope(NamedTuple):
    """The scope of a step: the message (Create, Update, Delete) and its filter for one table."""

    message_id: UUID
    filter_id: UUID


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The wanted endpoint, without its secret. The names of its steps end with `steps`."""

    name: str
    steps: str
    columns: Columns
    secret: str
    has_secret: str


def queue_endpoint(namespace: str, queue: str, key_name: str) -> Endpoint:
    """Describe a queue of the Service Bus; `namespace` is its host name or address."""
    address = namespace if namespace.startswith("sb://") else f"sb://{namespace}"
    columns: Columns = {
        "contract": 6,  # queue, persistent
        "authtype": 2,  # SAS key
        "namespaceaddress": f"{address.rstrip('/')}/",
        "path": queue,
        "saskeyname": key_name,
        "messageformat": 2,  # JSON
        "messagecharset": 1,  # UTF-8
        "userclaim": 2,  # user id
    }
    return Endpoint(QUEUE, "(queue)", columns, "saskey", "issaskeyset")


def webhook_endpoint(url: str) -> Endpoint:
    """Describe the function receive_webhook by its address."""
    columns: Columns = {"contract": 8, "authtype": 4, "url": url}  # 4: the key as ?code=
    return Endpoint(WEBHOOK, "(webhook)", columns, "authvalue", "isauthvalueset")


def endpoint_of(settings: Settings) -> tuple[Endpoint, str]:
    """Describe the queue of the settings, with the key to post with if the local stand's settings have it."""
    if settings.servicebus is None:
        return queue_endpoint(settings.servicebus_namespace or "", EVENTS_QUEUE, SEND_RULE), ""
    pairs = (part.partition("=") for part in settings.servicebus.get_secret_value().split(";"))
    parts = {name: value for name, _, value in pairs}
    endpoint = queue_endpoint(parts["Endpoint"], EVENTS_QUEUE, parts.get("SharedAccessKeyName", ""))
    return endpoint, parts.get("SharedAccessKey", "")


class Registry(Protocol):
    """The two tables in Dataverse. Every method may raise TransientFault and ConfigurationFault."""

    # The id of the organization that all this belongs to: every event names it.
    async def organization(self) -> UUID: ...
    # The endpoints of this name.
    async def endpoints(self, name: str) -> Sequence[Registered]: ...
    # The steps that post to an endpoint, whatever their names.
    async def steps(self, endpoint_id: UUID) -> Sequence[Registered]: ...
    # What a step for this message and table refers to.
    async def scope(self, message: str, table: str) -> Scope: ...
    # How many posts of a step failed for good and lie there as system jobs; counted up to 100.
    async def failed_jobs(self, step_id: UUID) -> int: ...
    # Insert a row, in a solution if one is named; its id.
    async def create(self, kind: Kind, columns: Columns, solution: str = "") -> UUID: ...
    # Change these columns of a row; never makes one.
    async def update(self, kind: Kind, row_id: UUID, columns: Columns) -> None: ...
    # Delete a row; nothing to do if there is none.
    async def delete(self, kind: Kind, row_id: UUID) -> None: ...
