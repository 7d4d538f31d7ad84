"""The stream that the benchmark measures: exact numbers, the same each time."""

from collections import Counter

from bench.stream import ACCOUNTS, BURST, EVENTS, counts, make_stream


def test_the_numbers_of_each_kind_are_exact() -> None:
    assert counts(make_stream()) == {
        "create": ACCOUNTS,
        "change": 210,
        "unmapped": 90,
        "equal": 90,
        "repeat": 60,
        "late": 30,
    }
    assert len(make_stream()) == EVENTS


def test_a_seed_gives_the_same_stream_and_another_seed_another() -> None:
    assert make_stream() == make_stream()
    assert make_stream(seed=2) != make_stream()


def test_every_account_is_created_once_and_before_anything_else_happens_to_it() -> None:
    seen: set[int] = set()
    for event in make_stream():
        assert (event.kind == "create") == (event.account not in seen)
        seen.add(event.account)
    assert len(seen) == ACCOUNTS


def test_few_accounts_have_most_events() -> None:
    by_account = Counter(event.account for event in make_stream())
    busiest = sum(count for _, count in by_account.most_common(ACCOUNTS // 10))
    assert busiest > EVENTS / 2


def test_most_changes_come_in_bursts_of_one_account() -> None:
    stream = make_stream()
    bursts = sum(
        len({(event.account, event.kind) for event in stream[start : start + BURST]}) == 1
        for start in range(len(stream))
        if stream[start].kind == "change"
    )
    assert bursts >= 30


def test_an_equal_event_writes_the_name_that_stands_there() -> None:
    names: dict[int, str] = {}
    for event in make_stream():
        if event.kind == "equal":
            assert event.columns == {"name": names[event.account]}
        names[event.account] = event.columns.get("name", names.get(event.account, ""))
