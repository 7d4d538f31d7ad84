"""A client written by hand, frame by frame, on a connection without a network."""

import asyncio
from typing import Any

from local.servicebus import decoder, encoder
from local.servicebus.broker import Broker
from local.servicebus.config import NamespaceSettings, QueueSettings
from local.servicebus.connection import Connection
from local.servicebus.frames import AMQP_HEADER, FrameReader, encode_frame
from local.servicebus.hub import Hub
from local.servicebus.performatives import (
    Attach,
    Begin,
    Flow,
    Open,
    Performative,
    Transfer,
    decode_body,
    encode,
)
from tests.unit.servicebus.making import FakeClock, message

LARGE = 1_000_000_000


def attach_to(address: str, handle: int, *, receives: bool) -> Attach:
    """A plain attach of a sender or receiver."""
    terminus = encoder.described(0x28 if receives else 0x29, encoder.list_of([encoder.string(address)]))
    return Attach(f"link-{handle}", handle, receives, 0, int(receives), terminus, terminus)


class FakeTransport(asyncio.Transport):
    """Keeps what is written; remembers whether it was closed and whether reading is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False
        self.reading = True

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def make_hub(clock: FakeClock | None = None, *, idle_time_out: float = 240.0) -> Hub:
    """A hub with a queue `q` and a queue `s` with sessions."""
    queues = (
        QueueSettings("q", max_delivery_count=10, default_time_to_live=None),
        QueueSettings("s", max_delivery_count=10, default_time_to_live=None, requires_session=True),
    )
    return Hub(Broker(NamespaceSettings(queues), clock or FakeClock()), idle_time_out=idle_time_out)


class Peer:
    """The client's end. `opened` has an AMQP connection and a session on channel 1."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.connection = Connection(hub)
        self.transport = FakeTransport()
        self.connection.connection_made(self.transport)
        self.window = 0  # how many frames the broker takes before its next flow
        self._reader = FrameReader(LARGE)

    @classmethod
    def opened(
        cls, hub: Hub, *, frame_size: int = 65536, window: int = 65536, first_frame_id: int = 0
    ) -> "Peer":
        peer = cls(hub)
        peer.connection.data_received(AMQP_HEADER)
        peer.send(Open("peer", max_frame_size=frame_size), channel=0)
        peer.send(Begin(None, first_frame_id, window, window))
        assert peer._take_header() == AMQP_HEADER
        (opened, _), (begun, _) = peer.received()
        assert isinstance(opened, Open)
        assert isinstance(begun, Begin)
        peer.window = begun.incoming_window
        return peer

    def _take_header(self) -> bytes | None:
        self._reader.feed(bytes(self.transport.written))
        self.transport.written.clear()
        return self._reader.take_header()

    def send(self, performative: Performative, payload: bytes = b"", *, channel: int = 1) -> None:
        self.connection.data_received(encode_frame(channel, encode(performative) + payload))

    def received(self) -> list[tuple[Performative, bytes]]:
        """What has come since the last call, each with its payload."""
        self._reader.feed(bytes(self.transport.written))
        self.transport.written.clear()
        found: list[tuple[Performative, bytes]] = []
        while (frame := self._reader.take_frame()) is not None:
            if frame.body:
                performative, end = decode_body(frame.body)
                found.append((performative, frame.body[end:]))
        return found

    def attach_sender(self, address: str = "q", handle: int = 0, *, count: int = 0) -> None:
        target = encoder.described(0x29, encoder.list_of([encoder.string(address)]))
        self.send(
            Attach(f"sender-{handle}", handle, False, 0, 0, target, target, initial_delivery_count=count)
        )

    def attach_receiver(
        self, address: str = "q", handle: int = 1, *, filters: bytes = encoder.NULL, deletes: bool = False
    ) -> None:
        fields = [encoder.string(address), *[encoder.NULL] * 6, filters]
        source = encoder.described(0x28, encoder.list_of(fields))
        modes = (1, 0) if deletes else (0, 1)
        self.send(Attach(f"receiver-{handle}", handle, True, *modes, source, source))

    def attach_session_receiver(self, session_id: str | None, handle: int = 1) -> None:
        wanted = encoder.NULL if session_id is None else encoder.string(session_id)
        self.attach_receiver(
            "s", handle, filters=encoder.map_of([(encoder.symbol("com.microsoft:session-filter"), wanted)])
        )

    def transfer(self, payload: bytes, *, handle: int = 0, delivery_id: int = 0, more: bool = False) -> None:
        self.send(Transfer(handle, delivery_id, b"tag", 0, False, more), payload)

    def give_credit(
        self, credit: int, *, handle: int = 1, count: int = 0, drain: bool = False, echo: bool = False
    ) -> None:
        self.send(Flow(0, 65536, 0, 65536, handle, count, credit, drain=drain, echo=echo))


def of_kind[Kind](peer: Peer, kind: type[Kind]) -> list[Kind]:
    return [performative for performative, _ in peer.received() if isinstance(performative, kind)]


def condition(error: bytes | None) -> str:
    assert error is not None
    return decoder.decode(error)[0].value[0]


def fill(hub: Hub, count: int, queue: str = "q", session_id: str | None = None) -> None:
    for number in range(count):
        hub.broker.find(queue).send(message(b"%d" % number, message_id=str(number), session_id=session_id))
    hub.turn()
