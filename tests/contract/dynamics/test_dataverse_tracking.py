"""Change tracking of the Dataverse simulator: delta links, deleted rows, refusals and expiry."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.contract.dynamics.simulator_stand import Stand

TRACK = {"Prefer": "odata.track-changes"}


async def read_all(stand: Stand, link: str, headers: dict[str, str]) -> tuple[list[dict[str, Any]], str]:
    """All entries over all pages, and the delta link of the last one."""
    entries: list[dict[str, Any]] = []
    while True:
        answer = await stand.dataverse.get(link, headers=headers)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        entries += body["value"]
        if "@odata.deltaLink" in body:
            assert "@odata.nextLink" not in body
            return entries, body["@odata.deltaLink"]
        link = body["@odata.nextLink"]


async def make(stand: Stand, name: str) -> str:
    answer = await stand.dataverse.post("accounts", json={"name": name})
    return answer.headers["OData-EntityId"][-37:-1]


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_delta_holds_what_changed_and_what_was_deleted_since(stand: Stand) -> None:
    kept, changed, deleted = [await make(stand, name) for name in ("kept", "changed", "deleted")]
    rows, link = await read_all(stand, "accounts?$select=name", TRACK)
    assert {row["accountid"] for row in rows} == {kept, changed, deleted}
    assert "$deltatoken=" in link
    await stand.dataverse.delete(f"accounts({deleted})")
    await stand.dataverse.patch(f"accounts({changed})", json={"name": "new"})
    created = await make(stand, "created")
    entries, later = await read_all(stand, link, {})
    assert [entry.get("accountid") for entry in entries] == [changed, created, None]
    assert entries[0]["name"] == "new"
    assert entries[2]["id"] == deleted
    assert entries[2]["reason"] == "deleted"
    assert entries[2]["@odata.context"].endswith("$metadata#accounts/$deletedEntity")
    assert (await read_all(stand, later, {}))[0] == []


async def test_a_row_that_came_and_went_is_reported_deleted(stand: Stand) -> None:
    _, link = await read_all(stand, "accounts", TRACK)
    brief = await make(stand, "brief")
    await stand.dataverse.delete(f"accounts({brief})")
    entries, _ = await read_all(stand, link, {})
    assert [entry["id"] for entry in entries] == [brief]


async def test_a_change_between_two_pages_is_in_the_next_delta(stand: Stand) -> None:
    ids = [await make(stand, f"{number}") for number in range(5)]
    paged = {"Prefer": "odata.track-changes,odata.maxpagesize=2"}
    first = (await stand.dataverse.get("accounts?$select=name", headers=paged)).json()
    await stand.dataverse.patch(f"accounts({ids[0]})", json={"name": "changed while reading"})
    _, link = await read_all(stand, first["@odata.nextLink"], {"Prefer": "odata.maxpagesize=2"})
    entries, _ = await read_all(stand, link, {})
    assert [entry["accountid"] for entry in entries] == [ids[0]]


async def test_a_long_delta_has_pages_too(stand: Stand) -> None:
    _, link = await read_all(stand, "accounts?$select=name", TRACK)
    ids = [await make(stand, f"{number}") for number in range(5)]
    entries, _ = await read_all(stand, link, {"Prefer": "odata.maxpagesize=2"})
    assert [entry["accountid"] for entry in entries] == ids


@pytest.mark.parametrize(
    "option", ["$filter=statecode eq 0", "$orderby=name", "$top=1", "$expand=transactioncurrencyid"]
)
async def test_options_that_tracking_does_not_support_are_400(stand: Stand, option: str) -> None:
    answer = await stand.dataverse.get(f"accounts?{option}", headers=TRACK)
    assert error_of(answer) == (400, "0x80060888")
    assert "not supported when Change Tracking is enabled" in answer.json()["error"]["message"]


async def test_a_table_without_tracking_refuses_it(stand: Stand) -> None:
    answer = await stand.dataverse.get("systemusers", headers=TRACK)
    assert answer.status_code == 400


async def test_an_expired_token_asks_for_a_full_read(stand: Stand) -> None:
    _, link = await read_all(stand, "accounts", TRACK)
    now = stand.simulator.store.clock
    stand.simulator.store.clock = lambda: now() + timedelta(days=7, minutes=1)
    answer = await stand.dataverse.get(link)
    assert error_of(answer) == (400, "0x80044352")
    assert "full sync" in answer.json()["error"]["message"]


async def test_the_life_of_tokens_is_a_setting(stand: Stand) -> None:
    _, link = await read_all(stand, "accounts", TRACK)
    stand.simulator.dataverse.tracking.lifetime = timedelta(0)
    assert error_of(await stand.dataverse.get(link)) == (400, "0x80044352")


async def test_a_made_up_token_is_400(stand: Stand) -> None:
    for token in ("", "1", "1!yesterday", "x!01/01/2026 00:00:00", "1!99/99/2026 00:00:00"):
        answer = await stand.dataverse.get("accounts", params={"$deltatoken": token})
        assert error_of(answer) == (400, "0x80060888")
