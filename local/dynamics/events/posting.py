"""Posting one message: bytes and an endpoint enter, an outcome leaves; trouble is an outcome, not an
exception.

Service Bus through the SDK (learn.microsoft.com/power-apps/developer/data-platform/azure-integration): random
message id of 32 hex digits, the claims as application properties. Webhook (.../use-webhooks): POST with the
documented headers, 60 s, one more attempt for 502, 503 and 504 alone.
"""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from local.dynamics.events.steps import Endpoint

CLAIMS = "http://schemas.microsoft.com/xrm/2011/Claims/"
WEBHOOK_TIMEOUT = 60.0
SEND_TIMEOUT = 30.0
RETRIED = (502, 503, 504)
ANSWER_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted: the body and everything that describes it."""

    body: bytes
    content_type: str
    claims: Mapping[str, str | bool]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a post ended; `status` and `answer` are of a webhook, `retry` says that the job waits and tries
    again.
    """

    delivered: bool
    retry: bool = False
    status: int | None = None
    answer: str | None = None
    error: str | None = None
    attempts: int = 1


@dataclass(slots=True)
class Posting:
    """Open connections to queues and to webhooks."""

    _clients: dict[str, ServiceBusClient] = field(default_factory=dict[str, ServiceBusClient])
    _senders: dict[tuple[str, str], ServiceBusSender] = field(
        default_factory=dict[tuple[str, str], ServiceBusSender]
    )
    _session: aiohttp.ClientSession | None = None
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def post(self, endpoint: Endpoint, message: Message) -> Outcome:
        """Post one message."""
        if endpoint.via == "queue":
            return await self._to_queue(endpoint, message)
        return await self._to_webhook(endpoint, message)

    async def close(self) -> None:
        """Close all connections."""
        for one in [*self._senders.values(), *self._clients.values()]:
            await one.close()
        self._senders.clear()
        self._clients.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _to_queue(self, endpoint: Endpoint, message: Message) -> Outcome:
        outgoing = ServiceBusMessage(
            message.body,
            content_type=message.content_type,
            message_id=uuid.uuid4().hex,
            application_properties={CLAIMS + name: value for name, value in message.claims.items()},
        )
        try:
            # A sender serves one task at a time: two that share it send the same message over and over.
            async with self._sending, asyncio.timeout(SEND_TIMEOUT):
                await self._sender(endpoint).send_messages(outgoing)
        except (AzureError, OSError, ValueError, TimeoutError) as error:
            await self._forget(endpoint)
            return Outcome(
                delivered=False, retry=True, error=f"{type(error).__name__}: {error}"[:ANSWER_LIMIT]
            )
        return Outcome(delivered=True)

    def _sender(self, endpoint: Endpoint) -> ServiceBusSender:
        key = (endpoint.address, endpoint.path)
        if key not in self._senders:
            client = self._clients.get(endpoint.address)
            if client is None:
                # The job's own growing intervals are the retry policy, not the SDK's.
                client = ServiceBusClient.from_connection_string(endpoint.address, retry_total=0)
                self._clients[endpoint.address] = client
            self._senders[key] = client.get_queue_sender(endpoint.path)
        return self._senders[key]

    async def _forget(self, endpoint: Endpoint) -> None:
        """Drop a connection that failed; the next post makes a new one."""
        sender = self._senders.pop((endpoint.address, endpoint.path), None)
        if sender is not None:
            await sender.close()

    async def _to_webhook(self, endpoint: Endpoint, message: Message) -> Outcome:
        first = await self._webhook_once(endpoint, message)
        if first.status not in RETRIED:
            return first
        second = await self._webhook_once(endpoint, message)
        return Outcome(second.delivered, False, second.status, second.answer, second.error, attempts=2)

    async def _webhook_once(self, endpoint: Endpoint, message: Message) -> Outcome:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WEBHOOK_TIMEOUT))
        headers = {"Content-Type": message.content_type, **message.headers}
        try:
            async with self._session.post(
                endpoint.address, params=endpoint.query, data=message.body, headers=headers
            ) as response:
                answer = (await response.text(errors="replace"))[:ANSWER_LIMIT]
                return Outcome(200 <= response.status < 300, False, response.status, answer)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome(delivered=False, error=f"{type(error).__name__}: {error}"[:ANSWER_LIMIT])
