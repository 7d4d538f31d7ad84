# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The queues' counts: from the Service Bus's administration API, or from the local stand's broker.

The age of the oldest message is known for queues that can be peeked. To peek a queue with sessions would take
a session from the workers, so in Azure its age is unknown.
Source: learn.microsoft.com/azure/service-bus-messaging/message-browsing.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.messaging.queues import ACCOUNT_CHANGES, DATAVERSE_EVENTS, LOAD_PAGES, REJECTED_EVENTS
from shared.model.faults import NotPermitted, QueueUnavailable, System
from shared.model.queues import QueueDepth
from shared.settings import Settings
from shared.web.credentials import entra_credential

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusClient
    from azure.servicebus.aio.management import ServiceBusAdministrationClient

_QUEUES = (DATAVERSE_EVENTS, ACCOUNT_CHANGES, REJECTED_EVENTS, LOAD_PAGES)
_PEEKED = (DATAVERSE_EVENTS, REJECTED_EVENTS, LOAD_PAGES)


class AdministeredQueues:
    """Implements the port QueueDepths over the administration API, which requires the right Manage."""

    def __init__(self, settings: Settings, client: "ServiceBusClient", **options: Any) -> None:
        self._settings = settings
        self._client = client
        self._options = options

    async def depths(self) -> Sequence[QueueDepth]:
        async with bus_faults(), administration_of(self._settings, **self._options) as client:
            return [await self._depth(client, name) for name in _QUEUES]

    async def _depth(self, client: "ServiceBusAdministrationClient", name: str) -> QueueDepth:
        found = await client.get_queue_runtime_properties(name)
        return QueueDepth(
            name,
            active=found.active_message_count or 0,
            scheduled=found.scheduled_message_count or 0,
            dead_letters=found.dead_letter_message_count or 0,
            oldest_at=await self._oldest(name) if found.active_message_count and name in _PEEKED else None,
        )

    async def _oldest(self, name: str) -> datetime | None:
        async with self._client.get_queue_receiver(name) as receiver:
            messages = await receiver.peek_messages(1)
        return messages[0].enqueued_time_utc if messages else None


class LocalQueues:
    """Implements the port QueueDepths over the control endpoint of the stand's broker."""

    def __init__(self, control: str) -> None:
        self._control = control

    async def depths(self) -> Sequence[QueueDepth]:
        try:
            async with httpx.AsyncClient(base_url=self._control, timeout=5) as http:
                found = (await http.get("/queues")).raise_for_status().json()
        except httpx.HTTPError as error:
            raise QueueUnavailable(f"the local broker does not answer ({type(error).__name__})") from error
        return [
            QueueDepth(
                name,
                active=found[name]["active"] + found[name]["locked"],
                scheduled=found[name]["scheduled"],
                dead_letters=found[name]["dead_letter"],
                oldest_at=_moment(found[name]["oldest_enqueued_at"]),
                locked=found[name]["locked"],
            )
            for name in _QUEUES
        ]


def administration_of(settings: Settings, **options: Any) -> "ServiceBusAdministrationClient":
    """Make a client of the administration API."""
    from azure.servicebus.aio.management import ServiceBusAdministrationClient

    options = {"retry_total": 2, "retry_backoff_factor": 0.2, **options}
    if settings.servicebus:
        text = settings.servicebus.get_secret_value()
        return ServiceBusAdministrationClient.from_connection_string(text, **options)
    host = settings.servicebus_namespace or ""
    return ServiceBusAdministrationClient(host, entra_credential(settings), **options)


@asynccontextmanager
async def bus_faults() -> AsyncGenerator[None]:
    """Translate errors of the administration API into faults."""
    try:
        yield
    except ClientAuthenticationError as error:
        raise _refused() from error
    except HttpResponseError as error:
        if error.status_code in {401, 403}:
            raise _refused() from error
        raise QueueUnavailable(f"the counts cannot be had ({error.status_code})") from error
    except (AzureError, OSError) as error:
        raise QueueUnavailable(f"the counts cannot be had ({type(error).__name__})") from error


def _refused() -> NotPermitted:
    remedy = "Give yourself the role Azure Service Bus Data Owner on the namespace."
    return NotPermitted(System.SERVICE_BUS, "refuses to tell its counts.", remedy)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
