"""What the stand expects of each ERP, held against customers and plans that are written out here."""

from typing import Any

import pytest

from local.chaos.conditions import Conditions
from local.chaos.customers import Marks, id_in
from local.chaos.expected import customer_of, differences, never_written
from local.chaos.plan import MAPPED, make_plan
from local.chaos.renames import rests
from local.chaos.weather import ERP, usual
from local.commands import TARGETS
from local.demo.scenario import plan
from local.dynamics.faults import FaultRule
from local.erps.business_central import BUSINESS_CENTRAL
from local.erps.by_target import ERPS
from local.erps.nav import NAV
from local.stand import example_settings

ID = "74bda3b1-93a5-4e20-9e9b-8853a5fedb9e"
ACCOUNT: dict[str, Any] = {
    "name": "A0000 name",
    "telephone1": "0000 1",
    "emailaddress1": "A0000@example.com",
    "websiteurl": "https://A0000.example.com",
    "address1_city": "A0000 city",
    "address1_country": "Germany",
    "address1_postalcode": "dk-2100",
    "currency": "Pound Sterling",
    "terms": "Net 30",
    "statecode": 0,
}
CUSTOMERS: dict[str, dict[str, str]] = {
    "operations": {
        "OrganizationName": "A0000 name",
        "PrimaryContactPhone": "0000 1",
        "PrimaryContactEmail": "A0000@example.com",
        "PrimaryContactURL": "https://A0000.example.com",
        "AddressCity": "A0000 city",
        "AddressCountryRegionISOCode": "DE",
        "SalesCurrencyCode": "GBP",
        "PaymentTerms": "Net30",
        "OnHoldStatus": "No",
        "CustomerGroupId": "10",
        "PartyType": "Organization",
        "dataAreaId": "usmf",
    },
    "business-central": {
        "displayName": "A0000 name",
        "phoneNumber": "0000 1",
        "email": "A0000@example.com",
        "website": "https://A0000.example.com",
        "city": "A0000 city",
        "country": "DK",  # that of the post code
        "postalCode": "DK-2100",
        "currencyCode": "GBP",
        "paymentTermsId": "db5b5fab-8f4d-4e27-9da1-494c73cf256d",  # of 14 DAYS
        "blocked": "_x0020_",
    },
    "nav": {
        "Name": "A0000 name",
        "Phone_No": "0000 1",
        "E_Mail": "A0000@example.com",
        "Home_Page": "https://A0000.example.com",
        "City": "A0000 city",
        "Country_Region_Code": "DE",
        "Currency_Code": "",  # the company's own currency
        "Payment_Terms_Code": "14 DAYS",
        "Blocked": "_x0020_",
    },
}
FIELDS = [(target, name) for target, customer in CUSTOMERS.items() for name in customer]


def test_the_command_line_offers_the_erps_that_there_are() -> None:
    assert tuple(ERPS) == TARGETS == tuple(CUSTOMERS)


@pytest.mark.parametrize("target", TARGETS)
def test_the_expected_customer_is_the_one_written_out(target: str) -> None:
    assert customer_of(ERPS[target], ACCOUNT) == CUSTOMERS[target]
    assert list(differences(ERPS[target], ACCOUNT, CUSTOMERS[target])) == []


@pytest.mark.parametrize(("target", "name"), FIELDS)
def test_every_wrong_field_is_noticed(target: str, name: str) -> None:
    (difference,) = differences(ERPS[target], ACCOUNT, CUSTOMERS[target] | {name: "wrong"})
    assert difference.startswith(f"{name} is 'wrong'")


@pytest.mark.parametrize("target", TARGETS)
def test_the_customer_of_a_deleted_account_is_blocked_and_as_it_once_was(target: str) -> None:
    erp = ERPS[target]
    blocked = CUSTOMERS[target] | {erp.fields.hold: "All"}
    assert list(never_written(erp, [ACCOUNT], blocked)) == []
    for name, value in ((erp.fields.hold, "_x0020_"), (erp.fields.city, "x"), (erp.fields.currency, "XXX")):
        (difference,) = never_written(erp, [ACCOUNT], blocked | {name: value})
        assert name in difference


@pytest.mark.parametrize("kept", [ID, ID.upper()])
@pytest.mark.parametrize("target", TARGETS)
def test_the_id_of_the_account_is_known_in_either_case(target: str, kept: str) -> None:
    erp = ERPS[target]
    assert id_in(erp, {erp.id_field: kept}) == ID


def test_a_number_that_passed_to_another_customer_is_no_foreign_write() -> None:
    first = CUSTOMERS["business-central"] | {"id": "1", "number": "N0000"}
    second = first | {"id": "2", "displayName": "A0001 name", "phoneNumber": "0001 1"}
    texts = {"email": "A0001@example.com", "website": "https://A0001.example.com", "city": "A0001 city"}
    marks = Marks(BUSINESS_CENTRAL)
    marks.add([first])
    marks.add([first | {"number": "N0000R"}, second | texts])
    assert list(marks.foreign()) == []
    marks.add([first | {"number": "N0000R", "city": "A0001 city"}])
    assert list(marks.foreign()) == ["customer 1 was written by ['A0000', 'A0001']"]


def test_in_business_central_a_known_post_code_decides_the_city() -> None:
    customer = plan(BUSINESS_CENTRAL, 11, 60).expected()["D-1011"]
    assert (customer["city"], customer["country"]) == ("København Ø", "DK")
    assert (customer["phoneNumber"], customer["currencyCode"]) == ("+45 11", "DKK")


def test_in_nav_a_name_of_more_than_fifty_characters_waits_for_a_shorter_one() -> None:
    assert "D-1011" not in plan(NAV, 11, 11).expected()
    customer = plan(NAV, 11, 60).expected()["D-1011"]
    assert (customer["Name"], customer["Currency_Code"]) == ("Wide World", "EUR")


@pytest.mark.parametrize(
    ("target", "numbering", "own"),
    [
        ("operations", "given", set()),
        ("business-central", "given", {"rename", "address1_postalcode"}),
        ("business-central", "assigned", {"address1_postalcode"}),
        ("nav", "given", {"refused creation"}),
        ("nav", "assigned", {"refused creation"}),
    ],
)
def test_the_chaos_has_what_only_this_erp_does(target: str, numbering: Any, own: set[str]) -> None:
    made = make_plan(Conditions(target=target, numbering=numbering, seed=3))
    kinds = {step.kind for step in made.steps if step.kind == "rename"}
    columns = {name for step in made.steps for name in step.columns if name not in MAPPED}
    trouble = {what for found in made.trouble.values() for what, _ in found}
    found = {*kinds, *(columns & {"address1_postalcode"}), *(trouble & {"refused creation"})}
    assert found == own


@pytest.mark.parametrize("target", TARGETS)
def test_the_faults_of_the_chaos_are_of_a_kind_that_the_simulators_know(target: str) -> None:
    systems = {rule["system"] for rule in usual(target)}
    assert systems == {ERP, "dataverse", "events"}
    for rule in usual(target):
        of_target = {**rule, "system": target if rule["system"] == ERP else rule["system"]}
        FaultRule.model_validate(of_target)


@pytest.mark.parametrize(
    ("state", "resting"),
    [
        ({"Phase": "synced", "CustomerAccount": "N1"}, True),
        ({"Phase": "parked", "CustomerAccount": "N1"}, False),
        ({"Phase": "synced", "LeaseOwner": "x"}, False),
        ({"Phase": "synced", "DoubtfulUntil": "2026-11-22T12:00:00+00:00"}, False),
        ({}, False),
    ],
)
def test_only_a_customer_whose_account_is_at_rest_is_renamed(state: dict[str, str], resting: bool) -> None:
    assert rests(state) is resting


@pytest.mark.parametrize("target", TARGETS)
def test_the_settings_of_the_stand_are_those_of_its_erp_only(target: str) -> None:
    erp = ERPS[target]
    names = example_settings(erp) | erp.settings("http://127.0.0.1:1", "token")
    others = [other.prefix for other in ERPS.values() if other is not erp]
    assert not [name for name in names if name.startswith(tuple(others))]
    assert names["TARGET"] == target
