# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""Tries what the app may do with its queues, without sending or taking a message."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.model.faults import ConfigurationFault, NotPermitted, QueueUnavailable, System

if TYPE_CHECKING:
    from azure.servicebus.aio import ServiceBusClient


class TriedQueues:
    """Implements the port QueueAccess."""

    def __init__(self, client: "ServiceBusClient") -> None:
        self._client = client

    async def send(self, queue: str) -> None:
        async with _faults(), self._client.get_queue_sender(queue) as sender:
            await sender.create_message_batch()  # opens the link, and asks how large a message may be

    async def receive(self, queue: str) -> None:
        async with _faults(), self._client.get_queue_receiver(queue) as receiver:
            await receiver.peek_messages(1)  # locks nothing


@asynccontextmanager
async def _faults() -> AsyncGenerator[None]:
    from azure.servicebus.exceptions import (
        MessagingEntityNotFoundError,
        ServiceBusAuthenticationError,
        ServiceBusAuthorizationError,
    )

    try:
        yield
    except (ServiceBusAuthorizationError, ServiceBusAuthenticationError, ClientAuthenticationError) as error:
        reason = f"refuses the app ({type(error).__name__})."
        raise NotPermitted(System.SERVICE_BUS, reason, "Check the app's roles on the queue.") from error
    except MessagingEntityNotFoundError as error:
        remedy = "Deploy infra/main.bicep, which makes the queues."
        raise ConfigurationFault(System.SERVICE_BUS, "has no such queue.", remedy) from error
    except (AzureError, OSError) as error:
        raise QueueUnavailable(f"no answer ({type(error).__name__})") from error
