"""Both simulated services as functions: no call makes them raise, and a failed transaction leaves nothing."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.dynamics.calls import Call
from local.dynamics.dataverse.store import Change
from local.dynamics.dataverse.writes import CREATE_MULTIPLE
from local.dynamics.simulator import Options, Simulator

ROOT = "http://sim.example"
SIMULATOR = Simulator(Options())
ACCOUNT = "11111111-1111-1111-1111-111111111111"

SEGMENTS = [
    *(
        "accounts",
        f"accounts({ACCOUNT})",
        "accounts()",
        "accounts(1)",
        "transactioncurrencies",
    ),
    *(
        "WhoAmI",
        "EntityDefinitions",
        "EntityDefinitions(LogicalName='account')/Attributes",
    ),
    *("serviceendpoints", "sdkmessageprocessingsteps", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", ""),
    *(
        "CustomersV3",
        "CustomersV3(dataAreaId='dat',CustomerAccount='1')",
        "CustomersV3()",
        "Currencies('USD')",
    ),
    "CustomersV3/$count",
    "CustomerGroups",
]
OPTIONS = [
    "$select",
    "$filter",
    "$expand",
    "$orderby",
    "$top",
    "$skip",
    "$skiptoken",
    "$deltatoken",
]
VALUES = [
    *(
        "name",
        "accountid,name",
        "name eq 'x'",
        "name eq",
        "statecode eq 0",
        "transactioncurrencyid($select=x)",
    ),
    *("name desc", "0", "-1", "x", "", "e30=", "e30", "1!01/01/2026 00:00:00", "CreditLimit gt 1", "*"),
]
HEADERS = [
    {},
    {"prefer": "odata.track-changes"},
    {"prefer": "odata.maxpagesize=0,return=representation"},
    {"prefer": 'odata.include-annotations="*"'},
    {"if-match": "*"},
    {"if-match": 'W/"1"'},
    {"if-none-match": "*"},
]
COLUMNS = [
    *("name", "accountid", "creditlimit", "statecode", "transactioncurrencyid@odata.bind", "contract"),
    *("stage", "Targets", "CustomerAccount", "OrganizationName", "CreditLimit", "OnHoldStatus", "dataAreaId"),
    "AddressValidFrom",
]
NAMES = st.sampled_from(COLUMNS)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.sampled_from(["dat", "All"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(NAMES, JSON, max_size=5).map(lambda value: json.dumps(value).encode()),
)
CALLS = st.builds(
    Call,
    method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]),
    path=st.one_of(st.sampled_from(SEGMENTS), st.text(max_size=20)),
    query=st.dictionaries(
        st.one_of(st.sampled_from([*OPTIONS, "cross-company"]), st.text(max_size=8)),
        st.one_of(st.sampled_from([*VALUES, "true"]), st.text(max_size=20)),
        max_size=3,
    ),
    headers=st.sampled_from(HEADERS),
    body=BODIES,
    root=st.sampled_from([f"{ROOT}/data", f"{ROOT}/api/data/v9.2"]),
)


@settings(max_examples=400)
@given(CALLS)
def test_every_call_gets_an_answer(call: Call) -> None:
    for service in (SIMULATOR.dataverse, SIMULATOR.operations.service):
        answer = service.handle(call)
        assert 200 <= answer.status < 500
        assert isinstance(answer.payload(), bytes)


COMPANY = f"companies({SIMULATOR.business_central.environment.companies['CRONUS USA, Inc.'].id})"
PAGES = [
    *("companies", "companies()", f"companies({ACCOUNT})/customers", COMPANY, f"{COMPANY}/currencies"),
    *(f"{COMPANY}/customers", f"{COMPANY}/customers({ACCOUNT})", f"{COMPANY}/customers()", "$metadata"),
    f"{COMPANY}/generalLedgerSetup",
]
BUSINESS_CENTRAL_BODIES = st.dictionaries(
    st.sampled_from(["displayName", "number", "country", "postalCode", "currencyCode", "blocked", "email"]),
    SCALARS,
    max_size=5,
).map(lambda value: json.dumps({"displayName": "x", **value}).encode())


@settings(max_examples=200)
@given(
    CALLS,
    st.sampled_from(["contoso.example/production/api/v2.0", "production/api/contoso/sync/v1.0", "other"]),
    st.sampled_from(PAGES),
    st.one_of(BODIES, BUSINESS_CENTRAL_BODIES),
)
def test_every_call_of_business_central_gets_an_answer(call: Call, api: str, page: str, body: bytes) -> None:
    for path in (f"{api}/{page}", call.path):
        answer = SIMULATOR.business_central.service.handle(replace(call, path=path, body=body))
        assert 200 <= answer.status < 500
        assert isinstance(answer.payload(), bytes)


def create_many(*rows: dict[str, Any]) -> Call:
    path = f"accounts/{CREATE_MULTIPLE}"
    return Call("POST", path, {}, {}, json.dumps({"Targets": rows}).encode(), f"{ROOT}/api/data/v9.2")


@settings(max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_rows_created_together_are_kept_as_a_whole_or_not_at_all(good: list[bool]) -> None:
    simulator = Simulator(Options())
    heard: list[Change] = []
    simulator.store.on_change = heard.append
    simulator.dataverse.handle(create_many(*({"name": "A"} if one else {} for one in good)))
    expected = len(good) if all(good) else 0
    assert len(simulator.store.rows("account")) == len(heard) == expected
