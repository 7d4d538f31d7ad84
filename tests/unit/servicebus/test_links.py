"""Links on the wire, frame by frame: credit, windows, drain, settlement, sessions, refusals."""

from typing import Any

import pytest

from local.servicebus import encoder
from local.servicebus.frames import encode_frame
from local.servicebus.hub import Hub
from local.servicebus.outcomes import ACCEPTED
from local.servicebus.performatives import (
    Attach,
    Close,
    Detach,
    Disposition,
    Flow,
    Transfer,
    encode,
)
from tests.unit.servicebus.making import FakeClock, message, payload
from tests.unit.servicebus.peer import Peer, attach_to, condition, fill, make_hub, of_kind


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def hub(clock: FakeClock) -> Hub:
    return make_hub(clock)


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
