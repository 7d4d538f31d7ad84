"""Service Bus pumps: a trigger's messages from the broker to its function, settled as the invocation ended.

In: a trigger and host.json's settings. Out: invocations; success completes the message, failure abandons it,
so that the broker redelivers it until its MaxDeliveryCount. A pump is a number of lanes, one for each call
that may run at once; a lane has a receiver of its own and works on one message at a time. In a session queue
it holds one session at a time, its lock renewed from the moment of acceptance, as the real host does.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import MessageLockLostError, OperationTimeoutError, SessionLockLostError

from local.host.config import ServiceBusOptions
from local.host.locks import kept_locked
from local.host.messages import body_datum, trace_parent, trigger_metadata
from local.host.worker import Function, InvocationError, Worker

_log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # how long a receive waits, and so how long a lane takes to see that it shall stop
ACCEPT_SECONDS = 30.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.25, 2.0


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """What a Service Bus trigger binding says, references resolved, host.json's defaults filled in."""

    function: Function
    queue: str
    sessions: bool
    auto_complete: bool
    data_type: str | None

    @classmethod
    def read(cls, function: Function, queue: str, options: ServiceBusOptions) -> Self:
        """Read the binding of a function; `queue` is its resolved name."""
        binding = function.trigger
        auto_complete = binding.get("autoCompleteMessages")
        return cls(
            function,
            queue,
            sessions=bool(binding.get("isSessionsEnabled")),
            auto_complete=options.auto_complete_messages if auto_complete is None else bool(auto_complete),
            data_type=binding.get("dataType"),
        )


class Pump:
    """Runs the lanes of one trigger until `stop` is set and what was taken is settled."""

    def __init__(
        self,
        client: ServiceBusClient,
        trigger: QueueTrigger,
        options: ServiceBusOptions,
        worker: Worker,
        stop: asyncio.Event,
    ) -> None:
        self._client, self._trigger, self._options, self._worker, self._stop = (
            client,
            trigger,
            options,
            worker,
            stop,
        )
        self._lanes = options.max_concurrent_sessions if trigger.sessions else options.max_concurrent_calls

    async def run(self) -> None:
        """Run all lanes to their end."""
        async with asyncio.TaskGroup() as lanes:
            for _ in range(self._lanes):
                lanes.create_task(self._lane())

    async def _lane(self) -> None:
        backoff = _FIRST_BACKOFF
        work = self._work_on_a_session if self._trigger.sessions else self._work_on_the_queue
        while not self._stop.is_set():
            try:
                await work()
                backoff = _FIRST_BACKOFF
            except Exception as error:  # noqa: BLE001 - whatever ended the link: logged, and a new one is opened
                level = logging.WARNING if backoff == _FIRST_BACKOFF else logging.DEBUG
                self._report("connection lost", "link_lost", level, error=repr(error), again_in=backoff)
                await self._wait_for_stop(backoff)
                backoff = min(2 * backoff, _LONGEST_BACKOFF)

    async def _work_on_the_queue(self) -> None:
        prefetch = self._options.prefetch_count // self._lanes
        async with self._client.get_queue_receiver(self._trigger.queue, prefetch_count=prefetch) as receiver:
            while not self._stop.is_set():
                for message in await receiver.receive_messages(1, max_wait_time=POLL_SECONDS):
                    await self._process_with_renewal(receiver, message)

    async def _process_with_renewal(
        self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage
    ) -> None:
        async def renew() -> Any:
            return await receiver.renew_message_lock(message)

        longest = self._options.max_auto_lock_renewal_duration
        async with kept_locked(renew, message.locked_until_utc, longest, f"message {message.message_id}"):
            succeeded = await self._invoke(message)
        await self._settle(receiver, message, succeeded=succeeded)

    async def _work_on_a_session(self) -> None:
        receiver = await self._accept()
        if receiver is None:
            return
        session = receiver.session
        self._report("session accepted", "session_accepted", session_id=session.session_id)
        reason = "lost"
        try:
            longest = self._options.max_auto_lock_renewal_duration
            async with kept_locked(
                session.renew_lock, session.locked_until_utc, longest, f"session {session.session_id}"
            ):
                reason = await self._work_until_idle(receiver)
        except SessionLockLostError as error:
            self._report(
                "session lost",
                "session_lost",
                logging.WARNING,
                session_id=session.session_id,
                error=str(error),
            )
        finally:
            await receiver.close()
            self._report("session closed", "session_closed", session_id=session.session_id, reason=reason)

    async def _accept(self) -> ServiceBusReceiver | None:
        """The receiver of the next free session; None if none comes for a while or the lane shall stop."""
        receiver = self._client.get_queue_receiver(
            self._trigger.queue,
            session_id=NEXT_AVAILABLE_SESSION,
            max_wait_time=ACCEPT_SECONDS,
            prefetch_count=self._options.prefetch_count // self._lanes,
        )
        opening = asyncio.ensure_future(receiver.__aenter__())
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                return await opening
            opening.cancel()
            await asyncio.wait({opening})
            await receiver.close()
        except OperationTimeoutError:
            await receiver.close()
        finally:
            stopping.cancel()
        return None

    async def _work_until_idle(self, receiver: ServiceBusReceiver) -> str:
        """Work on the session's messages one after the other; return why it ended."""
        idle = timedelta(0)
        while not self._stop.is_set():
            wait = min(POLL_SECONDS, (self._options.session_idle_timeout - idle).total_seconds())
            messages = await receiver.receive_messages(1, max_wait_time=wait)
            for message in messages:
                await self._settle(receiver, message, succeeded=await self._invoke(message))
            idle = timedelta(0) if messages else idle + timedelta(seconds=wait)
            if idle >= self._options.session_idle_timeout:
                return "idle"
        return "stopping"

    async def _invoke(self, message: ServiceBusReceivedMessage) -> bool:
        function = self._trigger.function
        body = body_datum(message, self._trigger.data_type)
        metadata = trigger_metadata(message, function.name)
        delivery = (message.delivery_count or 0) + 1
        reason = f"message {message.message_id} of {self._trigger.queue}, delivery {delivery}"
        try:
            await self._worker.invoke(
                function, body, metadata, trace_parent=trace_parent(message), reason=reason
            )
        except InvocationError:
            return False
        return True

    async def _settle(
        self, receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, *, succeeded: bool
    ) -> None:
        """Complete or abandon; a lost message lock is logged (the broker redelivers), all else raised."""
        if succeeded and not self._trigger.auto_complete:
            return
        settle, name = (
            (receiver.complete_message, "complete") if succeeded else (receiver.abandon_message, "abandon")
        )
        about = {"message_id": message.message_id, "settlement": name, "session_id": message.session_id}
        try:
            await settle(message)
        except Exception as error:
            self._report("message not settled", "not_settled", logging.WARNING, **about, error=str(error))
            if not isinstance(error, MessageLockLostError):
                raise
        else:
            self._report("message settled", "settled", **about)

    async def _wait_for_stop(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return

    def _report(self, text: str, event: str, level: int = logging.DEBUG, **fields: Any) -> None:
        about = {"event": event, "queue": self._trigger.queue, "function": self._trigger.function.name}
        _log.log(level, text, extra={**about, **fields})
