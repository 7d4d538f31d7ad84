"""HTTP for both OData services: literals, waits, tokens, and what is tried again where."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.web.dates import http_date, retry_after
from shared.web.odata import ODataClient, literal
from shared.web.request_span import template
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import exported
from tests.unit.making import NOW


class Service:
    """A service that answers as told, one step a request; the last step repeats."""

    def __init__(self, *steps: httpx.Response | Exception) -> None:
        self.steps = list(steps)
        self.requests: list[httpx.Request] = []
        self.clock = FakeClock(NOW)
        self.tokens = 0
        self.fault: Exception | None = None
        transport = httpx.MockTransport(self._answer)
        http = httpx.AsyncClient(base_url="http://service", transport=transport, follow_redirects=True)
        self.client = ODataClient(System.OPERATIONS, http, self, self.clock)

    async def authorization(self) -> str:
        self.tokens += 1
        return f"Bearer token {self.tokens}"

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)

    async def read(self) -> httpx.Response:
        return await self.client.get("/data/x")

    async def write(self) -> httpx.Response:
        return await self.client.write("PATCH", "/data/x", b"{}")

    @property
    def waited(self) -> float:
        return (self.clock.now() - NOW).total_seconds()


def answer(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={name.replace("_", "-"): text for name, text in headers.items()})


async def fault_of(call: Callable[[], Awaitable[object]]) -> TransientFault:
    with pytest.raises(TransientFault) as raised:
        await call()
    return raised.value


type Call = Callable[[Service], Awaitable[httpx.Response]]


@given(st.text(st.characters(codec="utf-8")))
def test_no_text_of_a_literal_is_syntax(text: str) -> None:
    found = literal(text)
    assert found[0] == found[-1] == "'"
    assert set(found[1:-1]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~%")
    decoded = unquote(found[1:-1])
    assert decoded.replace("''", "") == decoded.replace("''", "").replace("'", "")
    assert decoded.replace("''", "'") == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("US-001", "'US-001'"), ("O'Neil", "'O%27%27Neil'"), ("a/b?c#d&e", "'a%2Fb%3Fc%23d%26e'"), ("", "''")],
)
def test_literals(text: str, expected: str) -> None:
    assert literal(text) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("17", 17), (" 17 ", 17), ("0", 0), ("", None), ("soon", None), ("-5", None), ("1.5", None)),
        *(("9" * 400, 86_400), ("²", None), ("Sun, 22 Nov 2026 12:00:30 GMT", 30)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
    ],
)
def test_retry_after_may_be_seconds_or_a_date(text: str, seconds: float | None) -> None:
    response = httpx.Response(429, headers=[(b"retry-after", text.encode("latin-1"))])
    assert retry_after(response, NOW) == seconds


@given(st.text(st.characters(codec="latin-1"), max_size=40))
def test_no_header_breaks_the_wait(text: str) -> None:
    response = httpx.Response(429, headers=[(b"retry-after", text.encode("latin-1"))])
    found = retry_after(response, NOW)
    assert found is None or 0 <= found <= 86_400


@given(st.datetimes(datetime(1970, 1, 1), datetime(2900, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive by the strategy's contract
def test_http_dates_are_read(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert http_date(format_datetime(whole, usegmt=True)) == whole


@given(st.text())
def test_no_text_breaks_a_date(text: str) -> None:
    assert http_date(text) is None or http_date(text)


@pytest.mark.parametrize("status", [200, 204, 400, 403, 404, 409, 412])
async def test_answers_that_the_adapter_must_understand_come_through(status: int) -> None:
    assert (await Service(answer(status)).read()).status_code == status
    assert (await Service(answer(status)).write()).status_code == status


@pytest.mark.parametrize("step", [answer(500), answer(503), httpx.ReadTimeout("x"), httpx.ConnectError("x")])
async def test_a_read_is_tried_again_in_place(step: httpx.Response | Exception) -> None:
    service = Service(step, step, answer(200))
    assert (await service.read()).status_code == 200
    assert len(service.requests) == 3
    assert 0 < service.waited < 2


@pytest.mark.parametrize("step", [answer(500), answer(502), httpx.ReadError("x"), httpx.PoolTimeout("x")])
async def test_a_read_that_keeps_failing_is_transient_and_its_outcome_is_never_unknown(
    step: httpx.Response | Exception,
) -> None:
    service = Service(step)
    fault = await fault_of(service.read)
    assert len(service.requests) == 3
    assert not fault.unknown_outcome
    assert fault.system is System.OPERATIONS


@pytest.mark.parametrize("step", [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")])
async def test_a_write_that_was_never_sent_is_tried_again(step: Exception) -> None:
    service = Service(step, answer(204))
    assert (await service.write()).status_code == 204
    fault = await fault_of(Service(step).write)
    assert not fault.unknown_outcome


@pytest.mark.parametrize(
    "step",
    [
        *(httpx.ReadTimeout("x"), httpx.WriteTimeout("x"), httpx.ReadError("x"), httpx.WriteError("x")),
        *(httpx.RemoteProtocolError("x"), httpx.CloseError("x"), answer(408)),
    ],
)
async def test_a_write_without_an_answer_has_an_unknown_outcome_and_is_not_sent_twice(
    step: httpx.Response | Exception,
) -> None:
    service = Service(step)
    fault = await fault_of(service.write)
    assert len(service.requests) == 1
    assert fault.unknown_outcome


async def test_a_5xx_to_a_write_is_left_to_the_adapter() -> None:
    service = Service(answer(500))
    assert (await service.write()).status_code == 500
    assert len(service.requests) == 1


@pytest.mark.parametrize("call", [Service.read, Service.write])
async def test_a_short_wait_that_is_asked_for_is_made_in_place(call: Call) -> None:
    for status in (429, 503):
        service = Service(answer(status, retry_after="2"), answer(200))
        assert (await call(service)).status_code == 200
        assert service.waited == 2


@pytest.mark.parametrize("call", [Service.read, Service.write])
@pytest.mark.parametrize(
    ("response", "wait"),
    [
        (answer(429, retry_after="17"), 17),
        (answer(429), 30),
        (answer(503, retry_after="60"), 60),
        (answer(429, retry_after=format_datetime(NOW + timedelta(seconds=45), usegmt=True)), 45),
    ],
)
async def test_a_long_wait_goes_with_the_fault(call: Call, response: httpx.Response, wait: float) -> None:
    service = Service(response)
    fault = await fault_of(lambda: call(service))
    assert (fault.retry_after, fault.unknown_outcome) == (wait, False)
    assert len(service.requests) == 1


async def test_a_status_that_the_adapter_interprets_itself_is_passed_on_to_a_write_only() -> None:
    service = Service(answer(503, retry_after="60"))
    response = await service.client.write("PATCH", "/data/x", b"{}", passed_on=(503,))
    assert response.status_code == 503
    assert (await fault_of(service.write)).retry_after == 60
    assert (await fault_of(service.read)).retry_after == 60


@pytest.mark.parametrize("call", [Service.read, Service.write])
async def test_a_refused_token_is_the_operators_and_is_not_tried_again(call: Call) -> None:
    service = Service(answer(401))
    with pytest.raises(ConfigurationFault, match="401"):
        await call(service)
    assert len(service.requests) == 1


async def test_headers_and_body_arrive_as_given() -> None:
    service = Service(answer(200))
    await service.client.get("/data/x?$filter=a%20eq%20'b'", {"Accept": "application/json"})
    await service.client.write("POST", "/data/x", b'{"a":1}')
    read, write = service.requests
    assert read.url.raw_path == b"/data/x?$filter=a%20eq%20'b'"
    assert read.headers["accept"] == "application/json"
    assert (write.method, write.content, write.headers["content-type"]) == (
        *("POST", b'{"a":1}', "application/json"),
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "api/data/v9.2/accounts(7f1f7c5e-3a0b-f011-998a-000d3a2b1c01)?$select=name",
            "api/data/v9.2/accounts()",
        ),
        (
            f"data/CustomersV3(dataAreaId={literal('usmf')},CustomerAccount={literal('C (1)')})",
            "data/CustomersV3()",
        ),
        (
            f"/ODataV4/Company({literal('CRONUS (Int)')})/Customer(No={literal('1/2?')})",
            "/ODataV4/Company()/Customer()",
        ),
        ("https://service/data/CustomersV3?$filter=Name%20eq%20'A'&$skiptoken=x", "/data/CustomersV3"),
    ],
)
def test_the_template_of_a_path_has_no_key_and_no_query(path: str, expected: str) -> None:
    assert template(path) == expected


async def test_each_attempt_of_a_request_is_a_span_with_its_answer() -> None:
    service = Service(answer(429, retry_after="1"), httpx.ReadTimeout("no answer to C-4711"), answer(200))
    with exported() as out:
        await service.client.get("data/CustomersV3('C-4711')?$filter=Name%20eq%20'Contoso'")
    spans = [dict(span.attributes or {}) for span in out.spans("GET data/CustomersV3()")]
    told = [(each["attempt"], each.get("http.response.status_code"), each.get("throttled")) for each in spans]
    assert told == [(1, 429, True), (2, None, None), (3, 200, False)]
    assert [each["system"] for each in spans] == ["operations"] * 3
    assert {key: point.value for key, point in out.points("sync.requests").items()} == {
        ("operations", "4xx"): 1,
        ("operations", "none"): 1,
        ("operations", "2xx"): 1,
    }
    assert {key: point.value for key, point in out.points("sync.request_retries").items()} == {
        ("operations",): 2
    }
    for value in ("4711", "Contoso", "http://service"):
        assert value not in out.told()


async def test_a_long_answer_is_a_span_and_counts_too() -> None:
    service = Service(answer(503))
    with exported() as out:
        await fault_of(lambda: service.client.stream("data/$metadata", {}).__aenter__())
    (span,) = [dict(span.attributes or {}) for span in out.spans("GET data/$metadata")]
    assert (span["system"], span["attempt"], span["http.response.status_code"]) == ("operations", 1, 503)
    assert {key: point.value for key, point in out.points("sync.requests").items()} == {
        ("operations", "5xx"): 1
    }
