"""Answers that no ERP should give: each has a named ending for the account, or is a configuration fault."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.model.faults import ConfigurationFault, Fault, TransientFault
from shared.web import odata
from tests.contract.conftest import Simulated
from tests.contract.test_target import Subject, real, subject

__all__ = ["subject"]  # the fixture

ID = "11111111-1111-1111-1111-111111111111"
HTML = "<html><body>Sign in to the proxy</body></html>"
ROWS = {"id": ID, "name": "x", "code": "x", "number": "x", "localCurrencyCode": "x"}
BODIES: dict[str, object] = {
    "html": HTML,
    "no text": "",
    "half of JSON": '{"value": [',
    "too deep": "[" * 100_000,
    "a number": 5,
    "a list": [],
    "nothing": {},
    "no rows": {"value": None},
    "rows of text": {"value": ["x"]},
    "rows of nothing": {"value": [None]},
    "rows of rows": {"value": [[{}]]},
    "empty rows": {"value": [{}, {}]},
    "no list": {"value": {"id": ID}},
    "wrong types": dict.fromkeys(ROWS, 5),
    "rows of wrong types": {"value": [{name: {"a": [1]} for name in ROWS}]},
    "no id": {"value": [{**ROWS, "id": "../../secret"}]},
    "half a character": json.dumps({**dict.fromkeys(ROWS, "\ud800"), "value": [{"code": "\ud800"}]}),
    "vast texts": {"value": [dict.fromkeys(ROWS, "x" * 100_000)]},
    "another customer": {**ROWS, "id": ID, "value": [ROWS]},
    "an error with 200": {"error": {"code": "Unknown", "message": "no"}},
    "an error of another form": {"error": ["no"]},
    "a page elsewhere": {"value": [], "@odata.nextLink": "https://elsewhere.example/api"},
    "a page that is no address": {"value": [], "@odata.nextLink": ["x"]},
}
SHORT = ("html", "nothing", "an error of another form")
STATUSES = {200: BODIES, 201: BODIES, 204: SHORT, 302: SHORT, 400: SHORT, 404: SHORT, 418: SHORT, 503: SHORT}

type Call = Callable[[], Awaitable[object]]


def calls(subject: Subject, key: Any) -> dict[str, Call]:
    target = subject.target
    return {
        "find": lambda: target.find(subject.key),
        "find by id": lambda: target.find(key),
        "create": lambda: target.create(subject.new, subject.erp.fields),
        "update": lambda: target.update(key, {subject.erp.city_field: "x"}),
        "currency": lambda: target.knows_currency("XYZ"),
        "probe": target.probe,
    }


def with_customer(subject: Subject) -> set[str]:
    """The operations whose answers have the customer in them."""
    return {"create", "update"} if subject.erp.answers_changes else {"create"}


async def ending(call: Call) -> Fault | None:
    """How the call ends; anything but a fault of the family is a defect and fails the test."""
    try:
        await call()
    except Fault as fault:
        return fault
    return None


@real
@pytest.mark.parametrize("scope", ["", "ustomer"], ids=["every request", "customers only"])
@pytest.mark.parametrize("status", STATUSES)
async def test_no_answer_is_a_defect(subject: Subject, status: int, scope: str) -> None:
    created = await subject.create()
    for name in STATUSES[status]:
        subject.simulated.simulator.faults.clear()
        subject.fault("status", status=status, body=BODIES[name], path=scope or None)
        fresh = replace(subject, target=subject.erp.made(subject.simulated))
        for one in (subject, fresh):
            for operation, call in calls(one, created.key).items():
                fault = await ending(call)
                if status in {200, 201} and operation in with_customer(subject):
                    assert fault is not None, (name, operation)
                if status == 302 and not scope:
                    assert isinstance(fault, ConfigurationFault), (name, operation)


@real
@pytest.mark.parametrize("status", [200, 201])
async def test_a_write_that_was_answered_without_sense_may_have_been_executed(
    subject: Subject, status: int
) -> None:
    created = await subject.create()
    operation = {200: "update", 201: "create"}[status]
    for name in ("html", "half of JSON", "a number", "too deep"):
        subject.simulated.simulator.faults.clear()
        subject.fault("status", status=status, body=BODIES[name])
        fault = await ending(calls(subject, created.key)[operation])
        assert isinstance(fault, TransientFault), name
        assert fault.unknown_outcome, name


@real
async def test_pages_that_never_end_are_left(
    subject: Subject, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(odata, "_MOST_PAGES", 5)
    again = {"value": [], "@odata.nextLink": "?page=1"}
    subject.fault("status", status=200, body=again)
    assert isinstance(await ending(calls(subject, subject.key)["currency"]), TransientFault)
    assert simulated.simulator.log.report(str(subject.erp.system), 0)["total"] <= 12
