"""Which events need no look."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.intake.dataverse_context import read_event
from shared.intake.filter import Filter
from tests.unit.making import NOW, body, field_map, sample_bytes, target

WATCHED = frozenset({"name", "telephone1"})
US, THEM = UUID(int=1), UUID(int=2)


def rule(filter_: Filter, **members: Any) -> str | None:
    return rule_of(filter_, body(**members))


def rule_of(filter_: Filter, content: bytes) -> str | None:
    event = read_event(content, None, NOW)
    assert event is not None
    return filter_.rule_against(event)


def test_other_messages_are_filtered() -> None:
    assert rule(Filter(WATCHED), MessageName="Assign") == "message"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"name": "x"}, None),
        ({"telephone1": None}, None),
        ({"name": "x", "description": "y"}, None),
        ({"description": "y"}, "columns"),
        ({"accountid": "x", "modifiedon": "y", "modifiedby": "z", "modifiedonbehalfby": None}, "columns"),
    ],
)
def test_an_update_passes_only_with_a_watched_column(
    attributes: dict[str, Any], expected: str | None
) -> None:
    assert rule(Filter(WATCHED), InputParameters=target(**attributes)) == expected


@pytest.mark.parametrize("message", ["Create", "Delete", "Restore"])
def test_creates_and_deletes_pass_whatever_columns_they_have(message: str) -> None:
    assert rule(Filter(WATCHED), MessageName=message, InputParameters=target(description="x")) is None


def test_an_event_without_columns_always_passes() -> None:
    assert rule(Filter(WATCHED)) is None
    assert rule(Filter(WATCHED), InputParameters=[]) is None
    assert rule_of(Filter(WATCHED, US, WATCHED), sample_bytes("account-update-stripped")) is None


@pytest.mark.parametrize(
    ("user", "attributes", "expected"),
    [
        (US, {"accountnumber": "x"}, "echo"),
        (US, {"accountnumber": "x", "modifiedon": "y"}, "echo"),
        (US, {"accountnumber": "x", "name": "y"}, None),
        (THEM, {"accountnumber": "x"}, None),
        (None, {"accountnumber": "x"}, None),
    ],
)
def test_only_our_own_write_back_is_an_echo(
    user: UUID | None, attributes: dict[str, Any], expected: str | None
) -> None:
    own = Filter(WATCHED | {"accountnumber"}, US, frozenset({"accountnumber"}))
    found = rule(own, InitiatingUserId=user and str(user), InputParameters=target(**attributes))
    assert found == expected


def test_without_write_back_columns_nothing_is_an_echo() -> None:
    ours = {"InitiatingUserId": str(US), "InputParameters": target(name="x")}
    assert rule(Filter(WATCHED, US), **ours) is None


@given(st.frozensets(st.sampled_from(sorted(field_map().watched | {"description", "revenue"})), min_size=1))
def test_no_column_that_the_map_reads_is_ever_filtered(changed: frozenset[str]) -> None:
    watched = field_map().watched
    found = rule(Filter(watched), InputParameters=target(**dict.fromkeys(changed)))
    assert (found is None) == bool(changed & watched)
