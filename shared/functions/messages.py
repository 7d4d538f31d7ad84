"""What the functions share: the sender's correlation id, the host's trace, and giving a message back."""

from typing import TYPE_CHECKING, NoReturn
from uuid import UUID

from opentelemetry.context import attach

from shared.model.faults import QueueUnavailable
from shared.telemetry import PROPAGATOR

if TYPE_CHECKING:
    import azure.functions as func

    from shared.wiring import Application


def correlation_id(text: str | None) -> UUID | None:
    """Return the GUID in a header or property; None for any other text, which must not reach the logs."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


def follow_host(context: "func.Context") -> None:
    """Make the host's invocation the parent of the spans of this one, which is a task of its own."""
    attach(PROPAGATOR.extract({"traceparent": context.trace_context.trace_parent or ""}))


async def give_back(app: "Application") -> NoReturn:
    """Wait, so that redeliveries do not use up the delivery count in seconds, then raise for the host."""
    await app.ports.clock.sleep(app.settings.queue_wait_seconds)
    raise QueueUnavailable("the bus takes no message; the host delivers this one again")
