"""All queues of a namespace by address, and their common clockwork. No I/O."""

from local.servicebus.clock import Clock
from local.servicebus.config import NamespaceSettings, QueueSettings
from local.servicebus.errors import entity_not_found
from local.servicebus.queue import Queue
from local.servicebus.settlement import LostSession

DEAD_LETTER_SUFFIX = "/$deadletterqueue"


class Broker:
    """The queues of the config file, each with its dead-letter queue."""

    def __init__(self, settings: NamespaceSettings, clock: Clock) -> None:
        self.clock = clock
        self.queues = {queue.name: _with_dead_letters(queue, clock) for queue in settings.queues}
        self._by_address: dict[str, Queue] = {}
        for name, queue in self.queues.items():
            assert queue.dead_letters is not None
            self._by_address[name.lower()] = queue
            self._by_address[name.lower() + DEAD_LETTER_SUFFIX] = queue.dead_letters

    def find(self, address: str) -> Queue:
        """The queue or dead-letter queue at an address like `orders` or `orders/$DeadLetterQueue`.

        Case does not matter. Raises not-found.
        """
        queue = self._by_address.get(address.lower())
        if queue is None:
            raise entity_not_found(address)
        return queue

    def next_due(self) -> float | None:
        """When `advance` has something to do, seconds since 1970."""
        times = (queue.next_due() for queue in self._by_address.values())
        return min((time for time in times if time is not None), default=None)

    def advance(self) -> list[LostSession]:
        """Do what has become due in all queues. The sessions whose locks have ended."""
        return [lost for queue in self._by_address.values() for lost in queue.advance()]

    def take_news(self) -> list[Queue]:
        """The queues in which something may have become available since the last call."""
        news = [queue for queue in self._by_address.values() if queue.has_news]
        for queue in news:
            queue.has_news = False
        return news


def _with_dead_letters(settings: QueueSettings, clock: Clock) -> Queue:
    return Queue(settings, clock, Queue(settings.of_dead_letters(), clock))
