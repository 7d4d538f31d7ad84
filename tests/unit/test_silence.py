"""Whether events come, judged by the minutes: only catch-up's own writes for too long mean that none do."""

from collections import Counter
from datetime import timedelta

from shared.load.silence import judged, read_from
from shared.model.activity import KEPT, Activity, Way
from shared.model.catch_up import Silence
from tests.fakes.clock import START

HOUR = timedelta(hours=1)


def minute(after: timedelta, source: str, ending: str) -> Activity:
    return Activity(START + after, Counter({Way(source, ending): 1}))


MISSED = [minute(HOUR * share, "catch-up", "updated") for share in (0, 0.5, 1)]


def test_only_writes_of_catch_up_for_the_whole_time_mean_that_events_are_missing() -> None:
    assert "no event came" in judged(Silence(), MISSED, HOUR).missing
    assert judged(Silence(), MISSED[:2], HOUR).missing == ""


def test_what_was_seen_before_counts_although_its_minutes_are_not_read_again() -> None:
    before = judged(Silence(), MISSED[:2], HOUR)
    assert judged(before, MISSED[2:], HOUR).missing


def test_an_event_that_intake_filtered_shows_that_events_come() -> None:
    filtered = Activity(START + HOUR, intake=Counter({Way("webhook", "filtered"): 1}))
    found = judged(Silence(), [*MISSED, filtered], HOUR)
    assert (found.missing, found.event_at, found.first_at) == ("", START + HOUR, None)


def test_checks_that_find_nothing_are_no_sign() -> None:
    quiet = [minute(HOUR * share, "catch-up", "unchanged") for share in (0, 1, 2)]
    assert judged(Silence(), quiet, HOUR) == Silence()


def test_the_minutes_are_read_from_the_newest_event_on_as_far_as_they_are_kept() -> None:
    assert read_from(Silence(event_at=START), START + HOUR, HOUR) < START
    assert read_from(Silence(), START, HOUR) < START - HOUR
    assert read_from(Silence(event_at=START), START + 2 * KEPT, HOUR) == START + KEPT
