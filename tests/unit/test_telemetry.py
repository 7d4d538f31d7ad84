"""What is logged: one line for each ending, with ids and reasons, without anybody's data."""

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.change import Source
from shared.model.outcome import Cause, Ending, Outcome, Problem, remedy
from shared.telemetry import Intake, first_message_id, log_intake, log_outcome
from tests.flow.world import World
from tests.unit.making import ACCOUNT, OPERATION, SAMPLES, change


def test_an_outcome_is_one_line_that_leads_back_to_its_event(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "account_sync")
    copy = change(source=Source.WEBHOOK).copy(tried=True)
    due = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
    log_outcome(copy, Outcome(Ending.RETRYING, "answered 503", ("AddressCity", "Name"), due), due)
    (record,) = caplog.records
    expected = {
        "event": "outcome",
        "ending": "retrying",
        "detail": "answered 503",
        "source": "webhook",
        "operation": "update",
        "account_id": str(ACCOUNT),
        "operation_id": str(OPERATION),
        "message_id": copy.message_id,
        "first_message_id": change().message_id,
        "attempt": 1,
        "hop": 1,
        "fields": "AddressCity,Name",
        "due": "2026-11-22T13:00:00+00:00",
    }
    assert expected.items() <= record.__dict__.items()
    assert "retrying: answered 503" in record.getMessage()


@pytest.mark.parametrize("ending", ["queued", "filtered", "rejected"])
def test_an_intake_is_one_line(ending: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "account_sync")
    log_intake(Intake(ending, Source.WEBHOOK, None, None, "columns"))
    (record,) = caplog.records
    assert {"event": "intake", "ending": ending, "detail": "columns", "source": "webhook"}.items() <= (
        record.__dict__.items()
    )


@given(st.integers(0, 10_000))
def test_every_copy_names_the_first_message(hop: int) -> None:
    assert first_message_id(change(hop=hop)) == change().message_id


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_remedy(cause: Cause) -> None:
    assert remedy(cause, "Operations").endswith(".")
    assert "{" not in remedy(cause, "Operations")
    assert "Operations" not in remedy(cause, "Business Central")
    assert Problem(cause).key == str(cause)


def test_a_problem_is_told_by_cause_field_and_value() -> None:
    assert (
        str(Problem(Cause.UNMAPPED_VALUE, value="Narnia", field="Country")) == "UnmappedValue Country Narnia"
    )
    assert Problem(Cause.UNMAPPED_CURRENCY, value="a/b").key == "UnmappedCurrency|a%2Fb"


def test_an_old_key_of_the_field_map_is_logged_at_start(caplog: pytest.LogCaptureFixture) -> None:
    World(field_map=str(SAMPLES / "version1/field-map.toml")).application()
    assert [record.getMessage() for record in caplog.records] == [
        'The field map\'s key "target" in [key] is now called "field": rename it.',
        'The field map\'s key "target" in [hold] is now called "field": rename it.',
    ]
