"""Rows and messages of version 1 are read, and version 1 reads ours: both run side by side in an upgrade."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from shared.diagnostics.health import probe_change
from shared.model.change import NO_ACCOUNT, AccountChange, ChangeKind, Source, decode_change, encode_change
from shared.model.customer import CustomerKey
from shared.model.state import Lease, LogEntry, Phase, SyncState
from shared.storage.states import decode_state, encode_state
from tests.unit import version_one
from tests.unit.making import ACCOUNT, OPERATION, ORGANIZATION, change

MOMENT = datetime(2026, 11, 22, 12, 0, 0, 123456, UTC)
OWNER = UUID("0b2c7f0a-1b1c-4f5e-8a77-2d6f3f1f9a10")
LOG = [["2026-11-22T12:00:00.123+00:00", "created", "", "webhook", "create", str(OPERATION), 0, "ada: again"]]
SMALL_ROW: dict[str, Any] = {
    "PartitionKey": str(ACCOUNT),
    "RowKey": "state",
    "OrganizationId": str(ORGANIZATION),
    "Confirmed": "{}",
    "FingerprintKey": "",
    "Log": "[]",
}
# Every column that version 1 wrote; Begun and RetryingSince came later.
ROW = {
    **SMALL_ROW,
    "Phase": "parked",
    "Company": "usmf",
    "CustomerAccount": "C-1",
    "IntendedCompany": "usmf",
    "IntendedCustomerAccount": "7f1f7c5e-3a0b-f011-998a-000d3a2b1c01",
    "IntendedCustomerAccountBy": "IdentificationNumber",
    "CurrencyKey": "euro",
    "Issue": "UnmappedCurrency|euro",
    "PreviousHold": "No",
    "Deleted": True,
    "Version": 2**60,
    "ReadAt": MOMENT.isoformat(),
    "Confirmed": '{"OrganizationName":"0123456789abcdef"}',
    "FingerprintKey": "01234567",
    "DoubtfulUntil": MOMENT.isoformat(),
    "LeaseOwner": str(OWNER),
    "LeaseUntil": MOMENT.isoformat(),
    "Log": json.dumps(LOG),
}
STATE = SyncState(
    account_id=ACCOUNT,
    organization_id=ORGANIZATION,
    phase=Phase.PARKED,
    customer=CustomerKey("usmf", "C-1"),
    intent=CustomerKey("usmf", str(ACCOUNT), "IdentificationNumber"),
    currency_key="euro",
    issue="UnmappedCurrency|euro",
    previous_hold="No",
    deleted=True,
    version=2**60,
    read_at=MOMENT,
    confirmed={"OrganizationName": "0123456789abcdef"},
    fingerprint_key="01234567",
    unknown_until=MOMENT,
    lease=Lease(OWNER, MOMENT),
    log=(
        LogEntry(LOG[0][0], "created", "", "webhook", "create", str(OPERATION), 0, "ada: again"),  # type: ignore[arg-type]
    ),
)
MESSAGE: dict[str, Any] = {
    "organization_id": str(ORGANIZATION),
    "account_id": str(ACCOUNT),
    "operation": "look",
    "occurred_at": "2026-11-22T12:00:00.123456Z",
    "source": "heal",
    "operation_id": str(OPERATION),
    "correlation_id": str(OWNER),
    "hop": 3,
    "attempt": 2,
    "verify": True,
    "approved": True,
    "note": "ada: again",
    "schema": 1,
}


def test_rows_of_version_1_are_read() -> None:
    assert decode_state(ROW) == STATE
    assert decode_state(SMALL_ROW) == SyncState(account_id=ACCOUNT, organization_id=ORGANIZATION)


def test_a_state_that_version_1_knew_is_written_as_version_1_wrote_it() -> None:
    written = encode_state(STATE)
    assert {**written, "Version": written["Version"].value, "Log": json.loads(written["Log"])} == {
        **ROW,
        "Log": LOG,
    }


@pytest.mark.parametrize("phase", Phase)
def test_version_1_reads_our_rows(phase: Phase) -> None:
    """What it does not know of (creations under way, the begin of a retry) is left out."""
    state = replace(STATE, phase=phase, begun=("0123456789abcdef",), retrying_since=MOMENT)
    state = replace(state, replaced={"AddressCity": "0123456789abcdef"})
    old = version_one.decode_state(encode_state(state))
    assert old.doubtful_until == state.unknown_until
    assert old.log == tuple(tuple(entry) for entry in state.log)
    for key, ours in ((old.customer, state.customer), (old.intent, state.intent)):
        assert key is not None
        assert ours is not None
        assert key == (ours.company, ours.number, ours.by)
    assert old.lease == (OWNER, MOMENT)
    for name in {field.name for field in fields(old)} - {
        "doubtful_until",
        "log",
        "customer",
        "intent",
        "lease",
    }:
        assert getattr(old, name) == getattr(state, name), name


@pytest.mark.parametrize("operation", ["create", "update", "delete", "look"])
@pytest.mark.parametrize(
    ("source", "read_as"),
    [
        *((str(source), source) for source in Source),
        ("probe", Source.REPLAY),
    ],
)
def test_messages_of_version_1_are_read(operation: str, source: str, read_as: Source) -> None:
    body = json.dumps({**MESSAGE, "operation": operation, "source": source}).encode()
    assert decode_change(body) == AccountChange(
        organization_id=ORGANIZATION,
        account_id=ACCOUNT,
        kind=ChangeKind(operation),
        occurred_at=MOMENT,
        source=read_as,
        operation_id=OPERATION,
        correlation_id=OWNER,
        hop=3,
        attempt=2,
        verify=True,
        approved=True,
        note="ada: again",
    )


def test_a_message_of_version_1_has_the_id_that_version_1_gave_it() -> None:
    """The broker drops a repeat whichever version sent it."""
    sent = decode_change(json.dumps(MESSAGE).encode())
    assert sent.message_id == "7f1f7c5e3a0bf011998a000d3a2b1c01.050bab779f9df2a78911c857392e596b.3"


@pytest.mark.parametrize("kind", ChangeKind)
@pytest.mark.parametrize("source", [source for source in Source if source is not Source.RELATED])
def test_version_1_reads_our_messages(kind: ChangeKind, source: Source) -> None:
    """It passes over the span that queued a message; of a message of its own none is known.

    Checks of related changes come only from a field map that version 1 has not: see below.
    """
    ours = change(
        kind=kind,
        source=source,
        occurred_at=MOMENT,
        correlation_id=OWNER,
        hop=1,
        attempt=2,
        verify=True,
        approved=True,
        note="ada: again",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    assert decode_change(encode_change(ours)) == ours
    old = version_one.decode_change(encode_change(ours))
    assert str(old.operation) == str(ours.kind)
    assert str(old.source) == str(ours.source)
    for name in {field.name for field in fields(old)} - {"operation", "source"}:
        assert getattr(old, name) == getattr(ours, name), name


def test_version_1_puts_aside_checks_of_related_changes() -> None:
    """It keeps in `rejected-events` what it cannot read.

    Such a check matters only to fields of a map with which version 1 does not start, and a load checks all
    accounts once the new map alone is in use (docs/deploy.md).
    """
    ours = change(kind=ChangeKind.CHECK, source=Source.RELATED)
    with pytest.raises(ValueError, match="source"):
        version_one.decode_change(encode_change(ours))


def test_version_1_reads_our_probes() -> None:
    probe = probe_change(MOMENT)
    assert probe.is_probe
    assert version_one.decode_change(encode_change(probe)).account_id == NO_ACCOUNT
