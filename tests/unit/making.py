"""The objects that unit tests are about, with plain values; each test names what matters to it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.field_maps import load_field_map
from shared.model.account import Account, AccountCurrency
from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.field_map import FieldMap
from shared.model.state import SyncState

SAMPLES = Path(__file__).parents[1] / "samples"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORGANIZATION = UUID("b9a7a5d0-4c1e-ee11-9cbd-6045bd003e10")
ACCOUNT = UUID("7f1f7c5e-3a0b-f011-998a-000d3a2b1c01")
OPERATION = UUID("9f2d4a60-77e0-f011-8c4d-000d3a2b1c02")


def sample(name: str) -> dict[str, Any]:
    return json.loads(sample_bytes(name))


def sample_bytes(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def body(**members: Any) -> bytes:
    """A small context with these members; one that is `...` is left out."""
    context = {
        "OrganizationId": str(ORGANIZATION),
        "PrimaryEntityName": "account",
        "PrimaryEntityId": str(ACCOUNT),
        "MessageName": "Update",
        "OperationId": str(OPERATION),
        "OperationCreatedOn": "/Date(1763800200000)/",
        "Mode": 1,
    }
    context |= members
    return json.dumps({name: value for name, value in context.items() if value is not ...}).encode()


def target(**attributes: Any) -> list[dict[str, Any]]:
    """InputParameters with a Target that has these attributes."""
    pairs = [{"key": name, "value": value} for name, value in attributes.items()]
    return [{"key": "Target", "value": {"Id": str(ACCOUNT), "Attributes": pairs}}]


def change(**members: Any) -> AccountChange:
    defaults: dict[str, Any] = {
        "organization_id": ORGANIZATION,
        "account_id": ACCOUNT,
        "kind": ChangeKind.UPDATE,
        "occurred_at": NOW,
        "source": Source.DATAVERSE_QUEUE,
        "operation_id": OPERATION,
    }
    return AccountChange(**defaults | members)


def state(**members: Any) -> SyncState:
    defaults: dict[str, Any] = {"account_id": ACCOUNT, "organization_id": ORGANIZATION}
    return SyncState(**defaults | members)


def account(currency: str | None = "US Dollar", **columns: object) -> Account:
    named: dict[str, object] = {"name": "Contoso", "accountnumber": "C-1", "statecode": 0, **columns}
    return Account(ACCOUNT, 7, NOW, named, AccountCurrency(currency) if currency else None)


def field_map(name: str = "operations") -> FieldMap:
    return load_field_map(name)
