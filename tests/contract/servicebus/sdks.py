"""The synchronous and the asynchronous Python SDK behind one face, so that one suite runs on both."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import azure.servicebus
import azure.servicebus.aio
from azure.servicebus import NEXT_AVAILABLE_SESSION

from tests.contract.servicebus.broker_process import Broker


class InThread:
    """A synchronous object of the SDK that can be awaited: every call runs in a thread."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.wrapped, name)
        if name == "session":
            return InThread(value)
        if not callable(value):
            return value

        async def call(*arguments: Any, **named: Any) -> Any:
            return await asyncio.to_thread(value, *arguments, **named)

        return call

    async def __aenter__(self) -> "InThread":
        await asyncio.to_thread(self.wrapped.__enter__)
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self.wrapped.__exit__, *error)


class Sdk:
    """One SDK connected to the broker.

    Those of `sender`, `receiver` and `dead_letters` are opened once and shared: opening takes half a second.
    """

    def __init__(self, kind: str, broker: Broker) -> None:
        self.is_async = kind == "async"
        self._name_of = broker.name_of
        module: Any = azure.servicebus.aio if self.is_async else azure.servicebus
        self._renewer = module.AutoLockRenewer
        self.client = module.ServiceBusClient.from_connection_string(broker.connection_string, retry_total=0)
        self._patient = module.ServiceBusClient.from_connection_string(
            broker.connection_string, retry_total=3, retry_backoff_factor=0.1
        )
        self._shared: dict[tuple[str, str], Any] = {}

    async def sender(self, queue: str) -> Any:
        return await self._share(("sender", queue), lambda: self.new_sender(queue))

    async def receiver(self, queue: str) -> Any:
        return await self._share(("receiver", queue), lambda: self.new_receiver(queue))

    async def dead_letters(self, queue: str) -> Any:
        return await self._share(
            ("dead letters", queue),
            lambda: self.new_receiver(queue, sub_queue=azure.servicebus.ServiceBusSubQueue.DEAD_LETTER),
        )

    async def _share(self, key: tuple[str, str], make: Any) -> Any:
        if key not in self._shared:
            self._shared[key] = await make().__aenter__()
        return self._shared[key]

    def new_sender(self, queue: str, *, patient: bool = False) -> Any:
        """A sender of its own; a patient one tries again when its connection is lost."""
        return self._face((self._patient if patient else self.client).get_queue_sender(self._name_of(queue)))

    def new_receiver(self, queue: str, *, patient: bool = False, **options: Any) -> Any:
        return self._face(
            (self._patient if patient else self.client).get_queue_receiver(self._name_of(queue), **options)
        )

    def next_session(self, queue: str, wait: float = 10) -> Any:
        return self.new_receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=wait)

    def _face(self, handler: Any) -> Any:
        return handler if self.is_async else InThread(handler)

    def unwrapped(self, handler: Any) -> Any:
        return handler if self.is_async else handler.wrapped

    async def list_sessions(self, queue: str) -> list[str]:
        if self.is_async:
            return [session_id async for session_id in self.client.list_queue_sessions(self._name_of(queue))]
        return await asyncio.to_thread(lambda: list(self.client.list_queue_sessions(self._name_of(queue))))

    @contextlib.asynccontextmanager
    async def renewer(self, seconds: float) -> AsyncIterator[Any]:
        renewer = self._renewer(max_lock_renewal_duration=seconds)
        try:
            yield renewer
        finally:
            closing = renewer.close()
            if closing is not None:
                await closing

    async def close(self) -> None:
        await asyncio.gather(*(handler.__aexit__(None, None, None) for handler in self._shared.values()))
        for client in (self.client, self._patient):
            closing = client.close()
            if closing is not None:
                await closing
