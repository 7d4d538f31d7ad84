"""Rows of the Operations OData service: create, change, delete and the bodies of its refusals."""

import base64

import httpx
import pytest

from tests.contract.dynamics.simulator_stand import Stand

CROSS = {"cross-company": "true"}
US_001 = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')"


def customer(**columns: object) -> dict[str, object]:
    given = {"dataAreaId": "usmf", "CustomerAccount": "US-001", "OrganizationName": "Contoso"}
    return {**given, "CustomerGroupId": "10", "SalesCurrencyCode": "EUR", **columns}


async def create(stand: Stand, **columns: object) -> dict[str, object]:
    answer = await stand.operations.post("CustomersV3", json=customer(**columns))
    assert answer.status_code == 201, answer.text
    return answer.json()


def inner(answer: httpx.Response) -> dict[str, str]:
    """The inner error; the outer one must say nothing and the stack trace must be there."""
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("", "An error has occurred.")
    assert error["innererror"]["stacktrace"]
    return error["innererror"]


async def test_post_answers_201_with_the_full_entity_and_its_defaults(stand: Stand) -> None:
    body = await create(stand, dataAreaId="USMF")
    assert body["dataAreaId"] == "usmf"
    assert (body["PartyType"], body["LanguageId"], body["NameAlias"]) == ("Organization", "en-us", "Contoso")
    assert (body["OnHoldStatus"], body["IsOneTimeCustomer"], body["CreditLimit"]) == ("No", "No", 0)
    assert body["PartyNumber"]
    assert body["PaymentTerms"] == ""
    assert len(body) > 100


async def test_the_etag_is_base64_of_version_and_record_pairs(stand: Stand) -> None:
    etag = str((await create(stand))["@odata.etag"])
    assert etag.startswith('W/"')
    text = base64.b64decode(etag[3:-1]).decode()
    assert text[0] == text[-1] == "'"
    assert len(text.strip("'").split(";")) == 3


async def test_patch_answers_204_without_a_body(stand: Stand) -> None:
    before = await create(stand)
    answer = await stand.operations.patch(US_001, params=CROSS, json={"OrganizationName": "New"})
    assert (answer.status_code, answer.content) == (204, b"")
    after = (await stand.operations.get(US_001, params=CROSS)).json()
    assert after["OrganizationName"] == "New"
    assert after["@odata.etag"] != before["@odata.etag"]


async def test_keys_compare_without_case_and_trailing_blanks(stand: Stand) -> None:
    await create(stand)
    address = "CustomersV3(CustomerAccount='us-001 ',dataAreaId='USMF')"
    assert (await stand.operations.get(address, params=CROSS)).json()["CustomerAccount"] == "US-001"


async def test_keys_with_quotes_slashes_and_hashes(stand: Stand) -> None:
    await create(stand, CustomerAccount="O'R/1#?")
    address = "CustomersV3(dataAreaId='usmf',CustomerAccount='O''R%2F1%23%3F')"
    found = await stand.operations.get(address, params=CROSS)
    assert found.json()["CustomerAccount"] == "O'R/1#?"


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_changing_a_missing_row_is_400_no_resources_found(stand: Stand, method: str) -> None:
    answer = await stand.operations.request(method, US_001, params=CROSS, json={})
    assert answer.status_code == 400
    assert inner(answer)["message"] == "No resources were found when selecting for update."


async def test_without_cross_company_only_the_default_company_is_there(stand: Stand) -> None:
    await create(stand)
    await create(stand, dataAreaId="dat", CustomerAccount="D-1")
    everything = (await stand.operations.get("CustomersV3", params=CROSS)).json()["value"]
    own = (await stand.operations.get("CustomersV3")).json()["value"]
    assert ({row["dataAreaId"] for row in everything}, {row["dataAreaId"] for row in own}) == (
        {"usmf", "dat"},
        {"dat"},
    )
    assert (await stand.operations.get(US_001)).status_code == 404
    patched = await stand.operations.patch(US_001, json={"KnownAs": "x"})
    assert (patched.status_code, inner(patched)["message"]) == (
        400,
        "No resources were found when selecting for update.",
    )
    hidden = await stand.operations.get("CustomersV3", params={"$filter": "dataAreaId eq 'usmf'"})
    assert hidden.json()["value"] == []


async def test_post_of_an_existing_key_is_refused_with_the_set_status(stand: Stand) -> None:
    await create(stand)
    for status in (400, 500):
        await stand.settings(duplicate_status=status)
        answer = await stand.operations.post("CustomersV3", json=customer(CustomerAccount="us-001"))
        assert answer.status_code == status
        assert "The record already exists." in inner(answer)["message"]
        assert inner(answer)["type"].endswith("AxODataWriteException")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "SalesCurrencyCode",
            "XXX",
            "'XXX' in field 'Currency' is not found in the related table 'Currencies'",
        ),
        ("CustomerGroupId", "99", "'99' in field 'Customer group' is not found in the related table"),
        ("PaymentTerms", "Never", "'Never' in field 'Terms of payment' is not found"),
        ("AddressCountryRegionISOCode", "XY", "'XY' in field 'ISO code' is not found"),
        ("InvoiceAccount", "US-404", "'US-404' in field 'Invoice account' is not found"),
        ("LanguageId", "klingon", "'klingon' in field 'Language' is not found"),
    ],
)
async def test_unknown_references_are_an_infolog_naming_the_field(
    stand: Stand, name: str, value: str, expected: str
) -> None:
    refused = await stand.operations.post("CustomersV3", json=customer(**{name: value}))
    assert refused.status_code == 400
    assert expected in inner(refused)["message"]
    assert f"CustCustomerV3Entity.{name}" in inner(refused)["message"]
    await create(stand)
    patched = await stand.operations.patch(US_001, params=CROSS, json={name: value, "KnownAs": "x"})
    assert (patched.status_code, inner(patched)["type"]) == (400, inner(refused)["type"])
    assert (await stand.operations.get(US_001, params=CROSS)).json()["KnownAs"] == ""


async def test_a_group_of_another_company_is_not_found(stand: Stand) -> None:
    answer = await stand.operations.post("CustomersV3", json=customer(dataAreaId="frrt"))
    assert "Customer groups" in inner(answer)["message"]


@pytest.mark.parametrize("field", ["dataAreaId", "CustomerAccount", "FullPrimaryAddress"])
async def test_a_field_that_may_not_be_updated_refuses_the_whole_patch(stand: Stand, field: str) -> None:
    await create(stand)
    answer = await stand.operations.patch(US_001, params=CROSS, json={field: "x", "KnownAs": "y"})
    assert answer.status_code == 403
    assert inner(answer)["type"].endswith("ODataSecurityException")
    assert inner(answer)["message"] == f"Update not allowed for field '{field}'."
    assert (await stand.operations.get(US_001, params=CROSS)).json()["KnownAs"] == ""


async def test_mandatory_fields_and_lengths(stand: Stand) -> None:
    for body, text in (
        (customer(CustomerGroupId=""), "'Customer group' must be filled in"),
        (customer(OrganizationName=""), "'Name' must be filled in"),
        (customer(OrganizationName="x" * 101), "for the following fields: OrganizationName"),
        (customer(CustomerAccount="x" * 21), "for the following fields: CustomerAccount"),
        (customer(dataAreaId="zzzz"), "'Legal entities'"),
    ):
        answer = await stand.operations.post("CustomersV3", json=body)
        assert answer.status_code == 400
        assert text in inner(answer)["message"]
    assert (await create(stand, SalesCurrencyCode=""))["SalesCurrencyCode"] == "USD"


@pytest.mark.parametrize(
    "body",
    [
        {"NoSuchProperty": 1},
        {"organizationName": "case matters"},
        {"OnHoldStatus": "all"},
        {"OnHoldStatus": 2},
        {"CreditLimit": "12"},
        {"CreditLimit": None},
        {"OrganizationNumberOfEmployees": 1.5},
        {"OrganizationName": 5},
        {"AddressValidFrom": "yesterday"},
    ],
)
async def test_bodies_that_do_not_fit_the_type_are_400(stand: Stand, body: dict[str, object]) -> None:
    await create(stand)
    patched = await stand.operations.patch(US_001, params=CROSS, json=body)
    assert patched.status_code == 400
    assert inner(patched)["message"]
    assert (await stand.operations.post("CustomersV3", json={**customer(), **body})).status_code == 400


async def test_if_match_guards_a_change(stand: Stand) -> None:
    etag = str((await create(stand))["@odata.etag"])
    fresh = await stand.operations.patch(
        US_001, params=CROSS, json={"KnownAs": "1"}, headers={"If-Match": etag}
    )
    stale = await stand.operations.patch(
        US_001, params=CROSS, json={"KnownAs": "2"}, headers={"If-Match": etag}
    )
    always = await stand.operations.patch(
        US_001, params=CROSS, json={"KnownAs": "3"}, headers={"If-Match": "*"}
    )
    assert [fresh.status_code, stale.status_code, always.status_code] == [204, 412, 204]


async def test_delete_and_read_of_a_missing_row(stand: Stand) -> None:
    await create(stand)
    assert (await stand.operations.delete(US_001, params=CROSS)).status_code == 204
    assert (await stand.operations.get(US_001, params=CROSS)).status_code == 404


async def test_without_the_token_everything_is_401(stand: Stand) -> None:
    answer = await stand.operations.get("CustomersV3", headers={"Authorization": "Bearer nope"})
    assert answer.status_code == 401


async def test_a_number_is_drawn_when_none_is_given_and_refused_where_not_manual(stand: Stand) -> None:
    sequence = {"prefix": "US-", "digits": 4, "next": 7, "manual": False}
    await stand.settings(companies={"usmf": {"number_sequence": sequence}})
    body = customer()
    del body["CustomerAccount"]
    drawn = [
        (await stand.operations.post("CustomersV3", json=body)).json()["CustomerAccount"] for _ in range(2)
    ]
    assert drawn == ["US-0007", "US-0008"]
    refused = await stand.operations.post("CustomersV3", json=customer())
    assert refused.status_code == 400
    assert inner(refused)["type"].endswith("AxODataFieldValidationException")
    assert "CustomerAccount" in inner(refused)["message"]


async def test_shared_entities_have_no_company(stand: Stand) -> None:
    codes = {row["CurrencyCode"] for row in (await stand.operations.get("Currencies")).json()["value"]}
    assert codes == {"USD", "EUR", "GBP"}
    assert (await stand.operations.get("Currencies('eur')")).json()["CurrencyCode"] == "EUR"
