"""`$batch` on both simulators: order, changesets as transactions, references, and what a failure does."""

import json
import re
from typing import Any

import httpx

from tests.contract.dynamics.simulator_stand import Stand, WebhookReceiver, wait_until

type Request = tuple[str, str, dict[str, Any] | None]


def part(request: Request, content_id: int | None = None) -> str:
    method, target, body = request
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    lines += [f"Content-ID: {content_id}"] if content_id is not None else []
    lines += [
        "",
        f"{method} {target} HTTP/1.1",
        "Content-Type: application/json",
        "",
        json.dumps(body) if body else "",
    ]
    return "\r\n".join(lines) + "\r\n"


def multipart(boundary: str, parts: list[str]) -> str:
    return "".join(f"--{boundary}\r\n{one}" for one in parts) + f"--{boundary}--\r\n"


def changeset(*requests: Request, ids: bool = True) -> str:
    body = multipart("set", [part(one, number if ids else None) for number, one in enumerate(requests, 1)])
    return f"Content-Type: multipart/mixed; boundary=set\r\n\r\n{body}\r\n"


async def send(client: httpx.AsyncClient, parts: list[str], **headers: str) -> httpx.Response:
    content = {"Content-Type": 'multipart/mixed; boundary="all"'}
    return await client.post("$batch", content=multipart("all", parts), headers={**content, **headers})


def statuses(answer: httpx.Response) -> list[int]:
    return [int(status) for status in re.findall(r"^HTTP/1\.1 (\d+)", answer.text, re.MULTILINE)]


def account(name: str, **columns: Any) -> Request:
    return ("POST", "accounts", {"name": name, **columns})


async def names(stand: Stand) -> set[str]:
    return {row["name"] for row in (await stand.dataverse.get("accounts?$select=name")).json()["value"]}


async def test_requests_run_in_order_under_any_form_of_address(stand: Stand) -> None:
    root = str(stand.dataverse.base_url)
    requests: list[Request] = [
        account("A"),
        ("GET", "/api/data/v9.2/accounts?$select=name", None),
        ("GET", f"{root}accounts/$count", None),
    ]
    answer = await send(stand.dataverse, [part(one) for one in requests])
    assert answer.status_code == 200
    assert statuses(answer) == [204, 200, 200]
    assert '"name": "A"' in answer.text
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")


async def test_the_first_failure_ends_a_dataverse_batch_unless_told_to_go_on(stand: Stand) -> None:
    parts = [part(account("A")), part(account("x" * 161)), part(account("B"))]
    stopped = await send(stand.dataverse, parts)
    assert (stopped.status_code, statuses(stopped)) == (400, [204, 400])
    assert await names(stand) == {"A"}
    went_on = await send(stand.dataverse, parts, Prefer="odata.continue-on-error")
    assert (went_on.status_code, statuses(went_on)) == (200, [204, 400, 204])
    assert await names(stand) == {"A", "B"}


async def test_a_changeset_is_one_transaction_and_makes_events_only_when_it_ends_well(
    hooked: Stand, receiver: WebhookReceiver
) -> None:
    bad = changeset(account("A"), account("B"), account("x" * 161))
    failed = await send(hooked.dataverse, [bad], Prefer="odata.continue-on-error")
    assert statuses(failed) == [400]
    assert await names(hooked) == set()
    good = await send(hooked.dataverse, [changeset(account("A"), account("B"))])
    assert statuses(good) == [204, 204]
    await wait_until(lambda: len(receiver.requests) == 2 and hooked.simulator.jobs.pending() == 0)


async def test_a_changeset_can_refer_to_what_it_made(stand: Stand) -> None:
    currency: Request = (
        "POST",
        "transactioncurrencies",
        {"currencyname": "Krone", "isocurrencycode": "DKK", "currencysymbol": "kr"},
    )
    answer = await send(
        stand.dataverse,
        [
            changeset(
                currency,
                account("K", **{"transactioncurrencyid@odata.bind": "$1"}),
                ("PATCH", "$2", {"fax": "1"}),
            )
        ],
    )
    assert statuses(answer) == [204, 204, 204]
    query = {"$filter": "fax eq '1'", "$expand": "transactioncurrencyid($select=currencyname)"}
    (row,) = (await stand.dataverse.get("accounts", params=query)).json()["value"]
    assert row["transactioncurrencyid"]["currencyname"] == "Krone"


async def test_batches_that_cannot_be_read_are_refused_as_a_whole(stand: Stand) -> None:
    for parts in (
        [changeset(account("A"), ids=False)],
        [changeset(("GET", "accounts", None))],
        ["Content-Type: application/http\r\n\r\nnonsense\r\n"],
        [part(account("A"))] * 1001,
    ):
        answer = await send(stand.dataverse, parts)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x80060888")
    lines = multipart("all", [part(account("A"))]).replace("\r\n", "\n")
    headers = {"Content-Type": "multipart/mixed; boundary=all"}
    assert (await stand.dataverse.post("$batch", content=lines, headers=headers)).status_code == 400
    assert (await stand.dataverse.post("$batch", content="")).status_code == 400
    assert await names(stand) == set()


def customer(number: str, **columns: Any) -> Request:
    body = {"dataAreaId": "usmf", "CustomerAccount": number, "OrganizationName": "A", "CustomerGroupId": "10"}
    return ("POST", "CustomersV3", {**body, **columns})


async def test_an_operations_batch_is_200_though_a_part_failed(stand: Stand) -> None:
    parts = [part(customer("1")), part(customer("1")), part(customer("2"))]
    answer = await send(stand.operations, parts)
    assert (answer.status_code, statuses(answer)) == (200, [201, 400, 201])
    assert "The record already exists." in answer.text


async def test_a_failed_operations_changeset_leaves_nothing_and_answers_once(stand: Stand) -> None:
    bad = changeset(customer("1"), customer("2", SalesCurrencyCode="XXX"), ids=False)
    answer = await send(stand.operations, [bad, part(customer("3"))])
    assert statuses(answer) == [400, 201]
    keys = [key for _, key in stand.simulator.records.rows("CustomersV3")]
    assert keys == ["3"]
