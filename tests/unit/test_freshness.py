"""Does a change need a look now?"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.change import AFTER_COMMIT, FROM_DATAVERSE, ChangeKind, Source
from shared.model.state import Lease, Phase
from shared.sync.freshness import Busy, Covered, Margins, Merged, Proceed, judge
from tests.unit.making import NOW, OPERATION, change, state

MARGINS = Margins(settle=timedelta(seconds=5), transaction=timedelta(seconds=300))
LONG_AGO = NOW - timedelta(hours=1)
WITH_TIMES = FROM_DATAVERSE | AFTER_COMMIT | {Source.RELATED}
OWN_SOURCES = [source for source in Source if source not in WITH_TIMES]


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def settled(**members: Any) -> Any:
    return state(**{"phase": Phase.SYNCED, "read_at": NOW - seconds(10), **members})


def old(**members: Any) -> Any:
    """A change made long before the account was read."""
    return change(**{"occurred_at": LONG_AGO, **members})


def test_nothing_known_needs_a_check() -> None:
    assert judge(change(), None, NOW, MARGINS) == Proceed()


def test_a_change_that_was_read_since_is_covered() -> None:
    for phase in (Phase.SYNCED, Phase.FILTERED, Phase.DELETED):
        assert judge(old(), settled(phase=phase), NOW, MARGINS) == Covered()


@pytest.mark.parametrize(("after", "covered"), [(0, False), (0.001, True), (-1, False)])
def test_a_check_of_a_load_is_covered_if_the_account_was_read_since_the_load_began(
    after: float, covered: bool
) -> None:
    read_at = NOW - seconds(10)
    of_load = change(source=Source.LOAD, occurred_at=read_at - seconds(after))
    assert (judge(of_load, settled(read_at=read_at), NOW, MARGINS) == Covered()) is covered


@pytest.mark.parametrize(("after", "covered"), [(300, False), (300.001, True), (299, False)])
def test_a_change_counts_as_uncommitted_for_the_whole_margin(after: float, covered: bool) -> None:
    read_at = NOW - seconds(10)
    found = judge(change(occurred_at=read_at - seconds(after)), settled(), NOW, MARGINS)
    assert isinstance(found, Covered) == covered


@pytest.mark.parametrize(("after", "covered"), [(-1, False), (0, False), (1, True)])
def test_a_check_of_catch_up_is_covered_by_a_read_after_the_change_was_seen(
    after: float, covered: bool
) -> None:
    """What it saw was committed already, so there is no margin."""
    check = change(
        kind=ChangeKind.CHECK, source=Source.CATCH_UP, occurred_at=NOW - seconds(10) - seconds(after)
    )
    found = judge(check, settled(), NOW, MARGINS)
    assert isinstance(found, Covered) == covered
    assert judge(check, settled(phase=Phase.PARKED), NOW, MARGINS) == Proceed()


@pytest.mark.parametrize(
    ("of_change", "of_state"),
    [
        ({"kind": ChangeKind.DELETE}, {}),
        *(({"source": source}, {"phase": Phase.PARKED}) for source in AFTER_COMMIT),
        *(({"source": source}, {"unknown_until": LONG_AGO}) for source in AFTER_COMMIT),
        ({"kind": ChangeKind.DELETE, "source": Source.CATCH_UP}, {}),
        *(({"source": source}, {}) for source in OWN_SOURCES),
        ({}, {"phase": Phase.PARKED}),
        ({}, {"phase": Phase.RETRYING}),
        ({}, {"phase": None}),
        ({}, {"unknown_until": LONG_AGO}),
        ({}, {"read_at": None}),
    ],
)
def test_what_is_never_covered(of_change: dict[str, Any], of_state: dict[str, Any]) -> None:
    assert judge(old(**of_change), settled(**of_state), NOW, MARGINS) == Proceed()


@pytest.mark.parametrize(("after", "covered"), [(299, False), (301, True)])
def test_a_check_of_a_related_change_is_covered_by_a_read_after_the_transaction_margin(
    after: float, covered: bool
) -> None:
    """Only the times count: the account's version is the same before and after."""
    check = change(
        kind=ChangeKind.CHECK, source=Source.RELATED, occurred_at=NOW - seconds(10) - seconds(after)
    )
    assert judge(check, settled(version=7), NOW, MARGINS) == (Covered() if covered else Proceed())
    assert judge(check, settled(phase=Phase.PARKED), NOW, MARGINS) == Proceed()


def test_a_related_change_is_not_merged_into_a_later_check_and_begins_no_account() -> None:
    check = change(kind=ChangeKind.CHECK, source=Source.RELATED)
    assert judge(check, settled(read_at=NOW), NOW, MARGINS) == Proceed()
    assert judge(check, None, NOW, MARGINS) == Covered()


@pytest.mark.parametrize(
    ("left", "hop", "wait"),
    [(0.001, 0, 0.001), (60, 0, 2), (60, 1, 4), (60, 4, 32), (60, 5, 60), (60, 900, 60)],
)
def test_a_foreign_lease_is_looked_at_again_soon_then_later_and_at_its_end(
    left: float, hop: int, wait: float
) -> None:
    held = settled(lease=Lease(uuid4(), NOW + seconds(left)))
    assert judge(old(hop=hop), held, NOW, MARGINS) == Busy(NOW + seconds(wait))


def test_a_lease_that_is_over_holds_nobody_up() -> None:
    over = Lease(uuid4(), NOW)
    assert not isinstance(judge(old(), settled(lease=over), NOW, MARGINS), Busy)


def test_an_event_right_after_a_check_becomes_one_later_check() -> None:
    found = judge(change(), settled(read_at=NOW - seconds(1)), NOW, MARGINS)
    assert isinstance(found, Merged)
    assert found.look.source is Source.BURST
    assert found.look.kind is ChangeKind.CHECK
    assert (found.look.hop, found.look.attempt, found.look.verify) == (0, 0, False)
    assert found.due - NOW <= seconds(10)
    assert found.due > NOW


@pytest.mark.parametrize(
    ("of_change", "of_state"),
    [
        ({"kind": ChangeKind.DELETE}, {}),
        ({"hop": 1}, {}),
        *(({"source": source}, {}) for source in OWN_SOURCES),
        ({}, {"read_at": NOW - seconds(5)}),
        ({}, {"read_at": None}),
    ],
)
def test_what_is_never_merged(of_change: dict[str, Any], of_state: dict[str, Any]) -> None:
    fresh = settled(**{"read_at": NOW - seconds(1), **of_state})
    assert judge(change(**of_change), fresh, NOW, MARGINS) == Proceed()


@given(st.lists(st.floats(0, 4.999), min_size=2, max_size=6), st.uuids())
def test_all_events_of_one_slot_make_one_message(offsets: list[float], operation: Any) -> None:
    looks: set[str] = set()
    dues = set[Any]()
    for offset in offsets:
        now = NOW + seconds(offset)
        found = judge(change(operation_id=operation), settled(read_at=now), now, MARGINS)
        assert isinstance(found, Merged)
        assert found.due > now + MARGINS.settle - seconds(0.001)
        looks.add(found.look.message_id)
        dues.add(found.due)
    assert len(looks) == len(dues) == 1


def test_another_slot_or_account_is_another_message() -> None:
    def look(**members: Any) -> str:
        now = members.pop("now", NOW)
        found = judge(change(**members), settled(read_at=now), now, MARGINS)
        assert isinstance(found, Merged)
        return found.look.message_id

    assert len({look(), look(now=NOW + seconds(5)), look(account_id=OPERATION)}) == 3


@given(st.datetimes(timezones=st.just(NOW.tzinfo)))
def test_no_moment_of_the_calendar_breaks_the_judgement(occurred_at: Any) -> None:
    assert judge(change(occurred_at=occurred_at), settled(), NOW, MARGINS) in (Covered(), Proceed())
