"""The next step in words: every state of an account has one, and it is the right one."""

import shlex
from datetime import timedelta
from typing import Any

import pytest

from shared.diagnostics.next_step import Facts, next_step
from shared.diagnostics.preview import FieldPreview, Preview
from shared.model.account import SystemJob
from shared.model.breaker import Breaker
from shared.model.faults import System
from shared.model.outcome import Cause, Ending, Problem
from shared.model.state import LogEntry, Phase, SyncState
from tests.unit.making import ACCOUNT, NOW, state


def preview(ending: Ending = Ending.UNCHANGED, **members: Any) -> Preview:
    return Preview(ACCOUNT, ending, **members)


def parked_preview(cause: Cause, currency: str | None = None) -> Preview:
    return preview(Ending.PARKED, problem=Problem(cause, value="x"), currency=currency)


def facts(known: SyncState | None, **members: Any) -> Facts:
    defaults: dict[str, Any] = {
        "issue": None,
        "jobs": [],
        "preview": preview(),
        "differences": [],
        "open_breakers": [],
        "troubles": [],
        "erp": "Operations",
    }
    return Facts(state=known, **defaults | members)


def logged(phase: Phase, detail: str) -> SyncState:
    entry = LogEntry(NOW.isoformat(), "x", detail, "webhook", "update", "1", 0)
    return state(phase=phase, log=(entry,))


def field(name: str, *, sent: bool) -> FieldPreview:
    return FieldPreview(name, "column x", "ours", "theirs", sent)


def of_terms(cause: Cause, value: str) -> Preview:
    """An account in dollars whose payment terms park it."""
    found = parked_preview(cause, "US Dollar")
    found.problem = Problem(cause, value=f"payment-terms|{value}", field="PaymentTerms")
    return found


SYNCED = state(phase=Phase.SYNCED)
UNMAPPED = state(phase=Phase.PARKED, issue="UnmappedCurrency|yen")
OF_TERMS = state(phase=Phase.PARKED, issue="UnmappedValue|payment-terms|net 30")
OF_VALUE_MAP = state(phase=Phase.PARKED, issue="UnmappedValue|atlantis")
JOB = SystemJob("Post account to Account Sync", "waiting", NOW, "The endpoint answered 401.")


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (facts(SYNCED), "Nothing: the customer is as the account wants it."),
        (facts(None, preview=preview(exists_in_sales=False)), "Sales has no such account"),
        (facts(None), "No event of it was ever taken: check that the steps are registered"),
        (facts(None, jobs=[JOB]), 'the job "Post account to Account Sync" of Sales is waiting. The endpoint'),
        (facts(logged(Phase.RETRYING, "operations: answered 503")), "by itself (operations: answered 503)"),
        (facts(logged(Phase.FILTERED, "customertypecode")), 'The row rule on "customertypecode"'.lower()),
        (facts(state(phase=Phase.DELETED)), "was deleted in Sales"),
        (facts(state(phase=Phase.SYNCED, unknown_until=NOW)), "a verifying check follows by itself"),
        (facts(UNMAPPED), "follows by itself within a minute"),
        (facts(UNMAPPED, preview=parked_preview(Cause.UNMAPPED_CURRENCY, "Yen")), "currency set Yen CODE"),
        (facts(OF_TERMS), "follows by itself within a minute"),
        (facts(OF_VALUE_MAP), f"`accountsync replay {ACCOUNT}`"),
        (
            facts(OF_TERMS, preview=of_terms(Cause.UNMAPPED_VALUE, "net 30")),
            "`accountsync mapping set payment-terms 'net 30' CODE` does it.",
        ),
        (facts(UNMAPPED, preview=None, troubles=["Sales is away."]), "Sales is away. Mend that first."),
        (facts(state(phase=Phase.PARKED, issue="MissingValue")), f"`accountsync replay {ACCOUNT}`"),
        (
            facts(SYNCED, preview=parked_preview(Cause.KEY_CHANGED)),
            "The next sync would park it (KeyChanged x)",
        ),
        (facts(SYNCED, differences=[field("Fax", sent=True)]), "Fax changed in Sales and did not arrive yet"),
        (facts(SYNCED, differences=[field("Fax", sent=False)]), "Fax changed in Operations"),
        (facts(SYNCED, preview=preview(Ending.CREATED)), "A sync would end as created"),
    ],
)
def test_the_next_step_fits_what_is_known(known: Facts, said: str) -> None:
    assert said.casefold() in next_step(ACCOUNT, known).casefold()


def test_what_holds_everything_back_comes_first() -> None:
    held = [
        Breaker(System.OPERATIONS, paused_by="Ada"),
        Breaker(System.DATAVERSE, open_until=NOW + timedelta(minutes=1), reason="answered 503"),
    ]
    text = next_step(ACCOUNT, facts(SYNCED, open_breakers=held))
    assert text.startswith("Work on operations is paused by Ada: `accountsync resume --system operations`")
    assert "dataverse is in trouble (answered 503)" in text


def test_a_currencys_name_in_a_command_cannot_be_anything_but_one_word() -> None:
    name = "$(reboot) `x`; 'y' \"z\""
    text = next_step(ACCOUNT, facts(UNMAPPED, preview=parked_preview(Cause.UNMAPPED_CURRENCY, name)))
    command = text[text.index("accountsync currency set") :].removesuffix(" does it.").removesuffix("`")
    assert shlex.split(command) == ["accountsync", "currency", "set", name, "CODE"]


@pytest.mark.parametrize("cause", [Cause.UNMAPPED_VALUE, Cause.BAD_MAPPING, Cause.UNKNOWN_ERP_VALUE])
def test_a_value_of_another_table_is_never_put_right_in_the_one_of_currencies(cause: Cause) -> None:
    assert "currency set" not in next_step(ACCOUNT, facts(OF_TERMS, preview=of_terms(cause, "net 30")))


@pytest.mark.parametrize("phase", [None, *Phase])
@pytest.mark.parametrize("seen", [None, preview(), preview(exists_in_sales=False)])
def test_no_state_leaves_the_operator_without_a_word(phase: Phase | None, seen: Preview | None) -> None:
    troubles = [] if seen else ["The two sides were not compared."]
    assert next_step(ACCOUNT, facts(state(phase=phase), preview=seen, troubles=troubles)).strip()
