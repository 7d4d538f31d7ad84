"""Faults on demand, the log of requests, and the state of both simulators."""

import time

import httpx
import pytest

from tests.contract.dynamics.simulator_stand import Stand, WebhookReceiver, wait_until

CUSTOMER = {"dataAreaId": "dat", "CustomerAccount": "1", "OrganizationName": "A", "CustomerGroupId": "10"}


async def customers(stand: Stand) -> list[dict[str, object]]:
    return (await stand.control.get("/state?system=operations")).json()["operations"]["customers"]


@pytest.mark.parametrize("code", ["0x80072322", "0x80072321", "0x80072326"])
async def test_service_protection_of_dataverse(stand: Stand, code: str) -> None:
    await stand.fault(system="dataverse", kind="status", status=429, code=code, retry_after=7, count=1)
    answer = await stand.dataverse.get("accounts")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["error"]["code"] == code
    assert (await stand.dataverse.get("accounts")).status_code == 200


async def test_throttling_of_operations(stand: Stand) -> None:
    await stand.fault(system="operations", kind="status", status=429, retry_after=3)
    answer = await stand.operations.get("Currencies")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert "high resource utilization" in answer.json()["error"]["innererror"]["message"]


async def test_a_fault_can_bring_its_own_body(stand: Stand) -> None:
    await stand.fault(system="operations", kind="status", status=500, body={"any": "thing"})
    answer = await stand.operations.get("Currencies")
    assert (answer.status_code, answer.json()) == (500, {"any": "thing"})


async def test_a_fault_is_chosen_by_method_and_path(stand: Stand) -> None:
    await stand.fault(system="operations", kind="status", status=503, method="POST", path="^CustomersV3")
    assert (await stand.operations.get("CustomersV3")).status_code == 200
    assert (await stand.operations.post("CustomerGroups", json={})).status_code == 400
    assert (await stand.operations.post("CustomersV3", json=CUSTOMER)).status_code == 503
    assert await customers(stand) == []


async def test_a_fault_may_name_the_whole_path(stand: Stand) -> None:
    await stand.fault(system="dataverse", kind="status", status=503, path="^/api/data/v9.2/accounts")
    assert (await stand.dataverse.get("accounts")).status_code == 503
    assert (await stand.dataverse.get("transactioncurrencies")).status_code == 200


async def test_drop_before_leaves_nothing_behind(stand: Stand) -> None:
    await stand.fault(system="operations", kind="drop-before", count=1)
    with pytest.raises(httpx.TransportError):
        await stand.operations.post("CustomersV3", json=CUSTOMER)
    assert await customers(stand) == []


async def test_drop_after_commit_commits(stand: Stand) -> None:
    await stand.fault(system="operations", kind="drop-after-commit", count=1)
    with pytest.raises(httpx.TransportError):
        await stand.operations.post("CustomersV3", json=CUSTOMER)
    assert [row["CustomerAccount"] for row in await customers(stand)] == ["1"]


async def test_late_commit_answers_first_and_commits_afterwards(stand: Stand) -> None:
    await stand.fault(system="operations", kind="late-commit", delay_ms=150, count=1)
    answer = await stand.operations.post("CustomersV3", json=CUSTOMER)
    assert answer.status_code == 504
    assert await customers(stand) == []
    await wait_until(lambda: len(stand.simulator.operations.records.rows("CustomersV3")) == 1)


async def test_late_commit_can_hold_the_answer_and_commits_though_the_client_has_gone(stand: Stand) -> None:
    await stand.fault(system="operations", kind="late-commit", delay_ms=200, hold=True, count=1)
    with pytest.raises(httpx.ReadTimeout):
        await stand.operations.post("CustomersV3", json=CUSTOMER, timeout=0.05)
    assert await customers(stand) == []
    await wait_until(lambda: len(stand.simulator.operations.records.rows("CustomersV3")) == 1)


async def test_conflict_is_the_update_conflict(stand: Stand) -> None:
    await stand.fault(system="operations", kind="conflict", count=1)
    await stand.fault(system="operations", kind="conflict", status=500, count=1)
    answers = [await stand.operations.patch("Currencies('USD')", json={"Name": "x"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 500, 204]
    assert "An update conflict occurred" in answers[0].json()["error"]["innererror"]["message"]
    await stand.fault(system="dataverse", kind="conflict", count=1)
    assert (await stand.dataverse.get("accounts")).json()["error"]["code"] == "0x80060882"


async def test_delay_waits(stand: Stand) -> None:
    await stand.fault(system="operations", kind="delay", delay_ms=120)
    started = time.monotonic()
    assert (await stand.operations.get("Currencies")).status_code == 200
    assert time.monotonic() - started >= 0.12


async def test_rates_are_repeatable_and_counted(stand: Stand) -> None:
    runs: list[list[int]] = []
    for _ in range(2):
        await stand.control.delete("/faults")
        await stand.settings(seed=42)
        await stand.fault(system="operations", kind="status", status=503, rate=0.5)
        runs.append([(await stand.operations.get("Currencies")).status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 503}
    (fault,) = (await stand.control.get("/faults")).json()
    assert (fault["matched"], fault["fired"]) == (20, runs[1].count(503))


async def test_a_fault_ends_after_its_seconds(stand: Stand) -> None:
    await stand.fault(system="operations", kind="status", status=503, seconds=60)
    stand.simulator.faults.clock = lambda: time.monotonic() + 61
    assert (await stand.operations.get("Currencies")).status_code == 200


@pytest.mark.parametrize(
    "rule",
    [
        {"system": "nowhere", "kind": "status"},
        {"system": "dataverse", "kind": "explode"},
        {"system": "dataverse", "kind": "status", "path": "("},
        {"system": "dataverse", "kind": "status", "rate": 2},
        {"system": "dataverse", "kind": "status", "typo": 1},
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(stand: Stand, rule: dict[str, object]) -> None:
    assert (await stand.control.post("/faults", json=rule)).status_code == 400


async def test_requests_are_counted_by_system_method_and_kind(stand: Stand) -> None:
    await stand.control.delete("/requests")
    await stand.operations.get("CustomersV3(dataAreaId='dat',CustomerAccount='O''(x)')")
    await stand.operations.get("CustomersV3(dataAreaId='dat',CustomerAccount='2')?$select=KnownAs")
    await stand.dataverse.get("accounts")
    report = (await stand.control.get("/requests")).json()
    assert report["counts"] == {
        "dataverse": {"GET /api/data/v9.2/accounts": 1},
        "operations": {"GET /data/CustomersV3(key)": 2},
    }
    assert report["total"] == 3
    only = (await stand.control.get("/requests", params={"system": "operations"})).json()
    assert [entry["status"] for entry in only["entries"]] == [404, 404]
    later = (
        await stand.control.get("/requests", params={"since": only["entries"][-1]["time"] + 1000})
    ).json()
    assert later["total"] == 0


async def test_reset_empties_what_tests_fill(stand: Stand) -> None:
    await stand.dataverse.post("accounts", json={"name": "A"})
    await stand.operations.post("CustomersV3", json=CUSTOMER)
    await stand.seed(reset=True)
    state = (await stand.control.get("/state")).json()
    assert state["dataverse"]["accounts"] == []
    of_tests = {name: state["operations"][name] for name in ("currencies", "groups", "customers")}
    assert of_tests == {"currencies": [], "groups": [], "customers": []}
    assert len(state["dataverse"]["transactioncurrencies"]) >= 2


async def test_a_currency_can_be_seeded_again(stand: Stand) -> None:
    for rate in (0.9, 0.95):
        await stand.seed(
            transactioncurrencies=[{"currencyname": "Euro", "isocurrencycode": "EUR", "exchangerate": rate}]
        )
    euros = (await stand.dataverse.get("transactioncurrencies?$filter=isocurrencycode eq 'EUR'")).json()
    assert [row["exchangerate"] for row in euros["value"]] == [0.95]


async def test_a_seed_with_unknown_names_is_refused(stand: Stand) -> None:
    for state in ({"customers": [{"Nope": 1}]}, {"accounts": [{"nope": 1}]}, {"nope": []}):
        assert (await stand.control.post("/state", json=state)).status_code == 400


@pytest.mark.parametrize("erp", ["operations", "business_central", "nav"])
async def test_the_rows_and_settings_of_an_erp_stand_under_its_name(stand: Stand, erp: str) -> None:
    """The one currency of each: what has another form is refused, and what is there is shown by it only."""
    code = {"operations": "CurrencyCode", "business_central": "code", "nav": "Code"}[erp]
    await stand.seed(reset=True)
    await stand.seed(**{erp: {"currencies": [{code: "DKK"}]}})
    state = (await stand.control.get("/state")).json()
    of_erps = {name: rows["currencies"] for name, rows in state.items() if name != "dataverse"}
    assert {name: [row[code] for row in rows] for name, rows in of_erps.items() if rows} == {
        erp.replace("_", "-"): ["DKK"]
    }
    for path in ("/state", "/settings"):
        answer = await stand.control.post(path, json={erp: {"nope": []}})
        assert answer.status_code == 400, path


async def test_a_latency_of_no_system_is_refused(stand: Stand) -> None:
    answer = await stand.control.post("/settings", json={"latency_ms": {"nope": 1}})
    assert answer.status_code == 400


async def test_a_fault_of_events_loses_a_post_to_the_webhook(
    hooked: Stand, receiver: WebhookReceiver
) -> None:
    await hooked.fault(system="events", kind="drop-before", count=1, path="^/webhook/Create/")
    for name in ("lost", "kept"):
        await hooked.dataverse.post("accounts", json={"name": name})
    await wait_until(lambda: hooked.simulator.jobs.pending() == 0)
    states = [event["state"] for event in (await hooked.control.get("/events")).json()["events"]]
    assert states == ["failed", "posted"]
    assert len(receiver.requests) == 1


async def test_latency_applies_to_every_answer(stand: Stand) -> None:
    await stand.settings(latency_ms={"operations": 80})
    started = time.monotonic()
    await stand.operations.get("Currencies")
    assert time.monotonic() - started >= 0.08
