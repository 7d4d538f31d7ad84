# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""Reads dead-letter queues and `rejected-events`, and removes messages that were sent again."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError
from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue

from shared.messaging.queues import (
    ACCOUNT_CHANGES,
    DATAVERSE_EVENTS,
    LOAD_PAGES,
    REJECTED_EVENTS,
    QueueSender,
)
from shared.model.faults import QueueUnavailable
from shared.model.queues import Bin, Leftover
from shared.ports.queues import Resend

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver

_PAGE = 100
_WAIT_SECONDS = 3.0
_QUEUES = {
    Bin.EVENT_DEAD_LETTERS: DATAVERSE_EVENTS,
    Bin.CHANGE_DEAD_LETTERS: ACCOUNT_CHANGES,
    Bin.PAGE_DEAD_LETTERS: LOAD_PAGES,
    Bin.REJECTED: REJECTED_EVENTS,
}


class ServiceBusLeftovers:
    """Implements the port Leftovers."""

    def __init__(self, client: "ServiceBusClient", events: QueueSender) -> None:
        self._client = client
        self._events = events

    async def peek(self, place: Bin) -> AsyncIterator[Leftover]:
        try:
            async with self._receiver(place) as receiver:
                after = 0
                while page := await receiver.peek_messages(_PAGE, sequence_number=after):
                    for message in page:
                        yield _leftover(message)
                    after = (page[-1].sequence_number or 0) + 1
        except (AzureError, OSError) as error:
            raise QueueUnavailable(f"{place} cannot be read ({type(error).__name__})") from error

    async def take(self, place: Bin, wanted: Callable[[Leftover], bool], resend: Resend) -> tuple[int, int]:
        """Send the wanted messages again, then remove them. Release the other messages at the end.

        Messages that arrive meanwhile stay; otherwise an event that is rejected again would be sent for ever.
        """
        unseen = {leftover.sequence_number async for leftover in self.peek(place)}
        sent, left, kept = 0, 0, list["ServiceBusReceivedMessage"]()
        try:
            async with AsyncExitStack() as stack:
                receiver = await stack.enter_async_context(self._receiver(place))
                while unseen and (page := await receiver.receive_messages(_PAGE, _WAIT_SECONDS)):
                    for message in page:
                        leftover = _leftover(message)
                        is_new = leftover.sequence_number not in unseen
                        unseen.discard(leftover.sequence_number)
                        if not is_new and wanted(leftover) and await resend(leftover):
                            await receiver.complete_message(message)
                            sent += 1
                        else:
                            kept.append(message)
                            left += not is_new
                for message in kept:
                    await receiver.abandon_message(message)
        except (AzureError, OSError) as error:
            raise QueueUnavailable(f"{place} cannot be read ({type(error).__name__})") from error
        return sent, left

    async def post_event(self, body: bytes) -> None:
        await self._events.send(ServiceBusMessage(body, content_type="application/json"))

    def _receiver(self, place: Bin) -> "ServiceBusReceiver":
        dead = None if place is Bin.REJECTED else ServiceBusSubQueue.DEAD_LETTER
        return self._client.get_queue_receiver(_QUEUES[place], sub_queue=dead)


def _leftover(message: "ServiceBusReceivedMessage") -> Leftover:
    properties = {_text(name): value for name, value in (message.application_properties or {}).items()}
    return Leftover(
        sequence_number=message.sequence_number or 0,
        enqueued_at=message.enqueued_time_utc,
        reason=message.dead_letter_reason or _text(properties.get("Reason", "")),
        description=message.dead_letter_error_description or _text(properties.get("Description", "")),
        body=b"".join(bytes(part) for part in message.body),
        truncated=bool(properties.get("Truncated")),
    )


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
