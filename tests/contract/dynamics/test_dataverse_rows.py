"""Rows of the Dataverse Web API: create, read, change, delete and their refusals."""

import re
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import httpx

from tests.contract.dynamics.simulator_stand import Stand

REPRESENTATION = {"Prefer": "return=representation"}


async def make_account(stand: Stand, **columns: object) -> dict[str, Any]:
    answer = await stand.dataverse.post(
        "accounts", json={"name": "Contoso", **columns}, headers=REPRESENTATION
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def currency_id(stand: Stand, code: str) -> str:
    query = {"$filter": f"isocurrencycode eq '{code}'", "$select": "transactioncurrencyid"}
    rows = (await stand.dataverse.get("transactioncurrencies", params=query)).json()["value"]
    return rows[0]["transactioncurrencyid"]


def code_of(answer: httpx.Response) -> str:
    return answer.json()["error"]["code"]


async def test_post_answers_204_with_the_address_of_the_row(stand: Stand) -> None:
    answer = await stand.dataverse.post("accounts", json={"name": "A", "accountnumber": "A-1"})
    assert answer.status_code == 204
    assert re.fullmatch(
        r"http://.*/api/data/v9\.2/accounts\([0-9a-f-]{36}\)", answer.headers["OData-EntityId"]
    )
    row = (await stand.dataverse.get(answer.headers["OData-EntityId"])).json()
    assert (row["name"], row["accountnumber"], row["statecode"], row["statuscode"]) == ("A", "A-1", 0, 1)


async def test_one_read_brings_the_account_with_its_currency(stand: Stand) -> None:
    euro = await currency_id(stand, "EUR")
    account = await make_account(
        stand, **{"transactioncurrencyid@odata.bind": f"/transactioncurrencies({euro})"}
    )
    answer = await stand.dataverse.get(
        f"accounts({account['accountid']})",
        params={
            "$select": "name,_transactioncurrencyid_value,versionnumber",
            "$expand": "transactioncurrencyid($select=currencyname,isocurrencycode)",
        },
    )
    row = answer.json()
    assert row["_transactioncurrencyid_value"] == euro
    assert row["transactioncurrencyid"]["currencyname"] == "Euro"
    assert row["transactioncurrencyid"]["isocurrencycode"] == "EUR"
    assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"' == answer.headers["ETag"]
    assert parsedate_to_datetime(answer.headers["Date"]).tzinfo is not None
    assert set(row) >= {"@odata.context", "accountid"}
    assert "telephone1" not in row


async def test_an_amount_without_a_currency_takes_the_base_currency(stand: Stand) -> None:
    account = await make_account(stand, creditlimit=1500.5)
    assert account["_transactioncurrencyid_value"] == await currency_id(stand, "USD")
    assert (account["creditlimit"], account["creditlimit_base"], account["exchangerate"]) == (
        1500.5,
        1500.5,
        1,
    )


async def test_version_numbers_rise_over_all_tables(stand: Stand) -> None:
    first = await make_account(stand)
    second = await make_account(stand)
    patched = await stand.dataverse.patch(
        f"accounts({first['accountid']})", json={"fax": "1"}, headers=REPRESENTATION
    )
    assert patched.status_code == 200
    assert patched.json()["versionnumber"] > second["versionnumber"] > first["versionnumber"]


async def test_a_missing_row_is_the_documented_object_does_not_exist(stand: Stand) -> None:
    missing = uuid4()
    answer = await stand.dataverse.get(f"accounts({missing})")
    assert (answer.status_code, code_of(answer)) == (404, "0x80040217")
    assert str(missing) in answer.json()["error"]["message"]
    assert (await stand.dataverse.delete(f"accounts({missing})")).status_code == 404


async def test_patch_inserts_a_missing_row_unless_if_match_forbids_it(stand: Stand) -> None:
    new = f"accounts({uuid4()})"
    refused = await stand.dataverse.patch(new, json={"name": "N"}, headers={"If-Match": "*"})
    assert (refused.status_code, code_of(refused)) == (404, "0x80040217")
    assert (await stand.dataverse.patch(new, json={"name": "N"})).status_code == 204
    assert (await stand.dataverse.get(new)).json()["name"] == "N"
    again = await stand.dataverse.patch(new, json={"name": "M"}, headers={"If-None-Match": "*"})
    assert again.status_code == 412


async def test_a_stale_etag_is_refused_with_the_version_mismatch(stand: Stand) -> None:
    account = await make_account(stand)
    address = f"accounts({account['accountid']})"
    etag = str(account["@odata.etag"])
    assert (
        await stand.dataverse.patch(address, json={"fax": "1"}, headers={"If-Match": etag})
    ).status_code == 204
    stale = await stand.dataverse.patch(address, json={"fax": "2"}, headers={"If-Match": etag})
    assert (stale.status_code, code_of(stale)) == (412, "0x80060882")
    assert (await stand.dataverse.get(address)).json()["fax"] == "1"


async def test_delete_removes_the_row(stand: Stand) -> None:
    account = await make_account(stand)
    address = f"accounts({account['accountid']})"
    assert (await stand.dataverse.delete(address)).status_code == 204
    assert (await stand.dataverse.get(address)).status_code == 404


async def test_without_the_token_everything_is_401(stand: Stand) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer other"}):
        answer = await stand.dataverse.get("accounts", headers=headers)
        assert answer.status_code == 401
        assert "WWW-Authenticate" in answer.headers


async def test_wrong_names_and_values_are_400_with_their_codes(stand: Stand) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"name": "A", "nosuchcolumn": 1}, "0x0"),
        ({"name": "A", "parentcustomerid@odata.bind": f"/accounts({uuid4()})"}, "0x80048d19"),
        ({"name": "x" * 161}, "0x80044331"),
        ({"name": "A", "customertypecode": 99}, "0x8004431a"),
        ({"name": "A", "customertypecode": "Customer"}, "0x0"),
        ({"name": "A", "numberofemployees": -1}, "0x8004432f"),
        ({"name": "A", "numberofemployees": 1.5}, "0x0"),
        ({"name": 7}, "0x0"),
        ({"accountnumber": "1"}, "0x80040203"),
        ({"name": "A", "_transactioncurrencyid_value": str(uuid4())}, "0x80060888"),
        ({"name": "A", "statecode": 0, "statuscode": 2}, "0x80048408"),
    ]
    for body, code in cases:
        answer = await stand.dataverse.post("accounts", json=body)
        assert (answer.status_code, code_of(answer)) == (400, code), body
    garbage = await stand.dataverse.post(
        "accounts", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert (garbage.status_code, code_of(garbage)) == (400, "0x80048d19")
    assert (await stand.dataverse.get("accounts")).json()["value"] == []


async def test_a_bind_to_a_missing_row_is_404(stand: Stand) -> None:
    body = {"name": "A", "transactioncurrencyid@odata.bind": f"/transactioncurrencies({uuid4()})"}
    answer = await stand.dataverse.post("accounts", json=body)
    assert (answer.status_code, code_of(answer)) == (404, "0x80040217")


async def test_a_bind_to_a_row_of_another_table_is_refused(stand: Stand) -> None:
    other = await make_account(stand)
    body = {"name": "A", "transactioncurrencyid@odata.bind": f"/accounts({other['accountid']})"}
    answer = await stand.dataverse.post("accounts", json=body)
    assert (answer.status_code, code_of(answer)) == (400, "0x80048d19")


async def test_a_wrong_select_of_the_answer_leaves_the_row_unwritten(stand: Stand) -> None:
    params = {"$select": "nosuchcolumn"}
    answer = await stand.dataverse.post("accounts", params=params, json={"name": "A"}, headers=REPRESENTATION)
    assert answer.status_code == 400
    assert (await stand.dataverse.get("accounts")).json()["value"] == []


async def test_an_unknown_segment_is_404_with_its_code(stand: Stand) -> None:
    answer = await stand.dataverse.get("Account")
    assert (answer.status_code, code_of(answer)) == (404, "0x8006088a")


async def test_who_am_i_tells_organisation_and_user(stand: Stand) -> None:
    who = (await stand.dataverse.get("WhoAmI")).json()
    assert who["OrganizationId"] == stand.simulator.store.identity.organization_id
    assert {"UserId", "BusinessUnitId"} <= set(who)
