"""HTTP functions in the host: routes, keys, requests, answers."""

import asyncio
import json

import pytest

from tests.host.hosting import FUNCTION_KEY, MASTER_KEY, RunningHost


async def test_the_function_sees_the_request_as_the_real_host_hands_it_over(host: RunningHost) -> None:
    answer = await host.client.post("/api/echo/5/a%2Fb?x=1&x=2", content=b"body", headers={"X-Thing": "T"})
    seen = answer.json()
    assert answer.status_code == 207
    assert answer.headers["x-seen"] == "yes"
    assert answer.headers["content-type"] == "application/json"
    assert seen["method"] == "POST"
    assert seen["url"].endswith("/api/echo/5/a%2Fb?x=1&x=2")
    assert seen["route"] == {"id": "5", "rest": "a/b"}
    assert seen["params"] == {"x": "1,2"}
    assert seen["headers"]["x-thing"] == "T"
    assert all(name == name.lower() for name in seen["headers"])
    assert seen["body"] == "body"


async def test_no_request_says_who_is_signed_in(host: RunningHost) -> None:
    forged = {"X-MS-CLIENT-PRINCIPAL": "e30=", "x-ms-Client-Principal-Id": "somebody", "X-Other": "kept"}
    seen = (await host.client.get("/api/echo/5", headers=forged)).json()["headers"]
    assert [name for name in seen if name.startswith("x-ms-client-principal")] == []
    assert seen["x-other"] == "kept"


async def test_an_optional_parameter_may_be_missing(host: RunningHost) -> None:
    assert (await host.client.get("/api/echo/5")).json()["route"] == {"id": "5"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/echo/no-number"), ("DELETE", "/api/echo/5"), ("GET", "/echo/5"), ("GET", "/api/plain")],
)
async def test_what_no_route_answers_is_not_found(host: RunningHost, method: str, path: str) -> None:
    assert (await host.client.request(method, path)).status_code == 404


async def test_without_a_key_a_function_is_refused(host: RunningHost) -> None:
    assert (await host.client.post("/api/guarded")).status_code == 401
    assert (await host.client.post("/api/guarded?code=wrong")).status_code == 401


@pytest.mark.parametrize("key", [FUNCTION_KEY, MASTER_KEY])
async def test_a_key_is_taken_from_the_header_or_the_query(host: RunningHost, key: str) -> None:
    assert (await host.client.get("/api/guarded", headers={"x-functions-key": key})).status_code == 200
    assert (await host.client.get(f"/api/guarded?code={key}")).status_code == 200


async def test_level_admin_takes_the_master_key_only(host: RunningHost) -> None:
    assert (await host.client.get(f"/api/master?code={FUNCTION_KEY}")).status_code == 401
    assert (await host.client.get(f"/api/master?code={MASTER_KEY}")).text == "ok"


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [("/api/guarded", 1_000, 401), (f"/api/guarded?code={FUNCTION_KEY}", 101 * 1024 * 1024, 413)],
)
async def test_no_key_or_too_large_is_answered_before_the_body_comes(
    host: RunningHost, path: str, length: int, status: int
) -> None:
    url = host.client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
    try:
        assert (await reader.readline()).split()[1] == str(status).encode()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_large_body_reaches_the_function_whole(host: RunningHost) -> None:
    answer = await host.client.post(f"/api/guarded?code={FUNCTION_KEY}", content=b"x" * 3_000_000)
    assert answer.text == "3000000"


async def test_a_function_that_raises_is_an_empty_500(host: RunningHost) -> None:
    answer = await host.client.get("/api/broken")
    assert answer.status_code == 500
    assert answer.content == b""
    assert "secret detail" in (await host.wait_for(event="invocation_failed", function="broken"))[0]["error"]


async def test_a_record_names_its_invocation_and_function_also_from_a_thread(host: RunningHost) -> None:
    await host.client.get(f"/api/master?code={MASTER_KEY}")
    (record, *_) = await host.wait_for(message="in a thread")
    (finished, *_) = await host.wait_for(event="invocation_finished", invocation_id=record["invocation_id"])
    assert record["function"] == finished["function"] == "master"
    assert record["path"].endswith(f"/api/master?code={MASTER_KEY}")


async def test_the_admin_endpoint_needs_the_master_key_and_runs_what_has_no_route(host: RunningHost) -> None:
    path, order = "/admin/functions/plain", json.dumps({"input": json.dumps({"id": "by hand", "fail": 0})})
    assert (await host.client.post(path, content=order)).status_code == 401
    master = {"x-functions-key": MASTER_KEY}
    assert (await host.client.post(path, content=order, headers=master)).status_code == 202
    assert (await host.client.post("/admin/functions/nothing", headers=master)).status_code == 404
    assert (await host.client.post(path, content="[", headers=master)).status_code == 400
    await host.wait_for(message="end", id="by hand")
