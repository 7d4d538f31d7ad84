"""What a link is for: the attach of a client in, the matching link end out, or a refusal that says why.

Addresses are `queue`, `queue/$DeadLetterQueue`, either with `/$management`, and `$cbs`; the SDKs send
queue names as URIs. A receiver on a queue with sessions names one in its filter
`com.microsoft:session-filter`, or null for the next available one; then the answer waits until there is
one. Source of the rules: learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide.
"""

from collections.abc import Callable
from dataclasses import dataclass

from local.servicebus import cbs, decoder, layout, management
from local.servicebus.amqp_session import AmqpSession
from local.servicebus.answering import accept, refuse
from local.servicebus.broker import Broker
from local.servicebus.dispatcher import Dispatcher
from local.servicebus.errors import BrokerFault, not_allowed, not_implemented
from local.servicebus.links import Delivery, IncomingLink, ReplyLink
from local.servicebus.message import BATCH_FORMAT, parse_batch, parse_message
from local.servicebus.performatives import Attach
from local.servicebus.queue import Queue
from local.servicebus.receiver import FILTER_FIELD, SESSION_FILTER, QueueReceiver

CBS = "$cbs"
MANAGEMENT_SUFFIX = "/$management"
WAIT = "com.microsoft:timeout"
DEFAULT_WAIT = 65.0
_COORDINATOR = 0x30


@dataclass(frozen=True, slots=True)
class _Terminus:
    """The address of a source or target and, of a source, its filters (encoded values)."""

    address: str
    filters: dict[str, bytes]


class LinkOpener:
    """Answers the attaches of all connections."""

    def __init__(self, broker: Broker, dispatcher: Dispatcher) -> None:
        self._broker = broker
        self._dispatcher = dispatcher

    def open(self, session: AmqpSession, attach: Attach) -> None:
        """Answer an attach: accept it, refuse it, or let it wait for a session."""
        try:
            terminus = _read_terminus(attach.source if attach.role else attach.target)
            self._open(session, attach, terminus)
        except BrokerFault as fault:
            refuse(session, attach, fault)

    def _open(self, session: AmqpSession, attach: Attach, terminus: _Terminus) -> None:
        address = terminus.address
        if address == CBS or address.lower().endswith(MANAGEMENT_SUFFIX):
            self._open_request_link(session, attach, address)
            return
        queue = self._broker.find(address)
        session.connection.queues.add(queue)
        if attach.role:
            self._open_receiver(session, attach, queue, terminus)
        else:
            _accept_incoming(session, attach, lambda delivery: _enqueue(queue, delivery))

    def _open_request_link(self, session: AmqpSession, attach: Attach, address: str) -> None:
        if attach.role:
            accept(session, attach, ReplyLink(session, attach, address))
        elif address == CBS:
            _accept_incoming(session, attach, cbs.responder(session, address))
        else:
            queue = self._broker.find(address[: -len(MANAGEMENT_SUFFIX)])
            _accept_incoming(session, attach, management.responder(session, address, queue))

    def _open_receiver(self, session: AmqpSession, attach: Attach, queue: Queue, terminus: _Terminus) -> None:
        receiver = QueueReceiver(session, attach, queue, self._dispatcher)
        if SESSION_FILTER in terminus.filters:
            self._open_session_receiver(receiver, terminus.filters[SESSION_FILTER])
        elif queue.sessions is None:
            accept(session, attach, receiver)
            self._dispatcher.add(receiver)
        else:
            raise not_allowed(
                f"Queue '{queue.name}' requires sessions: receive with a session id or the next session."
            )

    def _open_session_receiver(self, receiver: QueueReceiver, session_filter: bytes) -> None:
        wanted = decoder.decode(session_filter)[0]
        wanted = wanted.value if isinstance(wanted, decoder.Described) else wanted
        if wanted is not None and not isinstance(wanted, str):
            raise not_allowed("A session id must be a string.")
        held = receiver.queue.accept_session(wanted, receiver)
        receiver.session.links[receiver.handle] = receiver
        if held is None:
            self._dispatcher.wait_for_session(receiver, _wait_of(receiver.attach))
        else:
            receiver.accept_session(held)


def _enqueue(queue: Queue, delivery: Delivery) -> None:
    if delivery.format != BATCH_FORMAT:
        queue.send(parse_message(delivery.payload))
        return
    messages = parse_batch(delivery.payload)
    for message in messages:
        queue.check(message)  # all or none
    for message in messages:
        queue.send(message)


def _wait_of(attach: Attach) -> float:
    """How long a client wants to wait for the next available session, in seconds."""
    entries, _ = decoder.map_entries(attach.properties) if attach.properties is not None else ({}, 0)
    wait = decoder.decode(entries[WAIT])[0] if WAIT in entries else None
    return wait / 1000 if isinstance(wait, int) else DEFAULT_WAIT


def _accept_incoming(session: AmqpSession, attach: Attach, take: Callable[[Delivery], None]) -> None:
    link = IncomingLink(session, attach, take)
    accept(session, attach, link)
    link.grant()


def _read_terminus(encoded: bytes | None) -> _Terminus:
    if encoded is None:
        raise BrokerFault("amqp:invalid-field", "A link must name its source or target.")
    code, at = decoder.decode(encoded, 1)
    if code == _COORDINATOR:
        raise not_implemented("Transactions are not supported.")
    extents, _ = layout.list_items(encoded, at)
    address = decoder.decode(encoded, extents[0][0])[0] if extents else None
    if not isinstance(address, str):
        raise BrokerFault("amqp:invalid-field", "A link must name the address of a queue.")
    filters: dict[str, bytes] = {}
    if code == 0x28 and len(extents) > FILTER_FIELD:
        filters, _ = decoder.map_entries(encoded, extents[FILTER_FIELD][0])
    return _Terminus(_entity_of(address), filters)


def _entity_of(address: str) -> str:
    """`amqps://host:port/queue` names the same as `queue`."""
    if "://" in address:
        address = address.split("://", 1)[1].partition("/")[2]
    return address.strip("/")
