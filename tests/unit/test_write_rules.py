"""What to send, what to do about the hold, how values are remembered: the pure rules of writing."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.customer import Customer, CustomerKey, FieldValue, Fingerprints
from shared.model.map_sections import Hold
from shared.model.state import (
    LOG_CHARACTERS,
    LOG_ENTRIES,
    LogEntry,
    SyncState,
    decode_log,
    encode_log,
)
from shared.sync.fields import HoldPlan, differing, must_look, not_confirmed, plan_hold
from tests.unit.making import NOW, state

PRINTS = Fingerprints.under("a secret of a stand")
HOLD = Hold(field="OnHoldStatus", blocked="All")
FIELDS: dict[str, FieldValue] = {"Name": "Contoso", "Memo": "", "Limit": Decimal("10.50"), "People": 5}

values = st.text(max_size=20) | st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=2)
fields_of_any_kind = st.dictionaries(st.sampled_from("ABCDEF"), values)


def confirmed(fields: dict[str, FieldValue], **members: Any) -> SyncState:
    """A state in which these fields are known to stand in Operations."""
    return state(confirmed=PRINTS.of_all(fields), fingerprint_key=PRINTS.key_id, **members)


def found(**fields: FieldValue) -> Customer:
    return Customer(CustomerKey("usmf", "C-1"), fields)


@given(fields_of_any_kind)
def test_what_is_confirmed_is_not_sent_again(fields: dict[str, FieldValue]) -> None:
    assert not_confirmed(fields, confirmed(fields), PRINTS) == {}


@given(fields_of_any_kind, fields_of_any_kind)
def test_exactly_what_differs_is_sent(before: dict[str, FieldValue], now: dict[str, FieldValue]) -> None:
    expected = {
        name for name in now if name not in before or PRINTS.of("", now[name]) != PRINTS.of("", before[name])
    }
    assert set(not_confirmed(now, confirmed(before), PRINTS)) == expected


def test_while_an_outcome_is_unknown_everything_is_sent() -> None:
    doubtful = confirmed(FIELDS, unknown_until=NOW - timedelta(days=1))
    assert not_confirmed(FIELDS, doubtful, PRINTS) == FIELDS


def test_under_another_key_nothing_counts_as_known() -> None:
    assert not_confirmed(FIELDS, confirmed(FIELDS), Fingerprints.under("another secret")) == FIELDS


def test_what_was_seen_equal_is_not_sent() -> None:
    seen = found(Name="Contoso ", Limit=Decimal("10.5"), People=5)
    assert differing(FIELDS, seen, PRINTS) == {}
    assert differing(FIELDS, found(Name="Fabrikam", Limit=Decimal("10.5")), PRINTS) == {
        "Name": "Contoso",
        "People": 5,
    }


@pytest.mark.parametrize(
    ("one", "other"), [("x", "x  "), (10, Decimal("10.00")), (Decimal("1e2"), 100), (0, Decimal("-0.0"))]
)
def test_values_that_operations_keeps_alike_have_one_hash(one: FieldValue, other: FieldValue) -> None:
    assert PRINTS.of("F", one) == PRINTS.of("F", other)


@pytest.mark.parametrize(("one", "other"), [("x", "X"), ("x", " x"), ("", "0"), (1, 2), ("ä", "a\u0308")])
def test_different_values_have_different_hashes(one: FieldValue, other: FieldValue) -> None:
    assert PRINTS.of("F", one) != PRINTS.of("F", other)


def test_a_hash_is_short_and_tells_neither_value_nor_field() -> None:
    print_ = PRINTS.of("F", "Contoso")
    assert len(print_) == 16
    assert int(print_, 16) >= 0
    assert print_ != PRINTS.of("G", "Contoso")
    assert print_ != Fingerprints.under("another secret").of("F", "Contoso")
    assert "secret" not in PRINTS.key_id
    assert Fingerprints.under("a secret of a stand") == PRINTS


def test_a_hash_stays_as_it_is_stored() -> None:
    assert PRINTS.of("F", 'Ä "x" \U0001f600') == "0317948ea32ea1f8"


@given(values)
def test_any_value_has_a_hash(value: FieldValue) -> None:
    assert PRINTS.of("F", value) == PRINTS.of("F", value)


def test_the_first_block_needs_a_look_and_remembers_what_stood_there() -> None:
    assert must_look(state(), HOLD, PRINTS, wanted=True)
    plan = plan_hold(state(), HOLD, found(OnHoldStatus="Invoice"), wanted=True)
    assert plan == HoldPlan({"OnHoldStatus": "All"}, "Invoice")


def test_a_block_that_is_ours_is_not_looked_at_again() -> None:
    held = confirmed({"OnHoldStatus": "All"}, previous_hold="No")
    assert not must_look(held, HOLD, PRINTS, wanted=True)
    assert plan_hold(held, HOLD, None, wanted=True) == HoldPlan({"OnHoldStatus": "All"}, "No")


def test_a_customer_that_somebody_else_blocked_stays_theirs() -> None:
    plan = plan_hold(state(), HOLD, found(OnHoldStatus="All"), wanted=True)
    assert plan.previous is None
    after = confirmed({"OnHoldStatus": "All"})
    assert plan_hold(after, HOLD, None, wanted=False) == HoldPlan({}, None)


def test_a_release_looks_first_and_goes_back_to_what_stood_there() -> None:
    held = confirmed({"OnHoldStatus": "All"}, previous_hold="Invoice")
    assert must_look(held, HOLD, PRINTS, wanted=False)
    plan = plan_hold(held, HOLD, found(OnHoldStatus="All"), wanted=False)
    assert plan.fields == {"OnHoldStatus": "Invoice"}
    assert plan.releasing


def test_a_hold_that_somebody_changed_since_is_left_alone() -> None:
    held = confirmed({"OnHoldStatus": "All"}, previous_hold="No")
    assert plan_hold(held, HOLD, found(OnHoldStatus="Payment"), wanted=False).fields == {}


def test_while_an_outcome_is_unknown_a_release_is_sent_whatever_stands_there() -> None:
    held = state(previous_hold="No", unknown_until=NOW)
    plan = plan_hold(held, HOLD, found(OnHoldStatus="No"), wanted=False)
    assert (plan.fields, plan.previous) == ({"OnHoldStatus": "No"}, "No")


def test_without_a_hold_of_ours_nothing_is_released() -> None:
    assert not must_look(state(), HOLD, PRINTS, wanted=False)
    assert plan_hold(state(), HOLD, None, wanted=False) == HoldPlan({}, None)


def entry(detail: str = "") -> LogEntry:
    return LogEntry(NOW.isoformat(), "updated", detail, "webhook", "update", "an id", 0)


def test_the_log_keeps_the_last_outcomes() -> None:
    current = state()
    for number in range(LOG_ENTRIES + 5):
        current = current.logged(entry(str(number)))
    assert [int(line.detail) for line in current.log] == list(range(5, LOG_ENTRIES + 5))


@given(st.lists(st.text(st.characters(), max_size=3000).map(lambda text: text * 3), min_size=1, max_size=25))
def test_the_log_stays_within_one_table_property(details: list[str]) -> None:
    current = state()
    for detail in details:
        current = current.logged(entry(detail))
    assert len(current.log) <= LOG_ENTRIES
    assert len(current.log) == 1 or len(encode_log(current.log)) <= LOG_CHARACTERS
    assert current.log[-1].detail == details[-1]
    assert decode_log(encode_log(current.log)) == current.log
