"""The receiver of a client on a queue: messages of the queue or of one session out, decisions back in.

Source of the rules: learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide.
"""

from uuid import UUID

from local.servicebus import decoder, encoder, layout
from local.servicebus.amqp_session import AmqpSession
from local.servicebus.answering import accept, refuse
from local.servicebus.dispatcher import Dispatcher
from local.servicebus.errors import BrokerFault
from local.servicebus.links import OutgoingLink
from local.servicebus.outcomes import Outcome
from local.servicebus.performatives import Attach
from local.servicebus.queue import Queue
from local.servicebus.sessions import Session
from local.servicebus.stored import StoredMessage, encode_delivery

SESSION_FILTER = "com.microsoft:session-filter"
FILTER_FIELD = 7  # of a source
_LOCKED_UNTIL = "com.microsoft:locked-until-utc"
_TICKS_AT_1970 = 621_355_968_000_000_000  # 100 ns since the year 1
_SETTLED = 1  # snd-settle-mode: the sender sends all deliveries settled


class QueueReceiver(OutgoingLink):
    """A client's receiver on a queue; with a session, the owner of that session."""

    def __init__(self, session: AmqpSession, attach: Attach, queue: Queue, dispatcher: Dispatcher) -> None:
        super().__init__(session, attach)
        self.queue = queue
        self.held: Session | None = None
        self.attach = attach
        self._deletes = attach.snd_settle_mode == _SETTLED
        self._dispatcher = dispatcher

    def serve(self) -> None:
        self._dispatcher.pump(self.queue)

    def accept_session(self, held: Session) -> None:
        """Answer the attach: this link now holds the session."""
        attach, self.held = self.attach, held
        assert attach.source is not None
        filters = encoder.map_of([(encoder.symbol(SESSION_FILTER), encoder.string(held.session_id))])
        ticks = int(held.locked_until * 10_000_000) + _TICKS_AT_1970
        properties = encoder.map_of([(encoder.symbol(_LOCKED_UNTIL), encoder.long(ticks))])
        answered = attach._replace(source=_with_filters(attach.source, filters))
        accept(self.session, answered, self, properties)
        self._dispatcher.add(self)

    def refuse(self, fault: BrokerFault) -> None:
        """Answer the attach: there is no session for this link."""
        refuse(self.session, self.attach, fault)

    def take_one(self) -> bool:
        """Send the next message of the queue or session. False if there is none."""
        stored = self.queue.acquire(self.held, delete=self._deletes)
        if stored is None:
            return False
        self._send(stored)
        return True

    def _send(self, stored: StoredMessage) -> None:
        tag = stored.lock_token.bytes_le if stored.lock_token else stored.sequence_number.to_bytes(16)
        delivery_id = self.transfer(tag, encode_delivery(stored), settled=self._deletes)
        if stored.lock_token:
            self.session.unsettled.add(delivery_id, self, stored.lock_token)

    def settle(self, token: UUID, outcome: Outcome) -> None:
        """Apply the client's decision. Raises message-lock-lost, session-lock-lost or not-allowed."""
        if self.queue.sessions is not None:
            self.queue.held_session(self.held.session_id if self.held else None, self)
        self.queue.settle(token, outcome.settlement, outcome.properties)

    def on_gone(self) -> None:
        self.session.unsettled.forget(self)
        self._dispatcher.remove(self)
        if self.held is not None:
            self.queue.release_session(self.held.session_id, self)
            self.held = None

    def lose_session(self, fault: BrokerFault) -> None:
        """The lock of the session has ended: the client must accept it again on a new link."""
        self.held = None
        self.session.drop_link(self, fault)


def _with_filters(source: bytes, filters: bytes) -> bytes:
    _, at = decoder.decode(source, 1)
    fields = [source[start:end] for start, end in layout.list_items(source, at)[0]]
    fields[FILTER_FIELD] = filters
    return encoder.described(0x28, encoder.list_of(fields))
