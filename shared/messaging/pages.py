"""Sends pages of runs to the queue `load-pages`."""

from datetime import datetime

from shared.messaging.queues import QueueSender
from shared.model.page import PageDue, encode_page


class ServiceBusPages:
    """Implements the port PageQueue."""

    def __init__(self, sender: QueueSender) -> None:
        self._sender = sender

    async def send(self, page: PageDue, due: datetime | None = None) -> None:
        from azure.servicebus import ServiceBusMessage

        message = ServiceBusMessage(
            encode_page(page),
            content_type="application/json",
            message_id=page.message_id,
            subject=str(page.kind),
            scheduled_enqueue_time_utc=due,
        )
        await self._sender.send(message)
