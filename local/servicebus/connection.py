"""One TCP connection: bytes in, performatives to their sessions, gathered bytes out, signs of life both ways.

Whatever a client sends, the worst that happens is that its own connection is closed with a reason: frames
that are malformed, too large or out of place, silence beyond the idle time-out. All SASL mechanisms and
tokens are accepted. Source of the rules: OASIS AMQP 1.0, part 2, section 2.4, and part 5, section 5.3.
"""

import asyncio
import logging
from enum import Enum, auto
from typing import cast

from local.servicebus import encoder
from local.servicebus.amqp_session import AmqpSession
from local.servicebus.errors import MalformedBytes
from local.servicebus.frames import (
    AMQP_FRAME,
    AMQP_HEADER,
    EMPTY_FRAME,
    SASL_FRAME,
    SASL_HEADER,
    Frame,
    FrameReader,
    encode_frame,
)
from local.servicebus.hub import Hub
from local.servicebus.life_signs import LifeSigns
from local.servicebus.outcomes import error
from local.servicebus.performatives import (
    Begin,
    Close,
    End,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    decode_body,
    encode,
)
from local.servicebus.queue import Queue

log = logging.getLogger(__name__)

FRAME_SIZE = 65536
SMALLEST_FRAME_SIZE = 512
CHANNEL_MAX = 4999
MECHANISMS = ("MSSBCBS", "ANONYMOUS", "PLAIN", "EXTERNAL")  # the first is what the .NET SDK asks for
_SASL_OK = 0
_GATHER = 256 * 1024
_HIGH_WATER = 1024 * 1024


class _Phase(Enum):
    HEADER = auto()
    SASL = auto()
    OPENING = auto()
    OPEN = auto()
    CLOSED = auto()


class Connection(asyncio.Protocol):
    """A client's connection to the hub."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.is_writable = True
        self.peer_frame_size = FRAME_SIZE
        self.queues: set[Queue] = set()  # that the client has used
        self._phase = _Phase.HEADER
        self._reader = FrameReader(FRAME_SIZE)
        self._sessions: dict[int, AmqpSession] = {}
        self._gathered: list[bytes] = []
        self._gathered_size = 0
        self._transport: asyncio.Transport | None = None
        self._life_signs = LifeSigns()

    @property
    def sessions(self) -> list[AmqpSession]:
        return list(self._sessions.values())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.hub.connections.add(self)
        self._life_signs.watch(self.hub.idle_time_out, self._on_silence)

    def data_received(self, data: bytes) -> None:
        self._life_signs.has_received = True
        try:
            self._reader.feed(data)
            while self._phase is not _Phase.CLOSED and self._consume():
                pass
        except MalformedBytes as malformed:
            self._fail(malformed)
        self.hub.turn()

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = _Phase.CLOSED
        self._gathered.clear()
        self.hub.connections.discard(self)
        self.hub.unflushed.discard(self)
        self._life_signs.stop()
        self._end_sessions()
        self.hub.turn()

    def pause_writing(self) -> None:
        """The client does not read: send it no messages, and take no more requests to answer."""
        self.is_writable = False
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.is_writable = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        for session in self.sessions:
            session.serve()
        self.hub.turn()

    # --- in ---------------------------------------------------------------------------------------------

    def _consume(self) -> bool:
        """Take one header or frame. False if none has come whole."""
        if self._phase is _Phase.HEADER:
            header = self._reader.take_header()
            if header is not None:
                self._on_header(header)
            return header is not None
        frame = self._reader.take_frame()
        if frame is not None:
            self._on_frame(frame)
        return frame is not None

    def _on_header(self, header: bytes) -> None:
        if header == SASL_HEADER:
            mechanisms = SaslMechanisms(encoder.array_of_symbols(MECHANISMS))
            self._write(SASL_HEADER + encode_frame(0, encode(mechanisms), SASL_FRAME))
            self._phase = _Phase.SASL
            return
        self._write(AMQP_HEADER)  # also the answer to a protocol that is not spoken here, before closing
        self._phase = _Phase.OPENING
        if header != AMQP_HEADER:
            log.warning("A client asked for a protocol that is not spoken here: %r", header)
            self._close()

    def _on_frame(self, frame: Frame) -> None:
        if not frame.body:
            return
        expected = SASL_FRAME if self._phase is _Phase.SASL else AMQP_FRAME
        if frame.kind != expected:
            raise MalformedBytes("A frame of the wrong type came.", "amqp:connection:framing-error")
        performative, end = decode_body(frame.body)
        if self._phase is _Phase.OPEN:
            self._on_performative(frame.channel, performative, frame.body[end:])
        elif self._phase is _Phase.SASL and isinstance(performative, SaslInit):
            self._write(encode_frame(0, encode(SaslOutcome(_SASL_OK)), SASL_FRAME))
            self._phase = _Phase.HEADER
        elif self._phase is _Phase.OPENING and isinstance(performative, Open):
            self._on_open(performative)
        else:
            raise MalformedBytes(f"{type(performative).__name__} came too early.", "amqp:illegal-state")

    def _on_open(self, opened: Open) -> None:
        if opened.max_frame_size is not None:
            if opened.max_frame_size < SMALLEST_FRAME_SIZE:
                raise MalformedBytes("The smallest frame size allowed is 512 bytes.", "amqp:invalid-field")
            self.peer_frame_size = min(opened.max_frame_size, FRAME_SIZE)
        self._phase = _Phase.OPEN
        milliseconds = int(self.hub.idle_time_out * 1000)
        self.send(0, encode(Open("local-servicebus", None, FRAME_SIZE, CHANNEL_MAX, milliseconds)))
        if opened.idle_time_out:
            self._life_signs.beat(opened.idle_time_out / 1000 / 2, self._send_empty_frame)

    def _on_performative(self, channel: int, performative: Performative, payload: bytes) -> None:
        session = self._sessions.get(channel)
        if isinstance(performative, Open):
            raise MalformedBytes("The connection is open already.", "amqp:illegal-state")
        if isinstance(performative, Begin):
            if session is not None or channel > CHANNEL_MAX:
                raise MalformedBytes("The channel is in use or too high.", "amqp:not-allowed")
            self._sessions[channel] = AmqpSession(self, channel, performative, self.hub.open_link)
        elif isinstance(performative, Close):
            self.send(0, encode(Close()))
            self._close()
        elif session is None:  # ended, with something still on its way
            return
        elif isinstance(performative, End):
            self._sessions.pop(channel).end()
            self.send(channel, encode(End()))
        else:
            session.on_performative(performative, payload)

    # --- out --------------------------------------------------------------------------------------------

    def send(self, channel: int, body: bytes) -> None:
        """Gather a frame; it is written at the end of the turn, or when much has been gathered."""
        self._write(encode_frame(channel, body))

    def _write(self, data: bytes) -> None:
        if self._phase is _Phase.CLOSED:
            return
        self._gathered.append(data)
        self._gathered_size += len(data)
        self.hub.unflushed.add(self)
        if self._gathered_size >= _GATHER:
            self.flush()

    def flush(self) -> None:
        if self._gathered and self._transport is not None:
            self._transport.write(b"".join(self._gathered))
        self._gathered.clear()
        self._gathered_size = 0

    def _send_empty_frame(self) -> None:
        self._write(EMPTY_FRAME)
        self.flush()

    # --- ends -------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Drop the connection without a word, as a broken network does."""
        if self._transport is not None:
            self._transport.abort()

    def _on_silence(self) -> None:
        self._fail(MalformedBytes("Nothing came during the idle time-out.", "amqp:connection:forced"))
        self.hub.turn()

    def _fail(self, malformed: MalformedBytes) -> None:
        log.warning("A client's connection is closed: %s (%s)", malformed.description, malformed.condition)
        if self._phase in (_Phase.OPENING, _Phase.OPEN):
            if self._phase is _Phase.OPENING:
                self.send(0, encode(Open("local-servicebus", None, FRAME_SIZE, CHANNEL_MAX)))
            self.send(0, encode(Close(error(malformed))))
        self._close()

    def _close(self) -> None:
        self._end_sessions()
        self.flush()
        self._phase = _Phase.CLOSED
        if self._transport is not None:
            self._transport.close()

    def _end_sessions(self) -> None:
        sessions = self.sessions
        self._sessions.clear()
        for session in sessions:
            session.end()
