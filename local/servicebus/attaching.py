"""What a link is for: the attach of a client in, the matching link end out, or a refusal that says why.

Addresses are `queue`, `queue/$DeadLetterQueue`, either with `/$management`, and `$cbs`; the SDKs send
queue names as URIs. A receiver on a queue with sessions names one in its filter
`com.microsoft:session-filter`, or null for the next available one; then the answer waits until there is
one. Source of the rules: learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.servicebus import cbs, decoder, encoder, management
from local.servicebus.config import MAX_MESSAGE_SIZE
from local.servicebus.errors import BrokerFault, not_allowed, not_implemented
from local.servicebus.links import Delivery, IncomingLink, Link, QueueReceiver, ReplyLink
from local.servicebus.message import BATCH_FORMAT, parse_batch, parse_message
from local.servicebus.outcomes import error
from local.servicebus.performatives import Attach, Detach
from local.servicebus.queue import Queue

if TYPE_CHECKING:
    from local.servicebus.amqp_session import AmqpSession

CBS = "$cbs"
MANAGEMENT_SUFFIX = "/$management"
SESSION_FILTER = "com.microsoft:session-filter"
LOCKED_UNTIL = "com.microsoft:locked-until-utc"
WAIT = "com.microsoft:timeout"
DEFAULT_WAIT = 65.0
_COORDINATOR = 0x30
_TICKS_AT_1970 = 621_355_968_000_000_000  # 100 ns since the year 1
_FILTER_FIELD = 7


@dataclass(frozen=True, slots=True)
class _Terminus:
    """The address of a source or target and, of a source, its filters (encoded values)."""

    address: str
    filters: dict[str, bytes]


def open_link(session: "AmqpSession", attach: Attach) -> None:
    """Answer an attach: accept it, refuse it, or let it wait for a session."""
    try:
        terminus = _read_terminus(attach.source if attach.role else attach.target)
        _open(session, attach, terminus)
    except BrokerFault as fault:
        refuse(session, attach, fault)


def _open(session: "AmqpSession", attach: Attach, terminus: _Terminus) -> None:
    address = terminus.address
    if address == CBS or address.lower().endswith(MANAGEMENT_SUFFIX):
        _open_request_link(session, attach, address)
        return
    queue = session.connection.hub.broker.find(address)
    session.connection.queues.add(queue)
    if not attach.role:
        _accept_incoming(
            session, attach, IncomingLink(session, attach, lambda delivery: _enqueue(queue, delivery))
        )
        return
    receiver = QueueReceiver(session, attach, queue)
    if queue.sessions is None and SESSION_FILTER not in terminus.filters:
        _accept(session, attach, receiver)
        session.connection.hub.dispatcher.add(receiver)
        return
    if SESSION_FILTER not in terminus.filters:
        raise not_allowed(
            f"Queue '{queue.name}' requires sessions: receive with a session id or the next session."
        )
    _accept_session(session, attach, receiver, terminus)


def _enqueue(queue: Queue, delivery: Delivery) -> None:
    if delivery.format != BATCH_FORMAT:
        queue.send(parse_message(delivery.payload))
        return
    messages = parse_batch(delivery.payload)
    for message in messages:
        queue.check(message)  # all or none
    for message in messages:
        queue.send(message)


def _open_request_link(session: "AmqpSession", attach: Attach, address: str) -> None:
    if attach.role:
        reply_link = ReplyLink(session, attach, address)
        session.reply_links[address] = reply_link
        _accept(session, attach, reply_link)
        return
    if address == CBS:
        _accept_incoming(session, attach, IncomingLink(session, attach, cbs.responder(session, address)))
        return
    queue = session.connection.hub.broker.find(address[: -len(MANAGEMENT_SUFFIX)])
    take = management.responder(session, address, queue)
    _accept_incoming(session, attach, IncomingLink(session, attach, take))


def _accept_session(
    session: "AmqpSession", attach: Attach, receiver: QueueReceiver, terminus: _Terminus
) -> None:
    wanted = decoder.decode(terminus.filters[SESSION_FILTER])[0]
    wanted = wanted.value if isinstance(wanted, decoder.Described) else wanted
    if wanted is not None and not isinstance(wanted, str):
        raise not_allowed("A session id must be a string.")
    held = receiver.queue.accept_session(wanted, receiver)
    session.links[attach.handle] = receiver
    if held is None:
        session.connection.hub.dispatcher.wait_for_session(receiver, _wait_of(attach))
        return
    receiver.held = held
    accept_session_receiver(session, receiver)


def accept_session_receiver(session: "AmqpSession", receiver: QueueReceiver) -> None:
    """Answer the attach of a receiver that now holds its session."""
    attach, held = receiver.attach, receiver.held
    assert held is not None
    assert attach.source is not None
    filters = encoder.map_of([(encoder.symbol(SESSION_FILTER), encoder.string(held.session_id))])
    ticks = int(held.locked_until * 10_000_000) + _TICKS_AT_1970
    properties = encoder.map_of([(encoder.symbol(LOCKED_UNTIL), encoder.long(ticks))])
    answered = attach._replace(source=_with_filters(attach.source, filters))
    _accept(session, answered, receiver, properties)
    session.connection.hub.dispatcher.add(receiver)


def _wait_of(attach: Attach) -> float:
    """How long a client wants to wait for the next available session, in seconds."""
    entries, _ = decoder.map_entries(attach.properties) if attach.properties is not None else ({}, 0)
    wait = decoder.decode(entries[WAIT])[0] if WAIT in entries else None
    return wait / 1000 if isinstance(wait, int) else DEFAULT_WAIT


def _accept(session: "AmqpSession", attach: Attach, link: Link, properties: bytes | None = None) -> None:
    session.links[attach.handle] = link
    session.send(
        Attach(
            attach.name,
            attach.handle,
            not attach.role,
            attach.snd_settle_mode,
            attach.rcv_settle_mode,
            attach.source,
            attach.target,
            initial_delivery_count=0 if attach.role else None,
            max_message_size=MAX_MESSAGE_SIZE,
            properties=properties,
        )
    )


def _accept_incoming(session: "AmqpSession", attach: Attach, link: IncomingLink) -> None:
    _accept(session, attach, link)
    link.grant()


def refuse(session: "AmqpSession", attach: Attach, fault: BrokerFault) -> None:
    """Refuse a link: an attach without source and target, then a detach with the reason (AMQP 2.6.3)."""
    session.links.pop(attach.handle, None)
    count = 0 if attach.role else None
    session.send(Attach(attach.name, attach.handle, not attach.role, initial_delivery_count=count))
    session.send(Detach(attach.handle, True, error(fault)))


def _read_terminus(encoded: bytes | None) -> _Terminus:
    if encoded is None:
        raise BrokerFault("amqp:invalid-field", "A link must name its source or target.")
    code, at = decoder.decode(encoded, 1)
    if code == _COORDINATOR:
        raise not_implemented("Transactions are not supported.")
    extents, _ = decoder.list_items(encoded, at)
    address = decoder.decode(encoded, extents[0][0])[0] if extents else None
    if not isinstance(address, str):
        raise BrokerFault("amqp:invalid-field", "A link must name the address of a queue.")
    filters: dict[str, bytes] = {}
    if code == 0x28 and len(extents) > _FILTER_FIELD:
        filters, _ = decoder.map_entries(encoded, extents[_FILTER_FIELD][0])
    return _Terminus(_entity_of(address), filters)


def _entity_of(address: str) -> str:
    """`amqps://host:port/queue` names the same as `queue`."""
    if "://" in address:
        address = address.split("://", 1)[1].partition("/")[2]
    return address.strip("/")


def _with_filters(source: bytes, filters: bytes) -> bytes:
    _, at = decoder.decode(source, 1)
    fields = [source[start:end] for start, end in decoder.list_items(source, at)[0]]
    fields[_FILTER_FIELD] = filters
    return encoder.described(0x28, encoder.list_of(fields))
