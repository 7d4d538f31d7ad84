"""The ends of AMQP links: incoming ones take transfers, outgoing ones send under the credit of the client.

What a link is for is given to it: an `IncomingLink` gets a function that takes the message, `ReplyLink` sends
the answers of a request-response pair. Source of the rules: OASIS AMQP 1.0, part 2, sections 2.6 and 2.7.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from local.servicebus import serial
from local.servicebus.amqp_session import AmqpSession
from local.servicebus.config import MAX_MESSAGE_SIZE
from local.servicebus.errors import BrokerFault, MalformedBytes, message_too_large
from local.servicebus.outcomes import ACCEPTED, rejected
from local.servicebus.performatives import Attach, Flow, Transfer

CREDIT = 1000


class Delivery(NamedTuple):
    """A transfer put together. `format` is the message format of its first frame."""

    payload: bytes
    format: int


class IncomingLink:
    """Takes messages from the client, credit or not: the Python SDK sends before it is given any."""

    def __init__(self, session: AmqpSession, attach: Attach, take: Callable[[Delivery], None]) -> None:
        self.name = attach.name
        self.handle = attach.handle
        self.session = session
        self._take = take
        self._count = attach.initial_delivery_count or 0
        self._granted = 0  # up to this delivery count
        self._first: Transfer | None = None
        self._parts: list[bytes] = []
        self._size = 0

    def grant(self) -> None:
        """Give the client credit for more messages, and room in the window."""
        self._granted = serial.advanced(self._count, CREDIT)
        self.session.send_flow(self.handle, delivery_count=self._count, credit=CREDIT)

    def on_flow(self, flow: Flow) -> None:
        if flow.echo:
            self.grant()

    def serve(self) -> None:
        """Nothing goes out here."""

    def on_gone(self) -> None:
        self._forget_parts()

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        if self._first is None:
            if transfer.delivery_id is None:
                raise MalformedBytes("The first transfer of a delivery must have a delivery id.")
            self._first = transfer
        self._size += len(payload)
        if self._size <= MAX_MESSAGE_SIZE:
            self._parts.append(payload)
        else:
            self._parts.clear()
        if transfer.aborted:
            self._forget_parts()
            self._count_one()
        elif not transfer.more:
            self._finish(self._first, settled=bool(self._first.settled or transfer.settled))
            self._count_one()

    def _finish(self, first: Transfer, *, settled: bool) -> None:
        payload, size = b"".join(self._parts), self._size
        self._forget_parts()
        state = ACCEPTED
        try:
            if size > MAX_MESSAGE_SIZE:
                raise message_too_large(MAX_MESSAGE_SIZE)
            self._take(Delivery(payload, first.message_format or 0))
        except (BrokerFault, MalformedBytes) as fault:
            state = rejected(BrokerFault(fault.condition, fault.description))
        assert first.delivery_id is not None
        if not settled:
            self.session.send_settled(first.delivery_id, state, receiver=True)

    def _count_one(self) -> None:
        """Count a delivery, also an aborted one; give new credit when half of it is used up."""
        self._count = serial.advanced(self._count)
        if serial.distance(self._count, self._granted) <= CREDIT // 2:
            self.grant()

    def _forget_parts(self) -> None:
        self._first, self._size = None, 0
        self._parts.clear()


class OutgoingLink:
    """Sends messages to the client, never more than its credit and the session's window allow."""

    def __init__(self, session: AmqpSession, attach: Attach) -> None:
        self.name = attach.name
        self.handle = attach.handle
        self.session = session
        self._count = 0
        self.credit = 0

    def on_flow(self, flow: Flow) -> None:
        if flow.link_credit is not None:
            seen = flow.delivery_count or 0  # what the client counted when it gave this credit
            self.credit = serial.remaining(flow.link_credit, seen, self._count)
        self.serve()
        if flow.drain:
            self._count = serial.advanced(self._count, self.credit)
            self.credit = 0
        if flow.drain or flow.echo:
            self.session.send_flow(
                self.handle, delivery_count=self._count, credit=self.credit, drain=bool(flow.drain)
            )

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """Nothing comes in here."""

    def serve(self) -> None:
        """Send what there is to send."""

    def on_gone(self) -> None:
        """Nothing to give back."""

    def can_send(self) -> bool:
        return self.credit > 0 and self.session.can_send()

    def transfer(self, tag: bytes, payload: bytes, *, settled: bool) -> int:
        """Send one message. The delivery id."""
        self.credit -= 1
        self._count = serial.advanced(self._count)
        return self.session.send_transfer(self.handle, tag, payload, settled=settled)


class ReplyLink(OutgoingLink):
    """Carries the answers of $cbs or $management; they wait until the client gives credit."""

    def __init__(self, session: AmqpSession, attach: Attach, address: str) -> None:
        super().__init__(session, attach)
        self._address = address
        self._waiting: deque[bytes] = deque()
        self._sent = 0
        session.answer_on[address] = self.reply

    def on_gone(self) -> None:
        if self.session.answer_on.get(self._address) == self.reply:
            del self.session.answer_on[self._address]

    def reply(self, payload: bytes) -> None:
        self._waiting.append(payload)
        self.serve()

    def serve(self) -> None:
        while self._waiting and self.can_send():
            self._sent += 1
            self.transfer(self._sent.to_bytes(4), self._waiting.popleft(), settled=True)
