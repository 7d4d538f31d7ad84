"""The message of `account-changes`: its identity, its session, its form on the wire."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.change import (
    FROM_DATAVERSE,
    AccountChange,
    ChangeKind,
    Source,
    decode_change,
    encode_change,
    session_id,
    slot_start,
)
from shared.telemetry import first_message_id
from tests.unit.making import NOW, change

OTHER = UUID(int=5)

changes = st.builds(
    AccountChange,
    organization_id=st.uuids(),
    account_id=st.uuids(),
    kind=st.sampled_from(ChangeKind),
    occurred_at=st.datetimes(timezones=st.just(UTC)),
    source=st.sampled_from(Source),
    operation_id=st.uuids(),
    correlation_id=st.none() | st.uuids(),
    hop=st.integers(0, 10**9),
    attempt=st.integers(0, 10**9),
    verify=st.booleans(),
)


@given(changes)
def test_a_change_survives_the_wire(given_change: AccountChange) -> None:
    assert decode_change(encode_change(given_change)) == given_change


@given(changes)
def test_a_message_id_fits_the_service(given_change: AccountChange) -> None:
    assert len(given_change.message_id) < 128
    assert given_change.message_id.isascii()


@given(changes)
def test_a_repeat_has_the_same_message_id(given_change: AccountChange) -> None:
    assert decode_change(encode_change(given_change)).message_id == given_change.message_id


def test_the_message_id_is_the_moments_not_its_notations() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=3)))
    assert change(occurred_at=elsewhere).message_id == change().message_id


@pytest.mark.parametrize(
    "members",
    [
        {"hop": 1},
        {"kind": ChangeKind.DELETE},
        {"occurred_at": NOW + timedelta(microseconds=1)},
        {"account_id": OTHER},
        {"organization_id": OTHER},
        {"operation_id": OTHER},
    ],
)
def test_what_makes_another_message(members: dict[str, Any]) -> None:
    assert change(**members).message_id != change().message_id


@pytest.mark.parametrize(
    "members", [{"source": Source.WEBHOOK}, {"correlation_id": OTHER}, {"attempt": 3}, {"verify": True}]
)
def test_what_does_not(members: dict[str, Any]) -> None:
    assert change(**members).message_id == change().message_id


@given(changes, st.booleans())
def test_a_copy_is_a_new_message_of_the_same_change(given_change: AccountChange, tried: bool) -> None:
    copy = given_change.copy(tried=tried)
    assert copy.message_id != given_change.message_id
    assert (copy.kind, copy.source, copy.operation_id) == (
        *(given_change.kind, given_change.source, given_change.operation_id),
    )
    assert copy.attempt == given_change.attempt + tried
    assert first_message_id(copy) == first_message_id(given_change)


def test_a_message_of_a_source_that_is_no_more_is_read_as_a_replay() -> None:
    body = json.loads(encode_change(change())) | {"source": "probe"}
    read = decode_change(json.dumps(body).encode())
    assert read.source is Source.REPLAY
    assert read.source not in FROM_DATAVERSE
    assert read.message_id == change().message_id


def test_a_check_of_our_own_is_one_of_a_kind_unless_named() -> None:
    first, second = (change(hop=3, attempt=2).check(Source.HEAL, verify=True) for _ in range(2))
    assert first.operation_id != second.operation_id
    assert (first.hop, first.attempt, first.verify, first.kind) == (0, 0, True, ChangeKind.CHECK)
    assert change().check(Source.HEAL, verify=True, operation_id=OTHER).operation_id == OTHER


@given(st.uuids(), st.integers(1, 100))
def test_a_session_is_one_of_the_partitions_and_stays(account_id: UUID, partitions: int) -> None:
    session = session_id(account_id, partitions)
    assert session == session_id(UUID(str(account_id)), partitions)
    assert session[0] == "p"
    assert 0 <= int(session[1:]) < partitions


def test_the_session_of_an_account_is_the_same_in_every_release() -> None:
    assert [session_id(UUID(int=number), 8) for number in range(6)] == [
        *("p06", "p02", "p07", "p06", "p01", "p07")
    ]


def test_accounts_spread_over_all_partitions() -> None:
    counts = Counter(session_id(UUID(int=number), 8) for number in range(8000))
    assert len(counts) == 8
    assert all(800 < count < 1200 for count in counts.values())


@pytest.mark.parametrize(
    "members",
    [
        *({"schema": 2}, {"hop": -1}, {"operation": "merge"}, {"source": "nobody"}, {"account_id": "x"}),
        *({"occurred_at": "2026-11-22T12:00:00"}, {"verify": "perhaps"}, {"organization_id": None}),
    ],
)
def test_what_is_no_change_of_this_schema_is_refused(members: dict[str, Any]) -> None:
    content = json.loads(encode_change(change())) | members
    with pytest.raises(ValueError, match="AccountChange"):
        decode_change(json.dumps(content).encode())


@pytest.mark.parametrize("name", ["organization_id", "account_id", "operation", "occurred_at", "source"])
def test_a_missing_member_is_refused(name: str) -> None:
    content = json.loads(encode_change(change()))
    del content[name]
    with pytest.raises(ValueError, match=name):
        decode_change(json.dumps(content).encode())


@given(st.binary(max_size=100))
def test_garbage_is_refused_with_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="AccountChange"):
        decode_change(content)


def test_a_foreign_offset_is_turned_into_utc() -> None:
    content = json.loads(encode_change(change())) | {"occurred_at": "2026-11-22T15:00:00+03:00"}
    decoded = decode_change(json.dumps(content).encode())
    assert decoded.occurred_at == NOW
    assert decoded.occurred_at.tzinfo == UTC


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.integers(1, 600))  # noqa: DTZ001 - bounds are naive by the strategy's contract
def test_a_slot_holds_its_moment(moment: datetime, seconds: int) -> None:
    start = slot_start(moment, timedelta(seconds=seconds))
    assert start <= moment < start + timedelta(seconds=seconds)
    assert start == slot_start(start, timedelta(seconds=seconds))
