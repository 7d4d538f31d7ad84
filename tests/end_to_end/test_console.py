"""The operator's page through the host: who gets there, and that no header of a request signs anybody in."""

import httpx
import pytest

from local.host.easy_auth import principal
from local.stand import Stand
from tests.end_to_end.operator import running_with

FORGED = {name.upper(): value for name, value in principal("administrator").items()}
PATHS = [
    *("/api/console/", "/api/console", "/API/CONSOLE/", "/api/%63onsole/", "/api/%43ONSOLE/issues"),
    *("/api/console/static/console.css", "/api/health/../console/", "/api/dataverse/events/../../console/"),
    *("/api//console/", "/api/console%2f", "/api/console/%2e%2e/console/"),
]


@pytest.fixture
def address(stand: Stand) -> str:
    return stand.addresses.functions


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_forged_principal_is_refused(address: str, path: str, method: str) -> None:
    async with httpx.AsyncClient() as client:
        exactly = {"target": path.encode()}  # an URL would lose its /../
        answer = await client.request(method, address, headers=FORGED, extensions=exactly)
    assert answer.status_code in {401, 403, 404}
    assert "Account Sync" not in answer.text


@pytest.mark.parametrize("role", ["reader", "operator", "administrator"])
async def test_the_link_signs_in_with_its_role(stand: Stand, role: str) -> None:
    async with httpx.AsyncClient(follow_redirects=True) as client:
        answer = await client.get(stand.console_link(role), headers=FORGED)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert f"You are {role}" in answer.text


async def test_a_link_of_another_stand_signs_nobody_in(stand: Stand) -> None:
    async with httpx.AsyncClient() as client:
        link = stand.console_link("reader").replace("role=reader", "role=administrator")
        assert (await client.get(link)).status_code == 403
        assert "set-cookie" not in (await client.get(link)).headers


async def test_a_session_that_was_changed_is_nobodys(stand: Stand) -> None:
    async with httpx.AsyncClient() as client:
        session = (await client.get(stand.console_link("reader"))).cookies["AppServiceAuthSession"]
        forged = session.replace("reader", "administrator")
        path = f"{stand.addresses.functions}/api/console/"
        headers = {"Cookie": f"AppServiceAuthSession={forged}"}
        client.cookies.clear()
        assert (await client.get(path, headers=headers)).status_code == 401


async def test_a_page_that_is_off_is_not_there(stand: Stand) -> None:
    async with running_with(stand, {"CONSOLE_LOGIN": "off"}), httpx.AsyncClient() as client:
        for path in ("/api/console/", "/api/console/static/console.css", "/api/console/issues"):
            answer = await client.get(f"{stand.addresses.functions}{path}", headers=FORGED)
            assert (answer.status_code, answer.content) == (404, b"")
