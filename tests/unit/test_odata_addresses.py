"""Where tokens go: to the service's own address, whatever its answers name; and how its pages end."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.dataverse.accounts import DataverseAccounts
from shared.dataverse.inquiry import DataverseInquiry
from shared.dataverse.registry import DataverseRegistry
from shared.model.customer import CustomerKey
from shared.model.faults import AccountFault, ConfigurationFault, Fault, System, TransientFault
from shared.targets.operations.errors import read_error
from shared.targets.operations.target import OperationsTarget
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient, content_of, error_text
from tests.fakes.clock import FakeClock
from tests.unit.making import ACCOUNT, NOW, field_map

BASE = "https://service.example.net"


class Service:
    """A service at an address; `pages` by path and query. Whatever else is asked, it lists no rows."""

    def __init__(self, base: str = BASE, system: System = System.OPERATIONS) -> None:
        self.pages: dict[str, httpx.Response] = {}
        self.default = page()
        self.requests: list[httpx.Request] = []
        transport = httpx.MockTransport(self._answer)
        http = httpx.AsyncClient(base_url=base, transport=transport, follow_redirects=True)
        self.client = ODataClient(system, http, FixedToken("secret"), FakeClock(NOW))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        assert len(self.requests) < 100, "the requests do not end"
        found = self.pages.get(request.url.raw_path.decode(), self.default)
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    @property
    def asked(self) -> list[str]:
        return [str(request.url) for request in self.requests]

    async def rows(self, path: str = "/data/x") -> list[Any]:
        return [row async for row in self.client.rows(path, None, content_of)]


def page(*rows: object, link: object = None) -> httpx.Response:
    content = {"value": list(rows)} | ({} if link is None else {"@odata.nextLink": link})
    return httpx.Response(200, json=content)


async def test_all_pages_are_read_whether_their_links_are_absolute_or_not() -> None:
    service = Service()
    service.pages["/data/x"] = page(1, 2, link=f"{BASE}:443/data/x?$skiptoken=2")
    service.pages["/data/x?$skiptoken=2"] = page(3, link="x?$skiptoken=3")
    service.pages["/data/x?$skiptoken=3"] = page(4)
    assert await service.rows() == [1, 2, 3, 4]
    assert {request.headers["Authorization"] for request in service.requests} == {"Bearer secret"}


ELSEWHERE = [
    *("https://evil.example.net/data/x", "http://service.example.net/data/x"),
    *("https://service.example.net:8443/data/x", "//evil.example.net/data/x"),
    *("https://service.example.net.evil.example.net/data/x", "https://service.example.net@evil.example.net/"),
    *("https://user:word@service.example.net/data/x", "ftp://service.example.net/x", "javascript:alert(1)"),
    *("https://[", "https://service.example.net:x/", "https://\x00", 5, ["x"], {"a": 1}),
]


def only_here(service: Service) -> bool:
    """Whether every request went to the service's own address."""
    return {(request.url.scheme, request.url.host, request.url.port) for request in service.requests} == {
        ("https", "service.example.net", None)
    }


@pytest.mark.parametrize("link", ELSEWHERE)
async def test_no_request_follows_a_next_link_to_elsewhere(link: object) -> None:
    service = Service()
    service.pages["/data/x"] = page(1, link=link)
    if isinstance(link, str):
        with pytest.raises(ConfigurationFault, match="No token was sent"):
            await service.rows()
        assert len(service.requests) == 1
    else:  # a relative address, for what it is worth
        await service.rows()
    assert only_here(service)


@given(st.text(max_size=40) | st.text(":/@.?#%\\[]eh ", max_size=20).map(lambda end: f"https:{end}"))
async def test_whatever_a_next_link_says_the_token_stays_here(link: str) -> None:
    service = Service("https://service.example.net/tenant/api")
    service.pages["/tenant/api/x"] = page(link=link)
    try:
        await service.rows("/x")
    except Fault as fault:
        assert fault  # noqa: PT017 - one of two ends
    assert only_here(service)
    assert all(request.url.path.startswith("/tenant/api/") for request in service.requests)


@pytest.mark.parametrize(
    "link",
    [
        *("/tenant/other/x", "https://service.example.net/", "../../other/x", "/tenant/api"),
        *(
            "/tenant/api/%2e%2e/other",
            "/tenant/api/..%2fother",
            "/tenant/api/%2e%2e%5cother",
            "/tenant/apis/x",
        ),
    ],
)
async def test_next_links_stay_below_the_path_of_the_base_address(link: str) -> None:
    service = Service("https://service.example.net/tenant/api")
    service.pages["/tenant/api/data/x"] = page(1, link=link)
    with pytest.raises(ConfigurationFault):
        await service.rows()
    assert service.asked == ["https://service.example.net/tenant/api/data/x"]


async def test_requests_stay_below_the_path_of_the_base_address() -> None:
    service = Service("https://service.example.net/tenant/api")
    await service.client.get("/data/x")
    for path in ("https://evil.example.net/", "https://service.example.net/data/x", "../x"):
        with pytest.raises(ConfigurationFault):
            await service.client.get(path)
        with pytest.raises(ConfigurationFault):
            await service.client.write("POST", path, b"{}")
    assert service.asked == ["https://service.example.net/tenant/api/data/x"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    service = Service()
    service.default = httpx.Response(status, headers={"Location": "https://evil.example.net/"})
    with pytest.raises(ConfigurationFault, match="redirect"):
        await service.client.get("/data/x")
    with pytest.raises(ConfigurationFault, match="redirect"):
        await service.client.write("POST", "/data/x", b"{}")
    assert only_here(service)
    assert len(service.requests) == 2


async def test_pages_in_a_circle_end_as_a_fault() -> None:
    itself = Service()
    itself.pages["/data/x"] = page(1, link=f"{BASE}/data/x")
    with pytest.raises(TransientFault, match="do not end"):
        await itself.rows()
    assert len(itself.requests) == 1
    two = Service()
    two.pages["/data/x"] = page(1, link=f"{BASE}/data/x?$skiptoken=2")
    two.pages["/data/x?$skiptoken=2"] = page(2, link="/data/x")
    with pytest.raises(TransientFault, match="do not end"):
        await two.rows()
    assert len(two.requests) == 2


@pytest.mark.parametrize("content", [{}, {"value": None}, {"value": {"a": 1}}, {"value": "rows"}])
async def test_a_list_without_rows_is_a_fault(content: object) -> None:
    service = Service()
    service.default = httpx.Response(200, json=content)
    with pytest.raises(TransientFault, match="without its rows"):
        await service.rows()


READERS: dict[str, Callable[[ODataClient], Any]] = {
    "currencies of Operations": lambda client: OperationsTarget(client, field_map()).knows_currency("USD"),
    "currencies of Sales": lambda client: DataverseInquiry(client, "accountnumber").currencies(),
    "accounts by number": lambda client: DataverseInquiry(client, "accountnumber").by_number("A-1"),
    "system jobs": lambda client: DataverseInquiry(client, "accountnumber").jobs(ACCOUNT),
}


@pytest.mark.parametrize("name", READERS)
async def test_every_list_of_both_systems_is_pinned_to_its_address(name: str) -> None:
    service = Service()
    service.default = page(link="https://evil.example.net/data/x")
    with pytest.raises(ConfigurationFault, match="No token was sent"):
        await READERS[name](service.client)
    assert only_here(service)


KEY = CustomerKey("usmf", "A-1")
ASKED: dict[str, Callable[[ODataClient], Any]] = READERS | {
    "an account": lambda client: DataverseAccounts(client, field_map()).read(ACCOUNT),
    "a write-back": lambda client: DataverseAccounts(client, field_map()).write_back(ACCOUNT, "x", "1"),
    "a customer": lambda client: OperationsTarget(client, field_map()).find(KEY),
    "a create": lambda client: OperationsTarget(client, field_map()).create(KEY, {"x": "1"}),
    "an update": lambda client: OperationsTarget(client, field_map()).update(KEY, {"x": "1"}),
    "endpoints": lambda client: DataverseRegistry(client).endpoints("x"),
    "the organization": lambda client: DataverseRegistry(client).organization(),
}
DEEP = b"[" * 200_000 + b"]" * 200_000
BODIES = {
    "deep": DEEP,
    "deep error": b'{"error": ' + DEEP + b"}",
    "deep code": b'{"error": {"code": ' + DEEP + b', "message": ' + DEEP + b"}}",
    "no object": b"[1, 2]",
    "null": b"null",
    "no json": b"\xff<html>",
}


@pytest.mark.parametrize("status", [200, 201, 400, 403, 404, 500])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", ASKED)
async def test_no_body_of_an_answer_ends_other_than_in_a_fault(name: str, body: str, status: int) -> None:
    service = Service()
    service.default = httpx.Response(status, content=BODIES[body])
    try:
        await ASKED[name](service.client)
    except (Fault, AccountFault) as fault:
        assert "[[[" not in str(fault)  # noqa: PT017 - any fault will do, and only a fault
    else:
        assert name in {"a write-back", "an update"} or status == 404


def test_texts_of_errors_are_one_short_line() -> None:
    answer = httpx.Response(400, json={"error": {"code": "x\ny" * 500, "message": [1], "innererror": 5}})
    assert error_text(answer, "code").startswith("x yx")
    assert len(error_text(answer, "code")) == 300
    assert error_text(answer, "message") == error_text(answer, "none") == ""
    nested: Any = "end"
    for _ in range(900):
        nested = [nested]
    inner = {"error": {"innererror": {"type": nested, "message": nested}}}
    error = read_error(httpx.Response(400, content=json.dumps(inner).encode()))
    assert (error.type, error.text) == ("", "")
