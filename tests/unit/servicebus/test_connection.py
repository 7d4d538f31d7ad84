"""Connections: opening, closing, signs of life, being lost, and peers that break the rules."""

import asyncio
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.servicebus import encoder
from local.servicebus.frames import AMQP_HEADER, EMPTY_FRAME, SASL_FRAME, SASL_HEADER, encode_frame
from local.servicebus.hub import Hub
from local.servicebus.outcomes import ACCEPTED
from local.servicebus.performatives import (
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    SaslInit,
    SaslOutcome,
    Transfer,
    encode,
)
from tests.unit.servicebus.making import FakeClock, payload
from tests.unit.servicebus.peer import Peer, attach_to, condition, fill, make_hub, of_kind


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def hub(clock: FakeClock) -> Hub:
    return make_hub(clock)


# --- opening and closing ---------------------------------------------------------------------------


async def test_sasl_then_amqp(hub: Hub) -> None:
    peer = Peer(hub)
    peer.connection.data_received(SASL_HEADER)
    assert bytes(peer.transport.written[:8]) == SASL_HEADER
    assert b"MSSBCBS" in peer.transport.written
    assert b"ANONYMOUS" in peer.transport.written
    peer.transport.written.clear()
    peer.connection.data_received(encode_frame(0, encode(SaslInit("ANONYMOUS")), SASL_FRAME))
    assert of_kind(peer, SaslOutcome) == [SaslOutcome(0)]
    peer.connection.data_received(AMQP_HEADER + encode_frame(0, encode(Open("c"))))  # pipelined
    assert bytes(peer.transport.written[:8]) == AMQP_HEADER


async def test_a_header_in_pieces_is_put_together(hub: Hub) -> None:
    peer = Peer(hub)
    for byte in AMQP_HEADER + encode_frame(0, encode(Open("c"))):
        peer.connection.data_received(bytes((byte,)))
    assert len(peer.transport.written) > 8


async def test_another_protocol_is_told_which_one_is_spoken_here(hub: Hub) -> None:
    peer = Peer(hub)
    peer.connection.data_received(b"GET / HTTP/1.1\r\n")
    assert bytes(peer.transport.written) == AMQP_HEADER
    assert peer.transport.closed


async def test_close_and_end_are_answered(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.send(End())
    peer.send(Detach(7, True))  # late, on a session that has ended
    peer.send(Close(), channel=0)
    assert [type(performative) for performative, _ in peer.received()] == [End, Close]
    assert peer.transport.closed


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b"\x00\x00\x00\x04\x02\x00\x00\x00", "amqp:connection:framing-error"),
        (b"\x7f\xff\xff\xff\x02\x00\x00\x00", "amqp:connection:framing-error"),
        (struct.pack(">IBBH", 8, 1, 0, 0), "amqp:connection:framing-error"),
        (encode_frame(1, b"nonsense"), "amqp:decode-error"),
        (encode_frame(1, b"\x00\x53\x14\xc0\x01\x00"), "amqp:decode-error"),
        (encode_frame(1, b"\x00\x53\x14\xc0\x03\x01\xa1\x00"), "amqp:decode-error"),
        (encode_frame(0, encode(Open("again"))), "amqp:illegal-state"),
        (encode_frame(1, encode(Begin(None, 0, 1, 1))), "amqp:not-allowed"),
        (encode_frame(1, encode(SaslInit("x")), SASL_FRAME), "amqp:connection:framing-error"),
    ],
)
async def test_what_breaks_the_protocol_closes_the_connection_with_a_reason(
    hub: Hub, frame: bytes, expected: str
) -> None:
    peer = Peer.opened(hub)
    peer.connection.data_received(frame)
    (close,) = of_kind(peer, Close)
    assert condition(close.error) == expected
    assert peer.transport.closed


WHOLE_OPENING = b"".join(
    (
        SASL_HEADER,
        encode_frame(0, encode(SaslInit("ANONYMOUS")), SASL_FRAME),
        AMQP_HEADER,
        encode_frame(0, encode(Open("c", idle_time_out=60_000))),
        encode_frame(1, encode(Begin(None, 0, 100, 100))),
        encode_frame(1, encode(attach_to("q", 0, receives=False))),
        encode_frame(1, encode(Transfer(0, 0, b"t", 0, False, True)) + b"half a message"),
        encode_frame(1, encode(attach_to("q", 1, receives=True))),
        encode_frame(1, encode(Flow(0, 100, 0, 100, 1, 0, 1))),
        encode_frame(1, encode(attach_to("q/$management", 2, receives=False))),
    )
)


@given(st.integers(0, len(WHOLE_OPENING)), st.booleans())
async def test_a_connection_can_be_lost_at_any_byte(length: int, restarted: bool) -> None:
    hub = make_hub()
    fill(hub, 1)
    peer = Peer(hub)
    peer.connection.data_received(WHOLE_OPENING[:length])
    peer.connection.connection_lost(ConnectionResetError() if restarted else None)
    assert (hub.connections, hub.unflushed) == (set(), set())
    assert hub.broker.find("q").size() == 1  # the half message is gone, the whole one is there
    receiver = Peer.opened(hub)
    hub.broker.find("q").end_all_locks()
    hub.advance()
    receiver.attach_receiver()
    receiver.give_credit(1)
    assert len(of_kind(receiver, Transfer)) == 1


async def test_frames_sizes_below_512_are_refused(hub: Hub) -> None:
    peer = Peer(hub)
    peer.connection.data_received(AMQP_HEADER + encode_frame(0, encode(Open("c", max_frame_size=100))))
    assert peer.transport.closed


async def test_a_silent_client_is_dropped_and_a_living_one_is_not() -> None:
    hub = make_hub(idle_time_out=0.2)
    silent, living = Peer.opened(hub), Peer.opened(hub)
    deadline = asyncio.get_running_loop().time() + 5
    while not silent.transport.closed:
        assert asyncio.get_running_loop().time() < deadline
        living.connection.data_received(EMPTY_FRAME)
        await asyncio.sleep(0.02)
    assert condition(of_kind(silent, Close)[0].error) == "amqp:connection:forced"
    assert not living.transport.closed


async def test_a_client_with_a_time_out_gets_signs_of_life(hub: Hub) -> None:
    peer = Peer(hub)
    peer.connection.data_received(AMQP_HEADER + encode_frame(0, encode(Open("c", idle_time_out=100))))
    peer.transport.written.clear()
    deadline = asyncio.get_running_loop().time() + 5
    while peer.transport.written.count(EMPTY_FRAME) < 2:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    peer.connection.connection_lost(None)


# --- whatever comes --------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.binary(max_size=400), st.booleans())
async def test_no_bytes_do_more_than_close_their_connection(data: bytes, opened: bool) -> None:
    hub = make_hub()
    peer = Peer.opened(hub) if opened else Peer(hub)
    peer.connection.data_received(data)
    assert len(peer.transport.written) < 2000
    peer.connection.connection_lost(None)


FRAMES = st.sampled_from(
    [
        attach_to("q", 0, receives=False),
        attach_to("q", 1, receives=True),
        attach_to("q/$management", 2, receives=False),
        attach_to("q/$management", 3, receives=True),
        Flow(0, 100, 0, 100, 1, 0, 10),
        Flow(0, 100, 0, 100, 3, 0, 10, drain=True),
        Transfer(0, 0, b"t", 0, False, False),
        Transfer(2, 1, b"t", 0, False, False),
        Disposition(True, 0, 5, False, ACCEPTED),
        Disposition(
            True, 0, None, False, encoder.described(0x27, encoder.list_of([encoder.TRUE, encoder.TRUE]))
        ),
        Detach(1, True),
        End(),
    ]
)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(FRAMES, st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3)),
        max_size=12,
    )
)
async def test_no_damaged_conversation_does_more_than_close_its_connection(
    conversation: list[tuple[Any, list[tuple[int, int]]]],
) -> None:
    hub = make_hub()
    peer = Peer.opened(hub)
    for performative, damages in conversation:
        body = bytearray(encode(performative) + payload(b"body"))
        for at, value in damages:
            body[at % len(body)] = value
        if not peer.transport.closed:
            peer.connection.data_received(encode_frame(1, bytes(body)))
    peer.connection.connection_lost(None)
    assert hub.connections == set()
