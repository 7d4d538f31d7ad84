"""The answer to an attach: the link is open, or it is refused with the reason (OASIS AMQP 1.0, 2.6.3)."""

from local.servicebus.amqp_session import AmqpSession, Link
from local.servicebus.config import MAX_MESSAGE_SIZE
from local.servicebus.errors import BrokerFault
from local.servicebus.outcomes import error
from local.servicebus.performatives import Attach, Detach


def accept(session: AmqpSession, attach: Attach, link: Link, properties: bytes | None = None) -> None:
    """Answer an attach: the link is open."""
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


def refuse(session: AmqpSession, attach: Attach, fault: BrokerFault) -> None:
    """Refuse a link: an attach without source and target, then a detach with the reason (AMQP 2.6.3)."""
    session.links.pop(attach.handle, None)
    count = 0 if attach.role else None
    session.send(Attach(attach.name, attach.handle, not attach.role, initial_delivery_count=count))
    session.send(Detach(attach.handle, True, error(fault)))
