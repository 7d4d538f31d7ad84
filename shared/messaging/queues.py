# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""Sends to the queues: changes with session, message id and due time; rejected bodies with the reason."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.model.change import AccountChange, encode_change, session_id
from shared.model.faults import MessageRefused, QueueUnavailable
from shared.model.queues import CHANGES
from shared.settings import Settings
from shared.telemetry import traced

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

DATAVERSE_EVENTS = "dataverse-events"
ACCOUNT_CHANGES = CHANGES
REJECTED_EVENTS = "rejected-events"
LOAD_PAGES = "load-pages"
SEND_SECONDS = 15.0
CLOSE_SECONDS = 2.0
LONGEST_REJECTED = 200 * 1024


def service_bus(settings: Settings) -> "ServiceBusClient":
    """Make the one client of the process."""
    from azure.servicebus.aio import ServiceBusClient

    retries: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.2}
    if settings.servicebus:
        return ServiceBusClient.from_connection_string(settings.servicebus.get_secret_value(), **retries)
    from shared.web.credentials import entra_credential

    return ServiceBusClient(settings.servicebus_namespace or "", entra_credential(settings), **retries)


async def probe_queue(client: "ServiceBusClient", queue: str) -> None:
    """Open a link for sending, to test whether the queue can be used. Raises QueueUnavailable."""
    from azure.core.exceptions import AzureError

    try:
        async with client.get_queue_sender(queue) as sender:
            await sender.create_message_batch()
    except (AzureError, OSError) as error:
        raise QueueUnavailable(f"{queue} cannot be opened ({type(error).__name__})") from error


class QueueSender:
    """One queue's sender: opened on first use, shared, and opened again after a failure."""

    def __init__(self, client: "ServiceBusClient", queue: str) -> None:
        self._client = client
        self._queue = queue
        self._sender: ServiceBusSender | None = None
        self._sending = asyncio.Lock()  # a sender serves one task at a time

    async def open(self) -> None:
        """Open the link, for which the first message would otherwise wait. Raises QueueUnavailable."""
        await self._carry_out(lambda sender: sender.create_message_batch())

    async def send(self, message: "ServiceBusMessage") -> None:
        """Send one message. Raises QueueUnavailable, and MessageRefused if the bus will never take it."""
        await self._carry_out(lambda sender: sender.send_messages(message))

    async def send_all(self, messages: Sequence["ServiceBusMessage"]) -> None:
        """Send messages of one session in as few batches as possible. Raises the same faults as `send`."""
        from azure.servicebus.exceptions import MessageSizeExceededError

        async def in_batches(sender: "ServiceBusSender") -> None:
            batch = await sender.create_message_batch()
            for message in messages:
                try:
                    batch.add_message(message)
                except MessageSizeExceededError:
                    await sender.send_messages(batch)
                    batch = await sender.create_message_batch()
                    batch.add_message(message)
            await sender.send_messages(batch)

        await self._carry_out(in_batches)

    async def _carry_out(self, work: Callable[["ServiceBusSender"], Awaitable[object]]) -> None:
        async with self._sending:
            # A closed sender raises ValueError too. A new sender shows whether the message is the reason.
            if not await self._carried_out(work) and not await self._carried_out(work):
                raise MessageRefused(f"{self._queue} does not take this message, and never will")

    async def _carried_out(self, work: Callable[["ServiceBusSender"], Awaitable[object]]) -> bool:
        """Send. Return False if the SDK or the bus refuses the message itself."""
        from azure.core.exceptions import AzureError

        try:
            async with asyncio.timeout(SEND_SECONDS):
                self._sender = self._sender or self._client.get_queue_sender(self._queue)
                await work(self._sender)
        except (AzureError, OSError, TimeoutError, ValueError) as error:
            await self.close()
            if _is_about_the_message(error):
                return False
            raise QueueUnavailable(f"{self._queue} takes no message ({type(error).__name__})") from error
        except asyncio.CancelledError:
            await self.close()  # a message may have been sent in part
            raise
        return True

    async def close(self) -> None:
        """Close the sender, but wait for it only briefly. The next message opens a new one."""
        from azure.core.exceptions import AzureError

        sender, self._sender = self._sender, None
        if sender is not None:
            with contextlib.suppress(AzureError, OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await sender.close()


def _is_about_the_message(error: Exception) -> bool:
    """Whether the message is too large or cannot be encoded: the SDK raises a ValueError, or wraps one."""
    return isinstance(error, ValueError) or isinstance(getattr(error, "inner_exception", None), ValueError)


class ServiceBusChanges:
    """Implements the port ChangeQueue. A message that the bus will never take raises MessageRefused."""

    def __init__(self, sender: QueueSender, partitions: int) -> None:
        self._sender = sender
        self._partitions = partitions

    async def open(self) -> None:
        await self._sender.open()

    async def send(self, change: AccountChange, due: datetime | None = None) -> None:
        await self._sender.send(self._message(change, due, self._session(change)))

    async def send_all(
        self, changes: Sequence[tuple[AccountChange, datetime]], partitions: Sequence[str] = ()
    ) -> None:
        """Send each change for its due time, usually in one batch for each session."""
        sessions: defaultdict[str, list[ServiceBusMessage]] = defaultdict(list)
        given = partitions or [self._session(change) for change, _ in changes]
        for (change, due), session in zip(changes, given, strict=True):
            sessions[session].append(self._message(change, due, session))
        for messages in sessions.values():
            await self._sender.send_all(messages)

    def _session(self, change: AccountChange) -> str:
        return session_id(change.account_id, self._partitions)

    def _message(self, change: AccountChange, due: datetime | None, session: str) -> "ServiceBusMessage":
        from azure.servicebus import ServiceBusMessage

        return ServiceBusMessage(
            encode_change(traced(change)),
            content_type="application/json",
            message_id=change.message_id,
            session_id=session,
            correlation_id=str(change.correlation_id or change.operation_id),
            subject=str(change.kind),
            scheduled_enqueue_time_utc=due,
        )


class ServiceBusRejected:
    """Implements the port RejectedEvents."""

    def __init__(self, sender: QueueSender) -> None:
        self._sender = sender

    async def keep(self, body: bytes, reason: str, description: str, correlation_id: UUID | None) -> None:
        from azure.servicebus import ServiceBusMessage

        properties: dict[str | bytes, Any] = {"Reason": reason, "Description": description}
        if len(body) > LONGEST_REJECTED:
            properties["Truncated"] = True
        message = ServiceBusMessage(
            body[:LONGEST_REJECTED],
            application_properties=properties,
            correlation_id=str(correlation_id) if correlation_id else None,
        )
        await self._sender.send(message)
