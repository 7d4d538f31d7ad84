"""Which answer of NAV means what, and that every bad answer has a named ending."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.customer import CustomerKey
from shared.model.faults import (
    AccountFault,
    Fault,
    Refused,
    System,
    TransientFault,
)
from shared.targets.nav.target import NavTarget
from shared.targets.nav.wire import Protocol
from shared.web.credentials import BasicAuth
from shared.web.odata import ODataClient
from tests.contract.nav_stand import MAP
from tests.fakes.clock import FakeClock

URL = "https://nav.contoso.example:7048/DynamicsNAV110"
KEY = CustomerKey("CRONUS", "C-1")
ROW = {"No": "C-1", "Name": "Contoso", "Blocked": "_x0020_", "@odata.etag": 'W/"1"', "ETag": "1"}
HTML = "<html><body>Contoso signs in here</body></html>"

type Answers = Callable[[httpx.Request], httpx.Response]
CALLS: dict[str, Callable[[NavTarget], Awaitable[object]]] = {
    "find": lambda target: target.find(KEY),
    "find by key": lambda target: target.find(CustomerKey("CRONUS", "C*")),
    "create": lambda target: target.create(KEY, {"Name": "Contoso", "City": "Berlin"}),
    "update": lambda target: target.update(KEY, {"City": "Berlin"}),
    "currency": lambda target: target.knows_currency("EUR"),
    "probe": lambda target: target.probe(),
}


def over(answers: Answers, protocol: Protocol = "v4") -> NavTarget:
    """The adapter over answers made here; a wait takes no time."""
    http = httpx.AsyncClient(base_url=URL, transport=httpx.MockTransport(answers))
    client = ODataClient(System.NAV, http, BasicAuth("ACCOUNTSYNC", "key"), FakeClock())
    options = {"service": "Customer", "currency_service": "Currencies", "local_currency": "GBP"}
    return NavTarget(client, MAP, protocol=protocol, company="CRONUS", **options)


def healthy(request: httpx.Request) -> httpx.Response:
    """What a NAV with one company and one customer answers to a read."""
    if request.url.path.endswith("/Company"):
        return httpx.Response(200, json={"value": [{"Name": "CRONUS"}]})
    return httpx.Response(
        200, json={"value": [ROW]} if "filter" in str(request.url) else {"value": [], **ROW}
    )


async def ending(call: Awaitable[object]) -> str:
    """How a call ends, in one word; anything but a fault is a defect, and raised."""
    try:
        return type(await call).__name__
    except TransientFault as fault:
        return "unknown" if fault.unknown_outcome else "transient" if fault.about_system else "conflict"
    except Fault as fault:
        return {Refused: "refused", AccountFault: f"account {_field(fault)}".strip()}.get(
            type(fault), type(fault).__name__
        )


def _field(fault: Fault) -> str:
    return fault.problem.field if isinstance(fault, AccountFault) else ""


def error(code: str, text: str = "Contoso is refused.") -> dict[str, Any]:
    return {"error": {"code": code, "message": text}}


def error_v3(text: str, code: str = "") -> dict[str, Any]:
    return {"odata.error": {"code": code, "message": {"lang": "en-US", "value": text}}}


NO_FIELD = (
    "The field City of table Customer contains a value (Berlin) that cannot be found in the related table."
)
EXISTS = "The Customer already exists. Identification fields and values: No.='C-1'"
TOO_LONG = "The length of the string is 6, but it must be less than or equal to 5 characters. Value: Berlin"
TEST_FIELD = "City must have a value in Customer: No.=C-1. It cannot be zero or empty."
GROUP = "Customer Posting Group must have a value in Customer: No.=C-1. It cannot be zero or empty."
NO_PROPERTY = "The property 'City' does not exist on type 'NAV.Customer'."

# The table of docs/nav.md: status, body -> how a create ends, and how a change ends
MEANINGS: list[tuple[int, object, str, str]] = [
    (400, error("Internal_EntityWithSameKeyExists", EXISTS), "CustomerAlreadyExists", "refused"),
    (409, error("Internal_EntityWithSameKeyExists", EXISTS), "CustomerAlreadyExists", "refused"),
    (400, error_v3(EXISTS), "CustomerAlreadyExists", "refused"),
    (400, error("Internal_EntityWithSameKeyExists", EXISTS.replace("C-1", "C-11")), "refused", "refused"),
    (
        400,
        error("Internal_EntityWithSameKeyExists", EXISTS.replace("Customer", "Contact")),
        "refused",
        "refused",
    ),
    (400, error("Internal_InvalidTableRelation", NO_FIELD), "account City", "account City"),
    (500, error("Internal_InvalidTableRelation", NO_FIELD), "account City", "account City"),
    (400, error_v3(NO_FIELD), "account City", "account City"),
    (400, error("Application_StringExceededLength", TOO_LONG), "account City", "account City"),
    (400, error("Application_FieldValidationException", TEST_FIELD), "account City", "account City"),
    (400, error("Application_FieldValidationException", GROUP), "refused", "refused"),
    (400, error("BadRequest", NO_PROPERTY), "ConfigurationFault", "ConfigurationFault"),
    (400, error("BadRequest", NO_PROPERTY.replace("City", "Contoso")), "refused", "refused"),
    (
        400,
        error("BadRequest_InvalidOperation", "Control 'City' is read-only"),
        "ConfigurationFault",
        "ConfigurationFault",
    ),
    (400, error("Application_DialogException"), "refused", "refused"),
    (400, error("Never_HeardOf"), "refused", "refused"),
    (418, error("Never_HeardOf"), "refused", "refused"),
    (400, HTML, "refused", "refused"),
    (400, error("BadRequest_InvalidToken"), "unknown", "conflict"),
    (409, error("Request_EntityChanged"), "unknown", "conflict"),
    (412, error_v3("The version is another."), "unknown", "conflict"),
    (401, HTML, "ConfigurationFault", "ConfigurationFault"),
    (403, HTML, "ConfigurationFault", "ConfigurationFault"),
    (400, error("Authorization_Denied"), "ConfigurationFault", "ConfigurationFault"),
    (404, error("BadRequest_ResourceNotFound"), "refused", "refused"),
    (404, HTML, "transient", "transient"),
    (429, error("Application_Busy"), "transient", "transient"),
    (503, error("Unknown"), "transient", "transient"),
    (500, error("Internal_TenantUnavailable"), "transient", "transient"),
    (408, HTML, "unknown", "unknown"),
    (500, HTML, "unknown", "unknown"),
    (500, error("Unknown"), "unknown", "unknown"),
    (500, error("Internal_ServerError"), "unknown", "unknown"),
    (502, HTML, "unknown", "unknown"),
    (503, HTML, "unknown", "unknown"),
    (504, HTML, "unknown", "unknown"),
    (302, HTML, "ConfigurationFault", "ConfigurationFault"),
]


@pytest.mark.parametrize(("status", "body", "created", "changed"), MEANINGS)
@pytest.mark.parametrize("protocol", ["v4", "v3"])
async def test_an_answer_to_a_write_means_what_the_table_says(
    protocol: Protocol, status: int, body: object, created: str, changed: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return healthy(request) if request.method == "GET" else _response(status, body)

    target = over(answer, protocol)
    assert await ending(CALLS["create"](target)) == created
    assert await ending(CALLS["update"](target)) == changed


def _response(status: int, body: object) -> httpx.Response:
    headers = {"location": "https://elsewhere.example/"} if status == 302 else {}
    if isinstance(body, bytes | str):
        return httpx.Response(status, content=body, headers=headers)
    return httpx.Response(status, content=json.dumps(body), headers=headers)


async def test_no_text_of_an_answer_is_kept() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return (
            healthy(request) if request.method == "GET" else _response(400, error("Application_X", NO_FIELD))
        )

    for call in ("create", "update"):
        with pytest.raises(Fault) as raised:
            await CALLS[call](over(answer))
        assert "Berlin" not in repr(vars(raised.value))


BAD: dict[str, tuple[httpx.Response, list[str]]] = {
    # the same answer to every request -> how each of CALLS ends
    "HTML": (_response(200, HTML), ["transient"] * 2 + ["unknown"] * 2 + ["transient"] * 2),
    "nothing": (_response(200, b""), ["transient"] * 2 + ["unknown"] * 2 + ["transient"] * 2),
    "no UTF-8": (_response(200, b'{"No": "\xff"}'), ["transient"] * 2 + ["unknown"] * 2 + ["transient"] * 2),
    "a list": (_response(200, [ROW]), ["transient"] * 2 + ["unknown"] * 2 + ["transient"] * 2),
    "too deep": (_response(200, b"[" * 100_000), ["transient"] * 2 + ["unknown"] * 2 + ["transient"] * 2),
    "no rows": (
        _response(200, {}),
        ["transient", "transient", "unknown", "unknown", "transient", "transient"],
    ),
    "rows of another kind": (
        _response(200, {"value": [1], "No": 1}),
        ["transient", "transient", "unknown", "unknown", "transient", "transient"],
    ),
    "a redirect": (_response(302, ""), ["ConfigurationFault"] * 6),
    "HTML, 404": (_response(404, HTML), ["ConfigurationFault"] * 6),
    "HTML, 403": (_response(403, HTML), ["ConfigurationFault"] * 6),
    "HTML, 503": (_response(503, HTML), ["transient"] * 2 + ["unknown"] * 2 + ["transient"] * 2),
    "an error that is none": (
        _response(400, {"error": {"code": {"a": 1}, "message": ["x"]}}),
        ["refused", "refused", "refused", "refused", "ConfigurationFault", "ConfigurationFault"],
    ),
    "a next page that was read": (
        _response(
            200, {"value": [], "@odata.nextLink": f"{URL}/ODataV4/Company('CRONUS')/Currencies?$select=Code"}
        ),
        ["NoneType", "transient", "unknown", "unknown", "transient", "NoneType"],
    ),
    "a next page elsewhere": (
        _response(200, {"value": [], "odata.nextLink": "https://elsewhere.example/"}),
        ["NoneType", "transient", "unknown", "unknown", "ConfigurationFault", "NoneType"],
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("protocol", ["v4", "v3"])
async def test_a_bad_answer_has_a_named_ending(protocol: Protocol, name: str) -> None:
    bad, expected = BAD[name]

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(bad.status_code, content=bad.content, headers=bad.headers)

    found = [await ending(call(over(answer, protocol))) for call in CALLS.values()]
    assert dict(zip(CALLS, found, strict=True)) == dict(zip(CALLS, expected, strict=True))


async def test_a_customer_that_was_not_asked_for_is_not_the_one() -> None:
    assert await over(healthy).find(CustomerKey("CRONUS", "C-2")) is None
    assert await over(healthy).find(CustomerKey("CRONUS", "Fabrikam", by="Name")) is None
    assert await over(healthy).find(CustomerKey("CRONUS", "Contoso", by="Name")) is not None


@pytest.mark.parametrize("protocol", ["v4", "v3"])
async def test_requests_say_what_they_send_and_nothing_more(protocol: Protocol) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201 if request.method == "POST" else 200, json=ROW)

    target = over(answer, protocol)
    await target.create(KEY, {"Country_Region_Code": "DE", "Post_Code": "10115", "City": "Berlin"})
    await target.update(KEY, {"City": "Potsdam", "Currency_Code": "GBP"})
    created, changed = (list(json.loads(request.content).items()) for request in seen)
    assert [name for name, _ in created] == ["No", "Country_Region_Code", "Post_Code", "City"]
    assert changed == [("City", "Potsdam"), ("Currency_Code", "")]
    for request in seen:
        assert request.headers["accept-language"] == "en-US"
        assert request.headers["accept"].startswith("application/json")
        assert ("odata=minimalmetadata" in request.headers["accept"]) is (protocol == "v3")
        assert request.headers["authorization"] == "Basic QUNDT1VOVFNZTkM6a2V5"
    assert [request.headers.get("if-match") for request in seen] == [None, "*"]


async def test_pages_that_never_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.web.odata._MOST_PAGES", 50)
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        link = f"{URL}/ODataV4/Company('CRONUS')/Currencies?$skiptoken='{asked}'"
        return httpx.Response(200, json={"value": [{"Code": "USD"}], "@odata.nextLink": link})

    assert await ending(over(answer).knows_currency("EUR")) == "transient"
    assert asked == 50


@pytest.mark.parametrize("tag", [{}, {"@odata.etag": 1}, {"@odata.etag": 'W/"ü"'}, {"@odata.etag": "a\nb"}])
async def test_a_row_without_a_usable_version_waits(tag: dict[str, object]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"No": "C-1", **tag})
        return _response(400, error("BadRequest_InvalidToken"))

    assert await ending(over(answer).update(KEY, {"City": "Berlin"})) == "transient"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
_NAMES = st.sampled_from(
    ["No", "Name", "Blocked", "Currency_Code", "Code", "@odata.etag", "ETag", "odata.nextLink"]
)
_ROW = st.dictionaries(_NAMES, _JSON | st.just("C-1"), max_size=6)
_BODY = st.builds(
    lambda row, rows, problem: row | rows | problem,
    _ROW,
    st.dictionaries(st.just("value"), st.lists(_ROW | _JSON, max_size=2) | _JSON),
    st.dictionaries(st.sampled_from(["error", "odata.error"]), _JSON),
)


@settings(max_examples=150)
@given(status=st.sampled_from([200, 201, 204, 400, 404, 405, 409, 500, 503]), body=_BODY, v3=st.booleans())
def test_no_content_of_an_answer_is_a_defect(status: int, body: object, v3: bool) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return _response(status, body)

    async def all_calls() -> list[str]:
        return [await ending(call(over(answer, "v3" if v3 else "v4"))) for call in CALLS.values()]

    assert all(asyncio.run(all_calls()))
