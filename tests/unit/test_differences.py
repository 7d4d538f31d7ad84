"""When an account counts as in work, and what is said about each kind of difference."""

from datetime import timedelta

import pytest

from shared.load.differences import GRACE, is_in_work, kind_of_check
from shared.load.repair import what_to_do
from shared.model.change import ChangeKind
from shared.model.outcome import Cause
from shared.model.reconciliation import REPAIRABLE, Difference, Kind
from shared.model.state import Lease, Phase
from tests.unit.making import ACCOUNT, NOW, OPERATION, state

MARGIN = timedelta(minutes=5)
RECENT, LONG_AGO = NOW - timedelta(minutes=9), NOW - timedelta(minutes=11)
KNOWN = {"version": 7, "phase": Phase.SYNCED, "read_at": LONG_AGO}


@pytest.mark.parametrize(
    ("members", "version", "changed_at", "in_work"),
    [
        (KNOWN, 7, RECENT, False),  # the newest version was checked
        (KNOWN, 8, RECENT, True),
        (KNOWN, 8, LONG_AGO, False),  # its event never came
        (KNOWN, 8, None, False),
        ({}, 8, RECENT, True),
        ({}, 8, LONG_AGO, False),
        (KNOWN | {"phase": Phase.RETRYING}, 7, LONG_AGO, True),
        (KNOWN | {"lease": Lease(OPERATION, NOW + GRACE)}, 7, LONG_AGO, True),
        (KNOWN | {"lease": Lease(OPERATION, NOW - GRACE / 2)}, 7, LONG_AGO, True),
        (KNOWN | {"lease": Lease(OPERATION, NOW - 2 * GRACE)}, 7, LONG_AGO, False),
        (KNOWN | {"unknown_until": NOW + GRACE}, 7, LONG_AGO, True),
        (KNOWN | {"unknown_until": NOW - 2 * GRACE}, 7, LONG_AGO, False),
        (KNOWN, None, None, False),  # deleted, nobody knows when
        (KNOWN | {"read_at": RECENT}, None, None, True),  # it was there a moment ago
        ({}, None, None, False),
    ],
)
def test_an_account_is_in_work_while_a_check_of_it_is_to_be_expected(
    members: dict[str, object], version: int | None, changed_at: object, in_work: bool
) -> None:
    found = is_in_work(state(**members), version, changed_at, NOW, MARGIN)  # pyright: ignore[reportArgumentType]
    assert found is in_work


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_remedy_and_only_what_a_check_puts_right_names_the_repair(kind: Kind) -> None:
    one = Difference(ACCOUNT, kind, cause=str(Cause.UNMAPPED_CURRENCY), owner=OPERATION)
    text = what_to_do(one, "Business Central")
    assert ("--repair" in text) is (kind in REPAIRABLE)
    assert not {"{", "}"} & {*text}


def test_a_deletion_that_was_missed_is_reported_as_one() -> None:
    sent = {kind for kind in Kind if kind_of_check(kind) is ChangeKind.DELETE}
    assert sent == {Kind.WITHOUT_ACCOUNT}
