"""The queue as a state machine, with time that passes when it is told to."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.decoder import decode, map_entries
from local.servicebus.errors import BrokerFault
from local.servicebus.queue import Queue
from local.servicebus.settlement import LostSession, Settlement
from local.servicebus.stored import MessageState
from tests.unit.servicebus.making import NOW, FakeClock, body_of, message, queue_with, token_of


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def dead_letters_of(queue: Queue) -> Queue:
    assert queue.dead_letters is not None
    return queue.dead_letters


def reason_of(queue: Queue) -> str:
    stored = dead_letters_of(queue).peek(1, 1)[0]
    _, at = decode(stored.message.application_properties, 1)
    entries, _ = map_entries(stored.message.application_properties, at)
    return decode(entries["DeadLetterReason"])[0]


def test_messages_come_out_in_order_and_once(clock: FakeClock) -> None:
    queue = queue_with(clock)
    for number in range(3):
        queue.send(message(b"%d" % number))
    assert [body_of(queue.acquire()) for _ in range(4)] == [b"0", b"1", b"2", None]


def test_a_lock_ends_after_its_duration_and_the_delivery_counts(clock: FakeClock) -> None:
    queue = queue_with(clock, lock_duration=60.0)
    queue.send(message())
    token = token_of(queue.acquire())
    assert queue.next_due() == NOW + 60
    clock.pass_seconds(59.9)
    queue.advance()
    assert queue.counts().locked == 1
    clock.pass_seconds(0.1)
    with pytest.raises(BrokerFault, match="lock supplied is invalid"):  # before anything has been advanced
        queue.settle(token, Settlement.COMPLETE)
    queue.advance()
    again = queue.acquire()
    assert again is not None
    assert again.delivery_count == 1


def test_renewal_prolongs_the_lock(clock: FakeClock) -> None:
    queue = queue_with(clock, lock_duration=60.0)
    queue.send(message())
    token = token_of(queue.acquire())
    clock.pass_seconds(50)
    assert queue.renew(token) == NOW + 110
    clock.pass_seconds(50)
    queue.advance()
    queue.settle(token, Settlement.COMPLETE)
    assert queue.size() == 0


def test_the_last_lost_lock_leads_to_the_dead_letters(clock: FakeClock) -> None:
    queue = queue_with(clock, max_delivery_count=2, lock_duration=1.0)
    queue.send(message())
    for _ in range(2):
        assert queue.acquire() is not None
        clock.pass_seconds(1)
        queue.advance()
    assert (queue.size(), reason_of(queue)) == (0, "MaxDeliveryCountExceeded")
    dead = dead_letters_of(queue)
    stored = dead.acquire()
    assert stored is not None
    assert (stored.delivery_count, stored.dead_letter_source) == (2, "q")
    for _ in range(5):  # there is no way out of the dead letters but completion
        clock.pass_seconds(1)
        dead.advance()
        stored = dead.acquire()
    dead.settle(token_of(stored), Settlement.COMPLETE)
    assert dead.size() == 0


def test_a_released_message_is_not_counted(clock: FakeClock) -> None:
    queue = queue_with(clock, max_delivery_count=1)
    queue.send(message())
    for _ in range(3):
        queue.settle(token_of(queue.acquire()), Settlement.RELEASE)
    stored = queue.acquire()
    assert stored is not None
    assert stored.delivery_count == 0


def test_a_locked_message_outlives_its_time_to_live_until_the_lock_ends(clock: FakeClock) -> None:
    queue = queue_with(clock, lock_duration=60.0, dead_letter_on_expiration=True)
    queue.send(message(ttl=10))
    token = token_of(queue.acquire())
    clock.pass_seconds(30)
    queue.advance()
    assert queue.counts().locked == 1
    queue.settle(token, Settlement.ABANDON)
    assert (queue.size(), reason_of(queue)) == (0, "TTLExpiredException")


def test_the_shorter_time_to_live_counts(clock: FakeClock) -> None:
    queue = queue_with(clock, default_time_to_live=20.0)
    queue.send(message(b"short", ttl=10))
    queue.send(message(b"long", ttl=100))
    queue.send(message(b"none"))
    clock.pass_seconds(10)
    queue.advance()
    assert [body_of(m) for m in queue.peek(1, 9)] == [b"long", b"none"]
    clock.pass_seconds(10)
    queue.advance()
    assert (queue.size(), queue.tally.expired) == (0, 3)


def test_an_expired_message_is_not_handed_out_even_before_the_clockwork_runs(clock: FakeClock) -> None:
    queue = queue_with(clock)
    queue.send(message(ttl=1))
    clock.pass_seconds(1)
    assert queue.acquire() is None


def test_a_deferred_message_expires_too(clock: FakeClock) -> None:
    queue = queue_with(clock, dead_letter_on_expiration=True)
    queue.send(message(ttl=10))
    queue.settle(token_of(queue.acquire()), Settlement.DEFER)
    clock.pass_seconds(10)
    queue.advance()
    assert (queue.size(), dead_letters_of(queue).size()) == (0, 1)


def test_a_scheduled_message_gets_its_place_when_it_is_due(clock: FakeClock) -> None:
    queue = queue_with(clock)
    first = queue.send(message(b"scheduled", at=NOW + 30))
    queue.send(message(b"sent"))
    assert queue.next_due() == NOW + 30
    assert queue.peek(1, 1)[0].state is MessageState.SCHEDULED
    clock.pass_seconds(30)
    queue.advance()
    queue.send(message(b"sent later"))
    messages = [queue.acquire() for _ in range(3)]
    assert [body_of(m) for m in messages] == [b"sent", b"scheduled", b"sent later"]
    scheduled = messages[1]
    assert scheduled is not None
    assert first is not None
    assert scheduled.sequence_number > first
    assert scheduled.enqueued_at == NOW + 30


def test_the_time_to_live_of_a_scheduled_message_starts_when_it_is_due(clock: FakeClock) -> None:
    queue = queue_with(clock)
    queue.send(message(ttl=10, at=NOW + 30))
    clock.pass_seconds(35)
    queue.advance()
    assert queue.counts().active == 1


def test_the_duplicate_history_ends_with_its_window(clock: FakeClock) -> None:
    queue = queue_with(clock, requires_duplicate_detection=True, duplicate_window=600.0)
    assert queue.send(message(message_id="a")) is not None
    clock.pass_seconds(599)
    assert queue.send(message(message_id="a")) is None  # and a dropped one does not prolong the window
    clock.pass_seconds(1)
    assert queue.send(message(message_id="a")) is not None
    assert (queue.tally.accepted, queue.tally.duplicates_dropped) == (3, 1)


# --- sessions --------------------------------------------------------------------------------


def session_queue(clock: FakeClock, **settings: object) -> Queue:
    return queue_with(clock, requires_session=True, lock_duration=60.0, **settings)


def test_the_next_session_is_the_free_one_with_the_oldest_message(clock: FakeClock) -> None:
    queue = session_queue(clock)
    for session_id in ("b", "a", "b", "c"):
        queue.send(message(session_id=session_id))
    taken = [queue.accept_session(None, object()) for _ in range(4)]
    assert [session.session_id if session else None for session in taken] == ["b", "a", "c", None]


def test_a_session_lock_ends_and_its_holder_is_told(clock: FakeClock) -> None:
    queue, owner = session_queue(clock), object()
    queue.send(message(session_id="s"))
    session = queue.accept_session(None, owner)
    token = token_of(queue.acquire(session))
    clock.pass_seconds(60)
    with pytest.raises(BrokerFault, match="session lock has expired"):
        queue.held_session("s", owner)
    assert queue.advance() == [LostSession(owner, "s")]
    with pytest.raises(BrokerFault):
        queue.settle(token, Settlement.COMPLETE)
    again = queue.acquire(queue.accept_session("s", object()))
    assert again is not None
    assert again.delivery_count == 1


def test_renewing_a_session_stretches_the_locks_of_its_messages(clock: FakeClock) -> None:
    queue, owner = session_queue(clock), object()
    queue.send(message(session_id="s"))
    session = queue.accept_session("s", owner)
    stored = queue.acquire(session)
    clock.pass_seconds(50)
    assert queue.renew_session("s", owner) == NOW + 110
    assert stored is not None
    assert stored.locked_until == NOW + 110
    clock.pass_seconds(50)
    assert queue.advance() == []
    queue.settle(token_of(stored), Settlement.COMPLETE)


def test_only_the_holder_renews_a_session(clock: FakeClock) -> None:
    queue = session_queue(clock)
    queue.accept_session("s", object())
    for stranger in (object(), None):
        with pytest.raises(BrokerFault, match="session lock has expired"):
            queue.renew_session("s", stranger)


def test_a_session_of_another_is_never_released(clock: FakeClock) -> None:
    queue, owner = session_queue(clock), object()
    queue.accept_session("s", owner)
    queue.release_session("s", object())
    assert queue.held_session("s", owner) is not None


def test_sessions_leave_no_trace_when_they_are_empty(clock: FakeClock) -> None:
    queue, owner = session_queue(clock), object()
    for number in range(10):
        queue.send(message(session_id=str(number), ttl=5 if number % 2 else None))
    clock.pass_seconds(5)
    queue.advance()
    while (session := queue.accept_session(None, owner)) is not None:
        queue.settle(token_of(queue.acquire(session)), Settlement.COMPLETE)
        queue.release_session(session.session_id, owner)
    assert queue.sessions is not None
    assert (len(queue.sessions), queue.size()) == (0, 0)


def test_all_locks_can_be_ended_at_once(clock: FakeClock) -> None:
    plain, sessions = queue_with(clock), session_queue(clock)
    plain.send(message())
    plain.acquire()
    sessions.send(message(session_id="s"))
    sessions.acquire(sessions.accept_session("s", "holder"))
    for queue in (plain, sessions):
        queue.end_all_locks()
        queue.advance()
        counts = queue.counts()
        assert (counts.locked, counts.active, counts.sessions_locked) == (0, 1, 0)


# --- whatever happens --------------------------------------------------------------------------------

SETTLEMENTS = st.sampled_from(list(Settlement))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from([None, 3.0])),
        st.tuples(st.just("schedule"), st.floats(0, 20)),
        st.tuples(st.just("receive"), st.none()),
        st.tuples(st.just("settle"), SETTLEMENTS),
        st.tuples(st.just("wait"), st.floats(0, 8)),
    ),
    max_size=60,
)


@given(steps=STEPS, sessions=st.booleans())
def test_no_order_of_events_loses_or_doubles_a_message(
    steps: list[tuple[str, object]], sessions: bool
) -> None:
    clock = FakeClock()
    queue = queue_with(clock, requires_session=sessions, lock_duration=5.0, dead_letter_on_expiration=True)
    held: list[object] = []
    for step, value in steps:
        _take(queue, clock, held, step, value)
        counts = queue.counts()
        in_queue = counts.active + counts.locked + counts.deferred + counts.scheduled
        assert in_queue == queue.size()
        assert queue.tally.accepted == in_queue + queue.tally.completed + dead_letters_of(queue).size()


def _take(queue: Queue, clock: FakeClock, held: list[object], step: str, value: object) -> None:
    session_id = "s" if queue.sessions is not None else None
    match step, value:
        case "send", None | float():
            queue.send(message(session_id=session_id, ttl=value))
        case "schedule", float():
            queue.send(message(session_id=session_id, at=clock.now + value))
        case "receive", _:
            session = None
            if queue.sessions is not None:
                known = queue.sessions.find("s")
                session = known if known and known.owner else queue.accept_session("s", "owner")
            if (stored := queue.acquire(session)) is not None:
                held.append(stored.lock_token)
        case "settle", Settlement() if held:
            token = held.pop()
            with contextlib.suppress(BrokerFault):  # the lock may have ended
                queue.settle(token, value)  # type: ignore[arg-type]
        case "wait", float():
            clock.pass_seconds(value)
            queue.advance()
        case _:
            pass
