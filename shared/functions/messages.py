"""What the queue functions share: read the sender's correlation id, and give a message back to the queue."""

from typing import TYPE_CHECKING, NoReturn
from uuid import UUID

from shared.model.faults import QueueUnavailable

if TYPE_CHECKING:
    from shared.wiring import Application


def correlation_id(text: str | None) -> UUID | None:
    """Return the GUID in a header or property; None for any other text, which must not reach the logs."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


async def give_back(app: "Application") -> NoReturn:
    """Wait, so that redeliveries do not use up the delivery count in seconds, then raise for the host."""
    await app.ports.clock.sleep(app.settings.queue_wait_seconds)
    raise QueueUnavailable("the bus takes no message; the host delivers this one again")
