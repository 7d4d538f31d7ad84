"""The suite `cpu`: the app's own work on one event, without any I/O and any SDK."""

import json
import timeit
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from bench.figures import Figure
from shared.field_maps import load_field_map
from shared.intake.dataverse_context import read_event
from shared.intake.filter import Filter
from shared.model.account import Account, AccountCurrency
from shared.model.change import AccountChange, ChangeKind, Source, decode_change, encode_change
from shared.model.customer import Fingerprints
from shared.model.mapping import currency_key
from shared.model.state import SyncState
from shared.sync.desired_customer import BuildCustomer
from shared.sync.fields import not_confirmed

SIZE = 8 * 1024
LONGEST, MOST_PARSINGS = 150.0, 2.0
ROUNDS, TIMES = 300, 10  # many short rounds: some of them meet a moment when nothing else runs
_PARSING = "json.loads of the same event"
ACCOUNT = UUID("11111111-1111-1111-1111-111111111111")
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def event(size: int = SIZE) -> bytes:
    """An Update as Dataverse posts it, filled up to `size` bytes with columns as a real one has."""
    attributes: list[dict[str, object]] = [
        {"key": "telephone1", "value": "+49 30 1234567"},
        {"key": "modifiedon", "value": "/Date(1731053106000)/"},
    ]
    context = {
        "BusinessUnitId": str(ACCOUNT),
        "CorrelationId": str(ACCOUNT),
        "InputParameters": [
            {
                "key": "Target",
                "value": {
                    "__type": "Entity:http://schemas.microsoft.com/xrm/2011/Contracts",
                    "Attributes": attributes,
                    "Id": str(ACCOUNT),
                    "LogicalName": "account",
                },
            }
        ],
        "MessageName": "Update",
        "Mode": 1,
        "OperationCreatedOn": "/Date(1731053106000+0000)/",
        "OperationId": str(ACCOUNT),
        "OrganizationId": str(ACCOUNT),
        "PrimaryEntityId": str(ACCOUNT),
        "PrimaryEntityName": "account",
    }
    while len(json.dumps(context)) < size:
        reference = {"__type": "EntityReference:http://schemas.microsoft.com/xrm/2011/Contracts"}
        number = len(attributes)
        attributes.append(
            {"key": f"column{number}", "value": {**reference, "Id": str(ACCOUNT), "Name": None}}
        )
    return json.dumps(context).encode()


def steps() -> dict[str, Callable[[], object]]:
    """Each step of the own work, ready to be called."""
    field_map = load_field_map("operations")
    texts = {"OPERATIONS_COMPANY": "usmf", "OPERATIONS_CUSTOMER_GROUP": "10"}
    build, fingerprints = BuildCustomer(field_map, texts), Fingerprints.under("bench bench bench")
    columns: dict[str, object] = {column.path: None for column in field_map.columns}
    columns |= {
        "accountnumber": "A-1000",
        "name": "Contoso",
        "telephone1": "+49",
        "address1_country": "Germany",
    }
    account = Account(ACCOUNT, 1, NOW, columns, AccountCurrency("US Dollar"))
    body = build.body(account, {"SalesCurrencyCode": "USD"})
    confirmed = fingerprints.of_all(body.fields)
    state = SyncState(
        account_id=ACCOUNT,
        organization_id=ACCOUNT,
        confirmed=confirmed,
        fingerprint_key=fingerprints.key_id,
    )
    change = AccountChange(
        organization_id=ACCOUNT,
        account_id=ACCOUNT,
        kind=ChangeKind.UPDATE,
        occurred_at=NOW,
        source=Source.DATAVERSE_QUEUE,
        operation_id=ACCOUNT,
    )
    raw, encoded, passing = event(), encode_change(change), Filter(field_map.watched)
    return {
        "read and filter the event": lambda: (
            (found := read_event(raw, None, NOW)) and passing.rule_against(found)
        ),
        "encode and decode the change": lambda: decode_change(encode_change(change)) if encoded else None,
        "normalise the currency": lambda: currency_key("US Dollar"),
        "map the account": lambda: build.body(account, {"SalesCurrencyCode": "USD"}),
        "hash and compare": lambda: not_confirmed(body.fields, state, fingerprints),
    }


def measure() -> list[Figure]:
    """Measure each step; the whole must keep one of two limits, whichever is easier on this machine."""
    raw = event()
    took = _microseconds({_PARSING: lambda: json.loads(raw), **steps()})
    baseline = took.pop(_PARSING)
    total = sum(took.values())
    share = min(total / LONGEST, total / baseline / MOST_PARSINGS)
    told = f"{total:.0f} µs, {total / baseline:.2f} x json.loads of the same 8 KB event"
    limits = f"own work on one event, of {LONGEST:g} µs or {MOST_PARSINGS:g} parsings"
    return [
        Figure("cpu/own-work", limits, share, "x", told),
        Figure("cpu/json", _PARSING, baseline, "µs"),
        *(Figure(f"cpu/{name.replace(' ', '-')}", name, each, "µs") for name, each in took.items()),
    ]


def _microseconds(timed: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least time of each call; each round makes all of them, so that all meet the same machine."""
    rounds = [[timeit.timeit(call, number=TIMES) for call in timed.values()] for _ in range(ROUNDS)]
    least = [min(times) / TIMES * 1e6 for times in zip(*rounds, strict=True)]
    return dict(zip(timed, least, strict=True))
