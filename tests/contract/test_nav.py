"""NAV as the target, over both protocols: what differs from other ERPs, and every answer's named ending."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local.dynamics.nav.environment import CRONUS
from shared.field_maps import load_field_map
from shared.model.customer import CustomerKey, FieldValue
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    CustomerAlreadyExists,
    CustomerNotFound,
    Fault,
    Refused,
    System,
    TransientFault,
)
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause
from shared.targets.nav.links import links
from shared.targets.nav.target import NavTarget
from tests.contract.conftest import Simulated
from tests.contract.nav_stand import MAP, OTHER, NavStand, assigned

KEY = CustomerKey(CRONUS, "C-1")
NEW = CustomerKey(CRONUS, "C-2")
FIELDS: Mapping[str, FieldValue] = {
    "Name": "Contoso Möbel",
    "Country_Region_Code": "DE",
    "Post_Code": "80331",
    "City": "München",
    "Currency_Code": "EUR",
}


@pytest.fixture(params=["v4", "v3"])
def nav(request: pytest.FixtureRequest, simulated: Simulated) -> Iterator[NavStand]:
    stand = NavStand(simulated.simulator, simulated.clients[System.NAV])
    stand.start_anew(request.param)
    yield stand
    stand.start_anew("v4")


@pytest.fixture
async def target(nav: NavStand) -> NavTarget:
    """The adapter, with one customer already there."""
    found = nav.target()
    await found.create(KEY, FIELDS)
    nav.requests()
    return found


async def fields_of(target: NavTarget, key: CustomerKey = KEY) -> Mapping[str, FieldValue]:
    found = await target.find(key)
    assert found is not None
    return found.fields


async def raised[F: Fault](kind: type[F], call: Any) -> F:
    with pytest.raises(kind) as caught:
        await call
    assert type(caught.value) is kind
    return caught.value


async def refusal(call: Any) -> tuple[Cause, str]:
    problem = (await raised(AccountFault, call)).problem
    return problem.cause, problem.field


@pytest.mark.parametrize("company", [CRONUS, OTHER])
@pytest.mark.parametrize(
    "number", ["C-1", "O'NEIL", "A/B", "50%", "#1?&+", "A B", "Ü€", "(X)", "*", "C*", "A|B", "1..9"]
)
async def test_any_number_and_company_find_their_own_customer_only(
    nav: NavStand, company: str, number: str
) -> None:
    target, key = nav.target(), CustomerKey(company, number)
    others = [CustomerKey(company, other) for other in ("C-12", "CX", "A", "B", "5")]
    others.append(CustomerKey(OTHER if company == CRONUS else CRONUS, number))
    for other in others:
        await target.create(other, {**FIELDS, "City": "theirs"})
    assert await target.find(key) is None
    await raised(CustomerNotFound, target.update(key, {"City": "own"}))
    assert (await target.create(key, FIELDS)).key == key
    assert (await target.update(key, {"City": "own"})).key == key
    assert (await fields_of(target, key))["City"] == "own"
    for other in others:
        assert (await fields_of(target, other))["City"] == "theirs"


async def test_numbers_compare_without_case_and_are_stored_in_upper_case(target: NavTarget) -> None:
    for number in ("c-1", " C-1 "):
        found = await target.find(CustomerKey(CRONUS, number))
        assert found is not None
        assert found.key == KEY
    await target.update(CustomerKey(CRONUS, "c-1"), {"City": "x"})
    assert (await fields_of(target))["City"] == "x"


@pytest.mark.parametrize("number", ["C-1", "c-1"])
async def test_an_existing_number_is_refused_and_nothing_changes(
    nav: NavStand, target: NavTarget, number: str
) -> None:
    await raised(CustomerAlreadyExists, target.create(CustomerKey(CRONUS, number), {**FIELDS, "Name": "x"}))
    assert nav.stored()["Name"] == "Contoso Möbel"


async def test_another_row_that_exists_is_not_the_customer(nav: NavStand, target: NavTarget) -> None:
    message = "The Contact already exists. Identification fields and values: No.='C-2'"
    error = {"code": "Internal_EntityWithSameKeyExists", "message": message}
    nav.fault("status", status=400, body={"error": error}, method="POST")
    await raised(Refused, target.create(NEW, FIELDS))


async def test_a_customer_that_was_renamed_is_gone_from_its_old_number(
    nav: NavStand, target: NavTarget
) -> None:
    company = nav.environment.companies[CRONUS]
    row = company.tables["Customer"].pop("C-1")
    nav.environment.put(company, nav.environment.services["Customer"], {**row.values, "No": "C-9"})
    assert await target.find(KEY) is None
    await raised(CustomerNotFound, target.update(KEY, {"City": "x"}))


async def test_the_local_currency_is_blank_in_nav_and_nowhere_else(nav: NavStand, target: NavTarget) -> None:
    for code in ("GBP", "gbp "):
        await target.update(KEY, {"Currency_Code": "EUR"})
        written = await target.update(KEY, {"Currency_Code": code})
        assert nav.stored()["Currency_Code"] == ""
        assert written.fields["Currency_Code"] == "GBP"
    created = await target.create(NEW, {**FIELDS, "Currency_Code": "GBP"})
    assert (await fields_of(target, created.key))["Currency_Code"] == "GBP"
    other = nav.target(local_currency=None)
    assert (await fields_of(other, NEW))["Currency_Code"] == ""
    assert await refusal(other.update(NEW, {"Currency_Code": "GBP"})) == (Cause.REFUSED, "Currency_Code")


async def test_known_currencies_are_the_local_one_and_those_of_the_company(
    nav: NavStand, tmp_path: Path
) -> None:
    nav.environment.page_size = 1
    company = nav.environment.companies[OTHER]
    nav.environment.put(company, nav.environment.services["Currencies"], {"Code": "SEK"})
    target = nav.target()
    known = {code: await target.knows_currency(code) for code in ("gbp", "EUR", "usd ", "SEK", "XXX", "")}
    assert known == {"gbp": True, "EUR": True, "usd ": True, "SEK": False, "XXX": False, "": False}
    assert nav.requests() == ["GET"] * 2
    assert await nav.target(company=None).knows_currency("SEK")
    by_column = 'column = "msdyn_company"\nvalues = {{ "A" = "{0}", "B" = "Nobody" }}'
    for name, known in ((CRONUS, False), (OTHER, True)):
        field_map = assigned(tmp_path, by_column.format(name))
        assert await nav.target(field_map, company=None).knows_currency("SEK") is known
    nav.environment.put(
        nav.environment.companies[CRONUS], nav.environment.services["Currencies"], {"Code": "CHF"}
    )
    nav.clock.advance(6)
    assert await target.knows_currency("CHF")


@pytest.mark.parametrize("blank", ["_x0020_", " ", ""])
@pytest.mark.parametrize("before", [None, "Ship", "Invoice"])
async def test_a_release_restores_what_was_there_in_the_servers_own_form(
    nav: NavStand, blank: str, before: str | None
) -> None:
    nav.environment.blank = blank
    target = nav.target()
    await target.create(KEY, FIELDS)
    if before:
        await target.update(KEY, {"Blocked": before})
    standing = (await fields_of(target))["Blocked"]
    assert standing == (before or blank)
    assert (await target.update(KEY, {"Blocked": "All"})).fields["Blocked"] == "All"
    assert nav.stored()["Blocked"] == "All"
    released = await nav.target().update(KEY, {"Blocked": standing})  # by a process that knows nothing
    assert (nav.stored()["Blocked"], released.fields["Blocked"]) == (before or "", standing)


async def test_a_blank_in_another_form_is_sent_in_the_servers_form(nav: NavStand) -> None:
    nav.environment.blank = " "
    target = nav.target()
    await target.create(KEY, FIELDS)
    await target.find(KEY)
    for blank in ("_x0020_", ""):
        await target.update(KEY, {"Blocked": "All"})
        await target.update(KEY, {"Blocked": blank})
        assert nav.stored()["Blocked"] == ""


async def test_a_write_answers_what_nav_made_of_it(nav: NavStand) -> None:
    target = nav.target()
    made = await target.create(KEY, {**FIELDS, "Post_Code": "ab 1", "Country_Region_Code": "de"})
    assert (made.fields["Post_Code"], made.fields["Country_Region_Code"]) == ("AB 1", "DE")
    assert "Blocked" not in made.fields
    for content in (False, True):
        nav.environment.v3_content = content
        await target.update(KEY, {"Post_Code": "80331", "City": "München"})
        written = await target.update(KEY, {"Post_Code": "10115"})
        assert written.key == KEY
        assert written.fields["City"] == "Berlin"
        assert {**written.fields, "Blocked": nav.environment.blank} == await fields_of(target)
        assert "Blocked" not in written.fields


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_change_is_sent_with_the_version_that_the_server_wants(
    nav: NavStand, target: NavTarget, accepted: bool
) -> None:
    nav.environment.star = accepted
    nav.environment.v3_content = True
    first = ["PATCH"] if accepted else ["PATCH", "GET", "PATCH"]
    later = ["PATCH"] if accepted else ["GET", "PATCH"]
    for requests in (first, later):
        await target.update(KEY, {"City": f"of {len(requests)}"})
        assert nav.requests() == requests
        assert nav.stored()["City"] == f"of {len(requests)}"
    await raised(CustomerNotFound, target.update(NEW, {"City": "x"}))


@pytest.mark.parametrize("star", [True, False])
async def test_a_conflict_is_read_anew_once_and_then_waits(
    nav: NavStand, target: NavTarget, star: bool
) -> None:
    nav.environment.star = star
    await target.update(KEY, {"City": "a"})
    for status in (409, 412):
        nav.fault("conflict", method="PATCH", status=status, count=1)
        await target.update(KEY, {"City": f"b{status}"})
        assert nav.stored()["City"] == f"b{status}"
        nav.fault("conflict", method="PATCH", status=status, count=2)
        fault = await raised(TransientFault, target.update(KEY, {"City": "c"}))
        assert (fault.unknown_outcome, fault.about_system) == (False, False)
        nav.simulator.faults.clear()


@pytest.mark.parametrize("nav", ["v3"], indirect=True)
async def test_merge_is_the_way_where_v3_takes_no_patch(nav: NavStand, target: NavTarget) -> None:
    nav.environment.v3_patch, nav.environment.v3_content = False, True
    for requests in (["PATCH", "MERGE"], ["MERGE"]):
        await target.update(KEY, {"City": "x"})
        assert nav.requests() == requests


async def test_a_change_that_was_answered_without_the_row_counts_even_if_it_cannot_be_read(
    nav: NavStand, target: NavTarget
) -> None:
    nav.fault("status", status=503, method="GET")
    written = await target.update(KEY, {"City": "x"})
    assert (written.key, written.fields["City"]) == (KEY, "x")


async def test_a_refused_create_may_leave_the_row_and_names_its_field(nav: NavStand) -> None:
    target = nav.target()
    refused = {**FIELDS, "Currency_Code": "XXX", "Phone_No": "1"}
    assert await refusal(target.create(KEY, refused)) == (Cause.REFUSED, "Currency_Code")
    left = await fields_of(target)
    assert (left["Name"], left["Currency_Code"], left["Phone_No"]) == ("Contoso Möbel", "GBP", "")
    await target.update(KEY, {**refused, "Currency_Code": "EUR"})
    assert (await fields_of(target))["Phone_No"] == "1"
    nav.environment.refuse_creates = 1
    fault = await raised(Refused, target.create(NEW, FIELDS))
    assert (fault.operation, fault.problem.field) == ("create", "")
    assert (await fields_of(target, NEW))["Name"] == ""


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("Country_Region_Code", "XX", True),
        ("Currency_Code", "XXX", True),
        ("Name", "x" * 51, True),  # the text names no field: it is known by its length
        ("E_Mail", "nobody", False),
    ],
)
async def test_a_refused_value_parks_its_account(
    nav: NavStand, target: NavTarget, field: str, value: str, named: bool
) -> None:
    for call in (target.create(NEW, {**FIELDS, field: value}), target.update(KEY, {field: value})):
        problem = (await raised(AccountFault if named else Refused, call)).problem
        assert (problem.cause, problem.field) == (Cause.REFUSED, field if named else "")
        assert value not in repr(problem)
    assert {**FIELDS}.items() <= (await fields_of(target)).items()


async def test_numbers_that_may_not_be_given_are_refused(nav: NavStand, target: NavTarget) -> None:
    nav.environment.companies[CRONUS].numbers.manual = False
    fault = await raised(Refused, target.create(NEW, FIELDS))
    assert "Manual Nos." in fault.remedy
    await target.update(KEY, {"City": "x"})


async def test_an_assigned_number_comes_back_and_leads_to_the_customer(nav: NavStand, tmp_path: Path) -> None:
    target = nav.target(assigned(tmp_path))
    assert (target.capabilities.assigns_numbers, target.capabilities.code_fields) == (
        True,
        {"No", "Account_Id"},
    )
    one, other = (CustomerKey(CRONUS, str(uuid4()), by="Account_Id") for _ in range(2))
    assert await target.find(one) is None
    made = [
        await target.create(key, {"Account_Id": key.number, "Name": name})
        for key, name in ((one, "a"), (other, "b"))
    ]
    assert [customer.key for customer in made] == [
        CustomerKey(CRONUS, "C00010"),
        CustomerKey(CRONUS, "C00020"),
    ]
    found = await target.find(one)
    assert found is not None
    assert (found.key, found.fields["Name"]) == (made[0].key, "a")
    await target.create(one, {"Account_Id": one.number, "Name": "twin"})
    assert (await refusal(target.find(one)))[0] is Cause.AMBIGUOUS_MATCH


async def test_decimals_have_the_form_of_the_protocol(nav: NavStand, tmp_path: Path) -> None:
    file = tmp_path / "decimal.toml"
    lines = 'target="nav"\n[company]\nsetting="NAV_COMPANY"\n[key]\ncolumn="accountnumber"\n'
    lines += '[fields.Credit_Limit_LCY]\ncolumn="creditlimit"\ntype="decimal"\n'
    file.write_text(lines, encoding="utf-8")
    target = nav.target(load_field_map(str(file), "nav"))
    for value in (Decimal("12.5"), Decimal(7), 0):
        key = CustomerKey(CRONUS, f"D-{value}")
        assert (await target.create(key, {"Credit_Limit_LCY": value})).fields["Credit_Limit_LCY"] == value
        assert (await fields_of(target, key))["Credit_Limit_LCY"] == value


CALLS = {
    "find": lambda target, company: target.find(CustomerKey(company, "C-1")),
    "find by key": lambda target, company: target.find(CustomerKey(company, "C*")),
    "create": lambda target, company: target.create(CustomerKey(company, "C-2"), FIELDS),
    "update": lambda target, company: target.update(CustomerKey(company, "C-1"), {"City": "x"}),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_company_that_is_gone_is_named_by_its_setting_or_parks_its_accounts(
    nav: NavStand, target: NavTarget, tmp_path: Path, call: str
) -> None:
    for company in ("cronus international ltd.", "Nobody"):
        fault = await raised(ConfigurationFault, CALLS[call](target, company))
        assert "Check NAV_COMPANY" in fault.remedy
        by_column = nav.target(assigned(tmp_path, 'column = "msdyn_company"'))
        assert await refusal(CALLS[call](by_column, company)) == (Cause.REFUSED, "Company")
    assert nav.stored()["City"] == "München"


@pytest.mark.parametrize("call", CALLS)
async def test_a_page_that_is_not_published_is_named_by_its_setting(
    nav: NavStand, target: NavTarget, call: str
) -> None:
    del nav.environment.services["Customer"]
    fault = await raised(ConfigurationFault, CALLS[call](target, CRONUS))
    assert "NAV_SERVICE" in str(fault)


async def test_currencies_that_are_not_published_are_named_by_their_setting(nav: NavStand) -> None:
    del nav.environment.services["Currencies"]
    assert await nav.target().knows_currency("GBP")  # the local one needs no page
    for company in (CRONUS, None):
        fault = await raised(ConfigurationFault, nav.target(company=company).knows_currency("EUR"))
        assert "NAV_CURRENCY_SERVICE" in str(fault)
    gone = nav.target(company="Nobody")
    assert "NAV_COMPANY" in str(await raised(ConfigurationFault, gone.knows_currency("EUR")))


async def test_a_field_that_the_page_does_not_have_is_named(nav: NavStand, tmp_path: Path) -> None:
    target = nav.target(assigned(tmp_path))
    page = nav.environment.services["Customer"]
    controls = {name: control for name, control in page.controls.items() if name != "Account_Id"}
    nav.environment.services["Customer"] = type(page)(page.number, page.table, page.key, controls)
    key = CustomerKey(CRONUS, "1", by="Account_Id")
    for call in (target.find(key), target.find(KEY)):
        assert "the control Account_Id" in (await raised(ConfigurationFault, call)).remedy


async def test_a_wrong_access_key_is_a_wrong_set_up(nav: NavStand) -> None:
    wrong = nav.target(key="wrong")
    for call in (
        *(call(wrong, CRONUS) for call in CALLS.values()),
        wrong.probe(),
        wrong.knows_currency("EUR"),
    ):
        await raised(ConfigurationFault, call)


async def test_the_probe_reads_the_companies(nav: NavStand) -> None:
    await nav.target().probe()
    assert nav.requests() == ["GET"]
    nav.fault("status", status=404)
    assert "NAV_PROTOCOL" in (await raised(ConfigurationFault, nav.target().probe())).remedy


def test_links_lead_to_the_record() -> None:
    found = links("https://nav.contoso.example:7048/DynamicsNAV110", OTHER, CustomerKey(OTHER, "C'1"))
    root = (
        "https://nav.contoso.example:7048/DynamicsNAV110/ODataV4/Company('O''Neil%20%26%20S%C3%B6hne%2FAG')"
    )
    root = root.replace("''", "%27%27")
    assert found == {"nav": f"{root}/Customer", "nav_record": f"{root}/Customer('C%27%271')"}
    assert set(links("https://nav", OTHER, None)) == {"nav"}


async def test_only_a_customer_of_the_company_can_be_billed_and_a_rename_is_followed(nav: NavStand) -> None:
    content = MAP.model_dump(by_alias=True)
    content["fields"]["Bill_to_Customer_No"] = {"column": "parentaccountid", "via": "customer"}
    target = nav.target(FieldMap.model_validate(content))
    await target.create(KEY, {**FIELDS, "Bill_to_Customer_No": ""})
    unknown = target.update(KEY, {"Bill_to_Customer_No": "NONE"})
    assert await refusal(unknown) == (Cause.REFUSED, "Bill_to_Customer_No")
    made = await target.create(NEW, {**FIELDS, "Bill_to_Customer_No": "c-1"})
    assert made.fields["Bill_to_Customer_No"] == "C-1"
    elsewhere = target.create(CustomerKey(OTHER, "C-9"), {**FIELDS, "Bill_to_Customer_No": "C-1"})
    assert await refusal(elsewhere) == (Cause.REFUSED, "Bill_to_Customer_No")
    await target.update(KEY, {"No": "C-5"})
    assert (await fields_of(target, NEW))["Bill_to_Customer_No"] == "C-5"
