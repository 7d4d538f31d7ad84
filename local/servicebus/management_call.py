"""One request to a queue's $management: its arguments, read and checked, and who asks.

Source of the names: learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response.
"""

from typing import Any, NamedTuple
from uuid import UUID

from local.servicebus import decoder
from local.servicebus.amqp_session import AmqpSession
from local.servicebus.errors import invalid_argument
from local.servicebus.queue import Queue
from local.servicebus.receiver import QueueReceiver


class Call(NamedTuple):
    """One request: the queue, the fields of its body (encoded values), and who asks."""

    queue: Queue
    fields: dict[str, bytes]
    amqp_session: AmqpSession

    def value(self, name: str) -> Any:
        encoded = self.fields.get(name)
        return decoder.decode(encoded)[0] if encoded is not None else None

    def required(self, name: str, kind: type) -> Any:
        value = self.value(name)
        if not isinstance(value, kind):
            raise invalid_argument(f"The request must have '{name}' with the documented type.")
        return value

    def numbers(self) -> list[int]:
        numbers = self.required("sequence-numbers", list)
        if not all(isinstance(number, int) for number in numbers):
            raise invalid_argument("Sequence numbers must be integers.")
        return numbers

    def tokens(self) -> list[UUID]:
        tokens = self.required("lock-tokens", list)
        if None in tokens:
            raise invalid_argument("null is no lock token: the message is settled, or was never locked.")
        if not all(isinstance(token, UUID) for token in tokens):
            raise invalid_argument("Lock tokens must be UUIDs.")
        return tokens

    def session_id(self) -> str | None:
        session_id = self.value("session-id")
        if not isinstance(session_id, str | None):
            raise invalid_argument("A session id must be a string.")
        return session_id

    def owner(self, session_id: str | None) -> object:
        """The link of the asking connection that holds this session; None if there is none."""
        if self.queue.sessions is None or session_id is None:
            return None
        session = self.queue.sessions.find(session_id)
        holder: QueueReceiver | None = session.owner if session is not None else None
        ours = holder is not None and holder.session.connection is self.amqp_session.connection
        return holder if ours else None
