"""What the queue functions have in common: the sender's correlation id, and giving a message back."""

from typing import TYPE_CHECKING, NoReturn
from uuid import UUID

from shared.model.faults import QueueUnavailable

if TYPE_CHECKING:
    from shared.wiring import Application


def correlation_id(text: str | None) -> UUID | None:
    """The GUID in a header or a property; None for anything else, because it goes into logs and messages."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


async def give_back(app: "Application") -> NoReturn:
    """Wait, so that redeliveries do not burn the delivery count in seconds, then raise for the host."""
    await app.ports.clock.sleep(app.settings.queue_wait_seconds)
    reason = "the bus takes no message; the host delivers this one again"
    raise QueueUnavailable(reason)
