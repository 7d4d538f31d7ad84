"""The wire, frame by frame: credit, windows, drain, refusals, idle time-outs, peers that break the rules."""

import asyncio
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.servicebus import decoder, encoder
from local.servicebus.frames import AMQP_HEADER, EMPTY_FRAME, SASL_FRAME, SASL_HEADER, encode_frame
from local.servicebus.hub import Hub
from local.servicebus.outcomes import ACCEPTED
from local.servicebus.performatives import (
    Attach,
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
from tests.unit.servicebus.making import FakeClock, message, payload
from tests.unit.servicebus.peer import Peer, attach_to, make_hub


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def hub(clock: FakeClock) -> Hub:
    return make_hub(clock)


def of_kind[Kind](peer: Peer, kind: type[Kind]) -> list[Kind]:
    return [performative for performative, _ in peer.received() if isinstance(performative, kind)]


def condition(error: bytes | None) -> str:
    assert error is not None
    return decoder.decode(error)[0].value[0]


def fill(hub: Hub, count: int, queue: str = "q", session_id: str | None = None) -> None:
    for number in range(count):
        hub.broker.find(queue).send(message(b"%d" % number, message_id=str(number), session_id=session_id))
    hub.turn()


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


# --- links -----------------------------------------------------------------------------------------


async def test_a_refused_link_is_attached_to_nothing_and_detached_with_the_reason(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_receiver("nowhere")
    (attach, _), (detach, _) = peer.received()
    assert isinstance(attach, Attach)
    assert isinstance(detach, Detach)
    assert (attach.source, attach.target, attach.role) == (None, None, False)
    assert condition(detach.error) == "amqp:not-found"
    peer.transfer(payload(), handle=1)  # on its way already
    assert peer.received() == []
    assert not peer.transport.closed


async def test_a_handle_in_use_closes_the_connection(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_sender(handle=3)
    peer.attach_sender(handle=3)
    assert condition(of_kind(peer, Close)[0].error) == "amqp:session:handle-in-use"


async def test_transactions_are_refused(hub: Hub) -> None:
    peer = Peer.opened(hub)
    coordinator = encoder.described(0x30, encoder.EMPTY_LIST)
    peer.send(Attach("t", 0, False, source=coordinator, target=coordinator))
    assert condition(of_kind(peer, Detach)[0].error) == "amqp:not-implemented"


async def test_messages_are_taken_before_any_credit_was_given(hub: Hub) -> None:
    peer = Peer.opened(hub)
    attach = encode(attach_to("q", 0, receives=False))
    transfer = encode(Transfer(0, 0, b"t", 0, False, False)) + payload()
    peer.connection.data_received(encode_frame(1, attach) + encode_frame(1, transfer))
    assert of_kind(peer, Disposition) == [Disposition(True, 0, None, True, ACCEPTED)]
    assert hub.broker.find("q").size() == 1


async def test_senders_get_new_credit_in_time(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_sender()
    credit, count = 0, 0
    for number in range(3000):
        for flow in of_kind(peer, Flow):
            assert flow.delivery_count is not None
            assert flow.link_credit is not None
            credit, count = flow.link_credit, flow.delivery_count
        assert number - count < credit
        peer.transfer(payload(), delivery_id=number)


async def test_a_message_in_many_frames_is_one_message(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_sender()
    whole = payload(b"x" * 1000)
    for start in range(0, len(whole), 100):
        peer.transfer(whole[start : start + 100], more=start + 100 < len(whole))
    assert hub.broker.find("q").size() == 1
    assert len(of_kind(peer, Disposition)) == 1


async def test_an_aborted_message_is_forgotten(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_sender()
    peer.transfer(b"half of", more=True)
    peer.send(Transfer(0, aborted=True))
    peer.transfer(payload(), delivery_id=1)
    assert hub.broker.find("q").size() == 1


async def test_an_endless_message_takes_no_memory(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_sender()
    for _ in range(40):
        peer.transfer(b"x" * 60_000, more=True)
    link: Any = peer.connection.sessions[0].links[0]
    assert sum(map(len, link._parts)) <= 256 * 1024
    peer.transfer(b"")
    (refused,) = of_kind(peer, Disposition)
    assert b"message-size-exceeded" in (refused.state or b"")
    assert hub.broker.find("q").size() == 0


async def test_a_malformed_message_is_rejected_and_the_link_lives_on(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_sender()
    peer.transfer(b"no message")
    peer.transfer(payload(), delivery_id=1)
    rejected, accepted = of_kind(peer, Disposition)
    assert b"decode-error" in (rejected.state or b"")
    assert accepted.state == ACCEPTED


async def test_no_more_messages_than_credit(hub: Hub) -> None:
    fill(hub, 10)
    peer = Peer.opened(hub)
    peer.attach_receiver()
    assert of_kind(peer, Transfer) == []
    peer.give_credit(3)
    assert len(of_kind(peer, Transfer)) == 3
    peer.give_credit(3, count=0)  # a flow that crossed the messages: no new credit
    assert of_kind(peer, Transfer) == []
    peer.give_credit(3, count=3)
    assert len(of_kind(peer, Transfer)) == 3


async def test_no_more_messages_than_the_window(hub: Hub) -> None:
    fill(hub, 10)
    peer = Peer.opened(hub, window=4)
    peer.attach_receiver()
    peer.send(Flow(0, 4, 0, 100, 1, 0, 100))
    assert len(of_kind(peer, Transfer)) == 4
    peer.send(Flow(4, 3, 0, 100))  # of the session
    assert len(of_kind(peer, Transfer)) == 3


async def test_drain_uses_up_the_credit(hub: Hub) -> None:
    fill(hub, 2)
    peer = Peer.opened(hub)
    peer.attach_receiver()
    peer.give_credit(5, drain=True)
    received = [performative for performative, _ in peer.received()]
    assert [type(performative) for performative in received] == [Attach, Transfer, Transfer, Flow]
    flow = received[-1]
    assert isinstance(flow, Flow)
    assert (flow.delivery_count, flow.link_credit, flow.drain) == (5, 0, True)
    fill(hub, 1)
    assert of_kind(peer, Transfer) == []


async def test_echo_is_answered(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_receiver()
    peer.received()
    peer.give_credit(7, echo=True)
    (flow,) = of_kind(peer, Flow)
    assert (flow.handle, flow.delivery_count, flow.link_credit) == (1, 0, 7)


async def test_a_message_larger_than_the_peers_frames_is_cut(hub: Hub) -> None:
    hub.broker.find("q").send(message(b"x" * 5000))
    peer = Peer.opened(hub, frame_size=512)
    peer.attach_receiver()
    peer.give_credit(1)
    parts = [(p, rest) for p, rest in peer.received() if isinstance(p, Transfer)]
    assert len(parts) > 10
    assert [p.more for p, _ in parts] == [True] * (len(parts) - 1) + [False]
    assert b"".join(rest for _, rest in parts).endswith(b"x" * 5000)


async def test_a_client_that_does_not_read_gets_no_more_and_is_not_read(hub: Hub) -> None:
    fill(hub, 5)
    peer = Peer.opened(hub)
    peer.attach_receiver()
    peer.connection.pause_writing()
    assert not peer.transport.reading
    peer.give_credit(5)
    assert of_kind(peer, Transfer) == []
    peer.connection.resume_writing()
    assert peer.transport.reading
    assert len(of_kind(peer, Transfer)) == 5


async def test_a_range_of_deliveries_is_settled_however_large_it_claims_to_be(hub: Hub) -> None:
    fill(hub, 3)
    peer = Peer.opened(hub)
    peer.attach_receiver()
    peer.give_credit(3)
    peer.received()
    peer.send(Disposition(True, 0, 0xFFFFFFFF, False, ACCEPTED))
    assert [d.first for d in of_kind(peer, Disposition)] == [0, 1, 2]
    assert hub.broker.find("q").size() == 0


async def test_receivers_take_turns(hub: Hub) -> None:
    peers = [Peer.opened(hub) for _ in range(3)]
    for peer in peers:
        peer.attach_receiver()
        peer.give_credit(100)
    fill(hub, 9)
    assert [len(of_kind(peer, Transfer)) for peer in peers] == [3, 3, 3]


async def test_a_lost_connection_leaves_nothing_behind(hub: Hub) -> None:
    fill(hub, 3)
    fill(hub, 1, "s", "a")
    peer = Peer.opened(hub)
    peer.attach_receiver(handle=1)
    peer.give_credit(2)
    peer.attach_session_receiver("a", handle=2)
    peer.attach_session_receiver(None, handle=3)
    peer.transport.closed = True
    peer.connection.connection_lost(ConnectionResetError())
    assert hub.connections == set()
    assert hub.broker.find("q").counts().locked == 2  # until the locks end
    assert hub.broker.find("s").counts().sessions_locked == 0
    fill(hub, 1, "s", "b")
    assert hub.broker.find("s").counts().sessions_locked == 0


# --- sessions --------------------------------------------------------------------------------------


async def test_an_attach_for_the_next_session_waits_until_there_is_one(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_session_receiver(None)
    assert peer.received() == []
    fill(hub, 1, "s", "a")
    (attach,) = of_kind(peer, Attach)
    assert attach.source is not None
    assert b"com.microsoft:session-filter" in attach.source
    assert b"locked-until-utc" in (attach.properties or b"")


async def test_a_waiting_attach_that_is_detached_is_never_answered(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_session_receiver(None)
    peer.send(Detach(1, True))
    fill(hub, 1, "s", "a")
    assert of_kind(peer, Attach) == []
    assert hub.broker.find("s").counts().sessions_locked == 0


async def test_a_lost_session_is_detached_with_the_reason(hub: Hub, clock: FakeClock) -> None:
    fill(hub, 1, "s", "a")
    peer = Peer.opened(hub)
    peer.attach_session_receiver("a")
    peer.received()
    clock.pass_seconds(60)
    hub.advance()
    (detach,) = of_kind(peer, Detach)
    assert condition(detach.error) == "com.microsoft:session-lock-lost"
    peer.send(Detach(1, True))  # the client's answer
    assert peer.received() == []


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
