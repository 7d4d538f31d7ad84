"""Who gets the next message: receivers of a queue in turn, waiters for a session in order of coming."""

from asyncio import TimerHandle, get_running_loop
from collections import deque
from collections.abc import Callable

from local.servicebus.errors import BrokerFault, wait_timed_out
from local.servicebus.links import QueueReceiver
from local.servicebus.queue import Queue


class Dispatcher:
    """Brings messages and sessions to the links that asked for them."""

    def __init__(
        self,
        accept: Callable[[QueueReceiver], None],
        refuse: Callable[[QueueReceiver, BrokerFault], None],
    ) -> None:
        self._accept = accept
        self._refuse = refuse
        self._receivers: dict[Queue, deque[QueueReceiver]] = {}
        self._waiting: dict[Queue, dict[QueueReceiver, TimerHandle]] = {}

    def add(self, receiver: QueueReceiver) -> None:
        self._receivers.setdefault(receiver.queue, deque()).append(receiver)

    def remove(self, receiver: QueueReceiver) -> None:
        """The link is gone: it gets nothing more, and its attach is not answered any more."""
        timer = self._waiting.get(receiver.queue, {}).pop(receiver, None)
        if timer is not None:
            timer.cancel()
        receivers = self._receivers.get(receiver.queue)
        if receivers is not None and receiver in receivers:
            receivers.remove(receiver)

    def wait_for_session(self, receiver: QueueReceiver, seconds: float) -> None:
        timer = get_running_loop().call_later(seconds, self._give_up, receiver)
        self._waiting.setdefault(receiver.queue, {})[receiver] = timer

    def _give_up(self, receiver: QueueReceiver) -> None:
        if self._waiting.get(receiver.queue, {}).pop(receiver, None) is not None:
            self._refuse(receiver, wait_timed_out())

    def pump(self, queue: Queue) -> None:
        """Hand out messages and sessions of a queue while there are some and somebody can take them."""
        if queue.sessions is None:
            self._pump_shared(queue)
        else:
            self._pump_sessions(queue)

    def _pump_shared(self, queue: Queue) -> None:
        receivers = self._receivers.get(queue)
        if not receivers:
            return
        turns = deque(receiver for receiver in receivers if receiver.can_send())
        receivers.rotate(-1)  # so that nobody is always first
        while turns:
            receiver = turns.popleft()
            if not receiver.take_one():
                return
            if receiver.can_send():
                turns.append(receiver)

    def _pump_sessions(self, queue: Queue) -> None:
        assert queue.sessions is not None
        for receiver in self._receivers.get(queue, ()):
            while receiver.can_send() and receiver.take_one():
                pass
        waiting = self._waiting.get(queue)
        while waiting and queue.sessions.has_free():
            receiver = next(iter(waiting))
            waiting.pop(receiver).cancel()
            receiver.held = queue.accept_session(None, receiver)
            self._accept(receiver)
