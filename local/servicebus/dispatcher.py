"""Who gets the next message: receivers of a queue in turn, waiters for a session in order of coming."""

from asyncio import TimerHandle, get_running_loop
from collections import deque
from collections.abc import Callable
from typing import Protocol

from local.servicebus.errors import BrokerFault, wait_timed_out
from local.servicebus.queue import Queue
from local.servicebus.sessions import Session


class Receiver(Protocol):
    """A link that asks for the messages of a queue."""

    queue: Queue

    def can_send(self) -> bool: ...

    def take_one(self) -> bool: ...

    def accept_session(self, held: Session) -> None: ...

    def refuse(self, fault: BrokerFault) -> None: ...


class Dispatcher:
    """Brings messages and sessions to the links that asked for them; `turn` sends what a time-out says."""

    def __init__(self, turn: Callable[[], None]) -> None:
        self._turn = turn
        self._receivers: dict[Queue, deque[Receiver]] = {}
        self._waiting: dict[Queue, dict[Receiver, TimerHandle]] = {}

    def add(self, receiver: Receiver) -> None:
        self._receivers.setdefault(receiver.queue, deque()).append(receiver)

    def remove(self, receiver: Receiver) -> None:
        """The link is gone: it gets nothing more, and its attach is not answered any more."""
        timer = self._waiting.get(receiver.queue, {}).pop(receiver, None)
        if timer is not None:
            timer.cancel()
        receivers = self._receivers.get(receiver.queue)
        if receivers is not None and receiver in receivers:
            receivers.remove(receiver)

    def wait_for_session(self, receiver: Receiver, seconds: float) -> None:
        timer = get_running_loop().call_later(seconds, self._give_up, receiver)
        self._waiting.setdefault(receiver.queue, {})[receiver] = timer

    def _give_up(self, receiver: Receiver) -> None:
        if self._waiting.get(receiver.queue, {}).pop(receiver, None) is not None:
            receiver.refuse(wait_timed_out())
            self._turn()

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
            held = queue.accept_session(None, receiver)
            assert held is not None
            receiver.accept_session(held)
