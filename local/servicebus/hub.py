"""Where broker, connections and time meet: after each piece of input, and when something falls due, one turn.

A turn hands out what has become available and writes what has been gathered for each connection.
"""

from asyncio import TimerHandle, get_running_loop
from typing import Protocol

from local.servicebus.attaching import LinkOpener
from local.servicebus.broker import Broker
from local.servicebus.dispatcher import Dispatcher
from local.servicebus.errors import session_lock_lost
from local.servicebus.queue import Queue
from local.servicebus.receiver import QueueReceiver

IDLE_TIME_OUT = 240.0  # seconds; what the service announces


class Client(Protocol):
    """What the hub needs of a connection; `queues` are those that the client has used."""

    queues: set[Queue]

    def flush(self) -> None: ...

    def abort(self) -> None: ...


class Hub:
    """All that the connections of one broker share."""

    def __init__(self, broker: Broker, *, idle_time_out: float = IDLE_TIME_OUT) -> None:
        self.broker = broker
        self.idle_time_out = idle_time_out
        self.connections: set[Client] = set()
        self.unflushed: set[Client] = set()
        self._dispatcher = Dispatcher(self.turn)
        self.open_link = LinkOpener(broker, self._dispatcher).open
        self._timer: TimerHandle | None = None
        self._armed_for: float | None = None

    def turn(self) -> None:
        """Hand out, write, and set the clock for what comes next."""
        for queue in self.broker.take_news():
            self._dispatcher.pump(queue)
        while self.unflushed:
            self.unflushed.pop().flush()
        self._arm()

    def advance(self) -> None:
        """Do what has become due, then take a turn."""
        for lost in self.broker.advance():
            receiver: QueueReceiver = lost.owner
            receiver.lose_session(session_lock_lost(lost.session_id))
        self.turn()

    def _arm(self) -> None:
        due = self.broker.next_due()
        # A timer that is now too early does no harm and sets itself anew; most locks end before their time.
        if due is None or (self._armed_for is not None and self._armed_for <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        wait = max(0.0, due - self.broker.clock())
        self._timer, self._armed_for = get_running_loop().call_later(wait, self._fire), due

    def _fire(self) -> None:
        self._timer = self._armed_for = None
        self.advance()

    def disconnect(self, limit: int | None = None, queue: Queue | None = None) -> int:
        """Drop connections (those that use a queue) without a word, all or so many. How many were dropped."""
        using = [each for each in self.connections if queue is None or queue in each.queues]
        chosen = using[:limit]
        for connection in chosen:
            connection.abort()
        return len(chosen)
