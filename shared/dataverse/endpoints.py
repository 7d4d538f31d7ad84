"""Where Dataverse may post to, as the columns that an endpoint has there.

Source: learn.microsoft.com/power-apps/developer/data-platform/reference/entities/serviceendpoint.
"""

from dataclasses import dataclass

from shared.ports.registration import Columns

QUEUE, WEBHOOK = "Account Sync (queue)", "Account Sync (webhook)"
NAMES = frozenset({QUEUE, WEBHOOK})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it is wanted, its secret apart; `steps` is the end of its steps' names."""

    name: str
    steps: str
    columns: Columns
    secret: str
    has_secret: str


def queue_endpoint(namespace: str, queue: str, key_name: str) -> Endpoint:
    """A queue of the Service Bus, by the host name or address of its namespace."""
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
    """The function receive_webhook, by its address."""
    columns: Columns = {"contract": 8, "authtype": 4, "url": url}  # 4: the key as ?code=
    return Endpoint(WEBHOOK, "(webhook)", columns, "authvalue", "isauthvalueset")
