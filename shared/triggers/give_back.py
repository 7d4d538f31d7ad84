"""What a queue function does when the bus takes no message: wait under the lock, then fail."""

from typing import TYPE_CHECKING, NoReturn

from shared.model.faults import QueueUnavailable

if TYPE_CHECKING:
    from shared.wiring import Application


async def give_back(app: "Application") -> NoReturn:
    """Wait, so that redeliveries do not burn the delivery count in seconds, then raise for the host."""
    await app.ports.clock.sleep(app.settings.queue_wait_seconds)
    reason = "the bus takes no message; the host delivers this one again"
    raise QueueUnavailable(reason)
