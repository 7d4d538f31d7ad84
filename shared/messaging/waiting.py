# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""Counts the changes that wait: what a load looks at before each page, so that events never wait behind it.

In Azure the count may lag behind by some seconds (learn.microsoft.com/azure/service-bus-messaging/
message-counters), which adds as many checks as the load sends in that time.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx

from shared.messaging.depths import administration_of, bus_faults
from shared.messaging.queues import ACCOUNT_CHANGES
from shared.model.faults import QueueUnavailable
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.servicebus.aio.management import ServiceBusAdministrationClient

LONGEST_SECONDS = 5.0


class AdministeredChanges:
    """Implements the port WaitingChanges over the administration API; its client is opened once."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        self._settings = settings
        self._options = options
        self._client: ServiceBusAdministrationClient | None = None
        self._open = AsyncExitStack()

    async def count(self) -> int:
        try:
            async with bus_faults(), asyncio.timeout(LONGEST_SECONDS):
                if self._client is None:
                    made = administration_of(self._settings, **self._options)
                    self._client = await self._open.enter_async_context(made)
                found = await self._client.get_queue_runtime_properties(ACCOUNT_CHANGES)
        except TimeoutError as error:
            raise QueueUnavailable("the counts cannot be had (TimeoutError)") from error
        return (found.active_message_count or 0) + (found.scheduled_message_count or 0)

    async def close(self) -> None:
        """Close the client; for processes that end."""
        self._client = None
        await self._open.aclose()


class LocalChanges:
    """Implements the port WaitingChanges over the control endpoint of the stand's broker."""

    def __init__(self, control: str) -> None:
        self._control = control
        self._http: httpx.AsyncClient | None = None

    async def count(self) -> int:
        if self._http is None:
            self._http = httpx.AsyncClient(base_url=self._control, timeout=LONGEST_SECONDS)
        try:
            found = (await self._http.get("/queues")).raise_for_status().json()[ACCOUNT_CHANGES]
        except httpx.HTTPError as error:
            raise QueueUnavailable(f"the local broker does not answer ({type(error).__name__})") from error
        return int(found["active"] + found["locked"] + found["scheduled"])

    async def close(self) -> None:
        """Close the client; for processes that end."""
        if self._http is not None:
            await self._http.aclose()
