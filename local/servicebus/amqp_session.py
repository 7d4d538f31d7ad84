"""One AMQP session: performatives of its links in, windows and delivery ids kept, performatives out.

Refuses (with `MalformedBytes`, which ends the connection) what breaks the protocol: handles in use, flows
before their time. Transfers and dispositions for links that are gone are ignored: they were on their way.
Source of the rules: OASIS AMQP 1.0, part 2, sections 2.5 and 2.6.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from local.servicebus import encoder, serial
from local.servicebus.errors import BrokerFault, MalformedBytes
from local.servicebus.frames import HEADER_LENGTH
from local.servicebus.outcomes import Outcome, error, read_outcome, rejected
from local.servicebus.performatives import (
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Performative,
    Transfer,
    encode,
    encode_settled,
    encode_transfer,
)
from local.servicebus.queue import Queue
from local.servicebus.unsettled import SettlingLink, Unsettled

INCOMING_WINDOW = 5000
HANDLE_MAX = 4999
_TRANSFER_OVERHEAD = 64  # more than the longest transfer performative that is sent here


class Wire(Protocol):
    """What a session needs of its connection; `queues` are those that the client has used."""

    is_writable: bool
    peer_frame_size: int
    queues: set[Queue]

    def send(self, channel: int, body: bytes) -> None: ...


class Link(Protocol):
    """What a session needs of a link."""

    name: str
    handle: int

    def on_flow(self, flow: Flow) -> None: ...

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None: ...

    def serve(self) -> None:
        """Send what there is to send."""
        ...

    def on_gone(self) -> None:
        """The link has ended: detached, or its connection lost."""
        ...


class AmqpSession:
    """A session on a channel; it answers on the channel of the same number."""

    def __init__(
        self, connection: Wire, channel: int, begin: Begin, open_link: "Callable[[AmqpSession, Attach], None]"
    ) -> None:
        self.connection = connection
        self.channel = channel
        self.links: dict[int, Link] = {}
        self.answer_on: dict[str, Callable[[bytes], None]] = {}  # the reply links, by address
        self.unsettled = Unsettled()
        self._open_link = open_link
        self._next_incoming = begin.next_outgoing_id
        self._unannounced = 0  # frames that have come since the client was told the window
        self._next_outgoing = 0
        self._next_delivery = 0
        self._window = begin.incoming_window
        self._waiting: deque[tuple[int, bytes]] = deque()  # handle and frame, until the window opens
        self._on = {
            Attach: self._on_attach,
            Flow: self._on_flow,
            Disposition: self._on_disposition,
            Detach: self._on_detach,
        }
        self.send(Begin(channel, 0, INCOMING_WINDOW, INCOMING_WINDOW, HANDLE_MAX))

    # --- in ---------------------------------------------------------------------------------------------

    def on_performative(self, performative: Performative, payload: bytes) -> None:
        if type(performative) is Transfer:
            self._on_transfer(performative, payload)
            return
        handler = self._on.get(type(performative))
        if handler is None:
            raise MalformedBytes(
                f"{type(performative).__name__} has no place in a session.", "amqp:not-allowed"
            )
        handler(performative)  # type: ignore[arg-type] - each handler stands beside its own type in the table

    def _on_attach(self, attach: Attach) -> None:
        if attach.handle in self.links or attach.handle > HANDLE_MAX:
            raise MalformedBytes("The handle is in use or too high.", "amqp:session:handle-in-use")
        self._open_link(self, attach)

    def _on_detach(self, detach: Detach) -> None:
        if self._forget_link(detach.handle):  # else detached by this side already, or never answered
            self.send(Detach(detach.handle, True))

    def _on_flow(self, flow: Flow) -> None:
        was_closed = self._window == 0
        seen = flow.next_incoming_id if flow.next_incoming_id is not None else 0
        self._window = serial.remaining(flow.incoming_window, seen, self._next_outgoing)
        self._send_waiting()
        link = self.links.get(flow.handle) if flow.handle is not None else None
        if link is not None:
            link.on_flow(flow)
        if was_closed or flow.handle is None:
            self.serve()
        if flow.echo and flow.handle is None:
            self.send_flow(None)

    def _on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        self._next_incoming = serial.advanced(self._next_incoming)
        self._unannounced += 1
        link = self.links.get(transfer.handle)
        if link is not None:
            link.on_transfer(transfer, payload)
        if self._unannounced >= INCOMING_WINDOW // 2:
            self.send_flow(None)

    def _on_disposition(self, disposition: Disposition) -> None:
        if not disposition.role:  # a sender's word on its own transfers; they are settled already
            return
        outcome = read_outcome(disposition.state)
        if outcome is None and not disposition.settled:
            return
        for delivery_id, link, token in self.unsettled.take(disposition.first, disposition.last):
            answer = self._settle(link, token, outcome)
            if not disposition.settled:
                self.send_settled(delivery_id, answer, receiver=False)

    def _settle(self, link: SettlingLink, token: UUID, outcome: Outcome | None) -> bytes:
        if outcome is None:  # settled without a decision: the end of the lock decides
            return encoder.NULL
        try:
            link.settle(token, outcome)
        except BrokerFault as fault:
            return rejected(fault)
        return outcome.answer

    def end(self) -> None:
        """The session has ended, or its connection is lost."""
        links = list(self.links.values())
        self.links.clear()
        for link in links:
            link.on_gone()
        self.unsettled.clear()
        self._waiting.clear()

    def serve(self) -> None:
        """The connection can take more."""
        for link in list(self.links.values()):
            link.serve()

    # --- out --------------------------------------------------------------------------------------------

    def send(self, performative: Performative, payload: bytes = b"") -> None:
        self.connection.send(self.channel, encode(performative) + payload)

    def can_send(self) -> bool:
        return self._window > 0 and self.connection.is_writable

    def send_flow(
        self,
        handle: int | None,
        *,
        delivery_count: int | None = None,
        credit: int | None = None,
        drain: bool = False,
    ) -> None:
        self._unannounced = 0
        self.send(
            Flow(
                self._next_incoming,
                INCOMING_WINDOW,
                self._next_outgoing,
                INCOMING_WINDOW,
                handle,
                delivery_count,
                credit,
                drain=drain or None,
            )
        )

    def send_settled(self, delivery_id: int, state: bytes, *, receiver: bool) -> None:
        """Settle a delivery; `receiver`: in the role of the receiver of the delivery."""
        self.connection.send(self.channel, encode_settled(delivery_id, state, receiver=receiver))

    def send_transfer(self, handle: int, tag: bytes, payload: bytes, *, settled: bool) -> int:
        """Send a message in as many frames as the client's frame size asks for. The delivery id."""
        delivery_id = self._next_delivery
        self._next_delivery = serial.advanced(delivery_id)
        room = self.connection.peer_frame_size - HEADER_LENGTH - _TRANSFER_OVERHEAD
        for start in range(0, len(payload) or 1, room):
            more = start + room < len(payload)
            if start == 0:
                transfer = encode_transfer(handle, delivery_id, tag, settled=settled, more=more)
            else:
                transfer = encode(Transfer(handle, more=more))
            self._waiting.append((handle, transfer + payload[start : start + room]))
        self._send_waiting()
        return delivery_id

    def _send_waiting(self) -> None:
        """Send what waits for the window, as far as it is open; all of it belongs to one message."""
        while self._waiting and self._window > 0:
            _, frame = self._waiting.popleft()
            self.connection.send(self.channel, frame)
            self._next_outgoing = serial.advanced(self._next_outgoing)
            self._window -= 1

    def reply(self, address: str, answer: bytes) -> None:
        """Answer a request on the reply link of this address. Raises not-found if the client has none."""
        send = self.answer_on.get(address)
        if send is None:
            raise BrokerFault("amqp:not-found", f"Attach a receiver on '{address}' before sending requests.")
        send(answer)

    def drop_link(self, link: Link, fault: BrokerFault) -> None:
        """End a link from this side and tell why."""
        if self._forget_link(link.handle):
            self.send(Detach(link.handle, True, error(fault)))

    def _forget_link(self, handle: int) -> bool:
        """False if there is no such link."""
        link = self.links.pop(handle, None)
        if link is None:
            return False
        if self._waiting and self._waiting[0][0] == handle:
            self._waiting.clear()
        link.on_gone()
        return True
