"""Windows, credit and ids, frame by frame: 32-bit numbers that may start anywhere and wrap around."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.hub import Hub
from local.servicebus.outcomes import ACCEPTED
from local.servicebus.performatives import Detach, Disposition, Flow, Transfer
from tests.unit.servicebus.making import message, payload
from tests.unit.servicebus.peer import Peer, fill, make_hub, of_kind

HALF, LARGEST = 0x80000000, 0xFFFFFFFF
FRAME_SIZE = 512


@pytest.fixture
async def hub() -> Hub:
    return make_hub()


def transfers(peer: Peer) -> list[Transfer]:
    return of_kind(peer, Transfer)


def pretend_to_have_sent(peer: Peer, count: int) -> None:
    """As if the broker had sent so many messages of one frame each in this session."""
    session: Any = peer.connection.sessions[0]
    session._next_outgoing = session._next_delivery = count


def queue_large_message(hub: Hub, frames: int, message_id: str = "large") -> None:
    """A message that needs so many frames of the smallest size."""
    hub.broker.find("q").send(message(b"x" * (440 * frames - 300), message_id=message_id))


# --- the window of the client -----------------------------------------------------------------------


@pytest.mark.parametrize(("window", "expected"), [(0, 0), (1, 1), (HALF - 1, 10), (HALF, 10), (LARGEST, 10)])
async def test_as_many_frames_come_as_the_window_of_the_client_allows(
    hub: Hub, window: int, expected: int
) -> None:
    fill(hub, 10)
    peer = Peer.opened(hub, window=window)
    peer.attach_receiver()
    peer.send(Flow(0, window, 0, 100, 1, 0, 100))
    assert len(transfers(peer)) == expected


@pytest.mark.parametrize(("window", "expected"), [(0, 0), (1, 1), (HALF - 1, 6), (HALF, 6), (LARGEST, 6)])
async def test_as_many_frames_come_as_the_window_of_a_later_flow_allows(
    hub: Hub, window: int, expected: int
) -> None:
    fill(hub, 10)
    peer = Peer.opened(hub, window=4)
    peer.attach_receiver()
    peer.send(Flow(None, 4, 0, 100, 1, 0, 100))  # the client has not seen the answer to its begin
    assert len(transfers(peer)) == 4
    peer.send(Flow(4, window, 0, 100))
    assert len(transfers(peer)) == expected


async def test_frames_that_crossed_a_flow_are_taken_off_its_window(hub: Hub) -> None:
    fill(hub, 10)
    peer = Peer.opened(hub, window=4)
    peer.attach_receiver()
    peer.send(Flow(0, 4, 0, 100, 1, 0, 100))
    assert len(transfers(peer)) == 4
    peer.send(Flow(1, 3, 0, 100))  # three of the four frames are still on their way
    assert transfers(peer) == []
    peer.send(Flow(1, 2, 0, 100))  # a window that was made smaller
    assert transfers(peer) == []
    peer.send(Flow(2, 4, 0, 100))
    assert len(transfers(peer)) == 2


async def test_a_client_that_claims_to_have_seen_more_than_was_sent_gets_its_window_and_no_more(
    hub: Hub,
) -> None:
    fill(hub, 10)
    peer = Peer.opened(hub, window=0)
    peer.attach_receiver()
    peer.send(Flow(5, 2, 0, 100, 1, 0, 100))
    assert len(transfers(peer)) == 2


async def test_each_frame_of_a_message_takes_from_the_window(hub: Hub) -> None:
    queue_large_message(hub, 5)
    peer = Peer.opened(hub, frame_size=FRAME_SIZE, window=0)
    peer.attach_receiver()
    peer.send(Flow(0, 3, 0, 100, 1, 0, 100))
    assert [frame.more for frame in transfers(peer)] == [True, True, True]
    peer.send(Flow(3, 1, 0, 100))
    assert [frame.more for frame in transfers(peer)] == [True]
    fill(hub, 2)  # they wait until the message before them has left
    assert transfers(peer) == []
    peer.send(Flow(4, 2, 0, 100))
    assert [frame.delivery_id for frame in transfers(peer)] == [None, 1]
    peer.send(Flow(6, 10, 0, 100))
    assert [frame.delivery_id for frame in transfers(peer)] == [2]


async def test_the_rest_of_a_message_is_dropped_with_its_link(hub: Hub) -> None:
    queue_large_message(hub, 5)
    fill(hub, 1)
    peer = Peer.opened(hub, frame_size=FRAME_SIZE, window=2)
    peer.attach_receiver(handle=1)
    peer.send(Flow(0, 2, 0, 100, 1, 0, 1))
    peer.attach_receiver(handle=2)
    peer.send(Flow(2, 0, 0, 100, 2, 0, 1))
    assert [(frame.handle, frame.more) for frame in transfers(peer)] == [(1, True), (1, True)]
    peer.send(Detach(1, True))
    peer.send(Flow(2, 10, 0, 100))
    assert [(frame.handle, frame.more) for frame in transfers(peer)] == [(2, False)]


async def test_a_flow_for_one_link_opens_the_window_for_all(hub: Hub) -> None:
    fill(hub, 1)
    fill(hub, 2, "s", "a")
    peer = Peer.opened(hub, window=1)
    peer.attach_receiver(handle=1)
    peer.attach_session_receiver("a", handle=2)
    peer.send(Flow(0, 1, 0, 100, 1, 0, 10))
    peer.send(Flow(1, 0, 0, 100, 2, 0, 10))
    assert [frame.handle for frame in transfers(peer)] == [1]
    peer.send(Flow(1, 10, 0, 100, 1, 1, 10))  # credit for the first link, room for both
    assert [frame.handle for frame in transfers(peer)] == [2, 2]


@pytest.mark.parametrize("window", [4, HALF, LARGEST])
async def test_ids_of_frames_wrap_around(hub: Hub, window: int) -> None:
    fill(hub, 10)
    peer = Peer.opened(hub, window=4)
    pretend_to_have_sent(peer, LARGEST - 1)
    peer.attach_receiver()
    peer.send(Flow(LARGEST - 1, 4, 0, 100, 1, 0, 100, echo=True))
    sent = peer.received()
    assert [frame.delivery_id for frame, _ in sent if isinstance(frame, Transfer)] == [
        LARGEST - 1,
        LARGEST,
        0,
        1,
    ]
    assert [frame.next_outgoing_id for frame, _ in sent if isinstance(frame, Flow)] == [2]
    peer.send(Flow(LARGEST, 4, 0, 100))  # three are still on their way: one more
    assert [frame.delivery_id for frame in transfers(peer)] == [2]
    peer.send(Flow(3, window, 0, 100))
    assert len(transfers(peer)) == min(window, 5)


async def test_a_range_of_deliveries_that_wraps_around_is_settled_in_order(hub: Hub) -> None:
    fill(hub, 5)
    peer = Peer.opened(hub)
    pretend_to_have_sent(peer, LARGEST - 1)
    peer.attach_receiver()
    peer.send(Flow(LARGEST - 1, 100, 0, 100, 1, 0, 5))
    peer.received()
    peer.send(Disposition(True, LARGEST, 1, False, ACCEPTED))
    assert [d.first for d in of_kind(peer, Disposition)] == [LARGEST, 0, 1]
    assert hub.broker.find("q").size() == 2


async def test_delivery_ids_count_messages_not_frames(hub: Hub) -> None:
    for name in ("a", "b"):
        queue_large_message(hub, 4, name)
    fill(hub, 2)
    peer = Peer.opened(hub, frame_size=FRAME_SIZE)
    peer.attach_receiver()
    peer.give_credit(4, echo=True)
    received = peer.received()
    first_frames = [p for p, _ in received if isinstance(p, Transfer) and p.delivery_id is not None]
    assert [frame.delivery_id for frame in first_frames] == [0, 1, 2, 3]
    frames = sum(isinstance(performative, Transfer) for performative, _ in received)
    (flow,) = [performative for performative, _ in received if isinstance(performative, Flow)]
    assert (frames, flow.next_outgoing_id) == (10, 10)
    peer.send(Disposition(True, 1, 2, False, ACCEPTED))
    assert [d.first for d in of_kind(peer, Disposition)] == [1, 2]
    assert hub.broker.find("q").size() == 2


@given(
    st.integers(0, LARGEST), st.lists(st.integers(0, 7), max_size=20), st.lists(st.integers(1, 4), max_size=6)
)
async def test_whatever_the_windows_are_none_is_exceeded_and_every_message_arrives_whole(
    first_id: int, windows: list[int], sizes: list[int]
) -> None:
    hub = make_hub()
    for number, frames in enumerate(sizes):
        queue_large_message(hub, frames, str(number))
    peer = Peer.opened(hub, frame_size=FRAME_SIZE, window=0)
    pretend_to_have_sent(peer, first_id)
    peer.attach_receiver()
    peer.received()
    seen, arrived = first_id, list[Transfer]()
    for window in [*windows, LARGEST]:
        peer.send(Flow(seen, window, 0, 100, 1, 0, 100))
        frames_now = transfers(peer)
        assert len(frames_now) <= window
        arrived += frames_now
        seen = (seen + len(frames_now)) & LARGEST
    assert [frame.delivery_id for frame in arrived if frame.delivery_id is not None] == [
        (first_id + number) & LARGEST for number in range(len(sizes))
    ]
    assert [frame.more for frame in arrived].count(False) == len(sizes)


# --- the credit of the client -----------------------------------------------------------------------


@pytest.mark.parametrize(("credit", "expected"), [(0, 0), (1, 1), (HALF - 1, 8), (HALF, 8), (LARGEST, 8)])
async def test_as_many_messages_come_as_the_credit_allows(hub: Hub, credit: int, expected: int) -> None:
    fill(hub, 10)
    peer = Peer.opened(hub)
    peer.attach_receiver()
    peer.give_credit(2)
    assert len(transfers(peer)) == 2
    peer.give_credit(credit, count=2)
    assert len(transfers(peer)) == expected


async def test_the_delivery_count_wraps_around(hub: Hub) -> None:
    fill(hub, 10)
    peer = Peer.opened(hub)
    peer.attach_receiver()
    link: Any = peer.connection.sessions[0].links[1]
    link._count = LARGEST - 1
    peer.give_credit(4, count=LARGEST - 1)
    assert len(transfers(peer)) == 4
    peer.give_credit(4, count=LARGEST, echo=True)  # three are still on their way: one more
    received = peer.received()
    assert [type(performative) for performative, _ in received] == [Transfer, Flow]
    flow = received[-1][0]
    assert isinstance(flow, Flow)
    assert (flow.delivery_count, flow.link_credit) == (3, 0)


# --- the broker's own window and credit -------------------------------------------------------------


async def test_the_ids_of_the_clients_frames_wrap_around(hub: Hub) -> None:
    peer = Peer.opened(hub, first_frame_id=LARGEST)
    peer.attach_sender(count=LARGEST)
    for delivery_id in (LARGEST, 0, 1):
        peer.transfer(payload(), delivery_id=delivery_id)
    assert [d.first for d in of_kind(peer, Disposition)] == [LARGEST, 0, 1]
    peer.send(Flow(0, 100, 2, 100, 0, 2, 0, echo=True))
    (flow,) = of_kind(peer, Flow)
    assert (flow.next_incoming_id, flow.delivery_count) == (2, 2)


async def test_a_client_that_keeps_to_the_window_is_never_left_without_one(hub: Hub) -> None:
    """Messages in many small frames use up the window long before they use up the credit."""
    peer = Peer.opened(hub)
    sent, limit = 0, peer.window
    peer.attach_sender()
    whole = payload(b"x" * 200_000)
    for number in range(30):
        for start in range(0, len(whole), FRAME_SIZE):
            for flow in of_kind(peer, Flow):
                assert flow.next_incoming_id is not None
                limit = flow.next_incoming_id + flow.incoming_window
            assert sent < limit
            more = start + FRAME_SIZE < len(whole)
            peer.transfer(whole[start : start + FRAME_SIZE], delivery_id=number, more=more)
            sent += 1
    assert hub.broker.find("q").size() == 30


async def test_a_client_that_aborts_messages_keeps_its_credit(hub: Hub) -> None:
    peer = Peer.opened(hub)
    peer.attach_sender()
    limit = 0
    for number in range(2500):  # an aborted message counts as one that was sent
        for flow in of_kind(peer, Flow):
            assert flow.delivery_count is not None
            assert flow.link_credit is not None
            limit = flow.delivery_count + flow.link_credit
        assert number < limit
        peer.transfer(b"half of", delivery_id=number, more=True)
        peer.send(Transfer(0, aborted=True))
