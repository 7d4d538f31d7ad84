"""The doctor's checks of field map and ERP against the simulators: clean ones, and each planted fault."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from local.dynamics.metadata import FieldFault
from local.dynamics.nav.environment import CRONUS
from shared.dataverse.metadata import DataverseMetadata
from shared.diagnostics.doctor.field_map import FieldMapCheck
from shared.diagnostics.doctor.target_points import TargetPointsCheck
from shared.field_maps import load_field_map
from shared.model.faults import System, TransientFault
from shared.model.field_map import FieldMap
from shared.model.finding import Finding, Grade
from shared.ports import Target
from shared.ports.metadata import SetUp
from shared.targets.business_central.set_up import BusinessCentralSetUp
from shared.targets.nav.set_up import NavSetUp
from shared.targets.operations.set_up import OperationsSetUp
from tests.contract.conftest import ROOT, Simulated
from tests.contract.targets.business_central import BUSINESS_CENTRAL
from tests.contract.targets.business_central import COMPANY as BC_COMPANY
from tests.contract.targets.description import Description
from tests.contract.targets.nav import NAV
from tests.contract.targets.operations import OPERATIONS
from tests.fakes.metadata import FakeSetUp

OK = {Grade.FINE, Grade.NOT_CHECKED}
SETTINGS = {
    "OPERATIONS_COMPANY": "usmf",
    "OPERATIONS_CUSTOMER_GROUP": "10",
    "BUSINESS_CENTRAL_COMPANY": BC_COMPANY,
    "NAV_COMPANY": CRONUS,
}


@pytest.fixture
def stand(simulated: Simulated) -> Simulated:
    simulated.start_anew()
    return simulated


def wrong(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.grade not in OK]


# --- the field map, against both systems


@dataclass(frozen=True, slots=True)
class MapCheck:
    """The check of one field map, and how its simulators' metadata is changed."""

    erp: Description
    field_map: FieldMap
    target: Target
    simulated: Simulated

    async def findings(self) -> Sequence[Finding]:
        sales = DataverseMetadata(self.simulated.client(System.DATAVERSE), self.field_map.only_if)
        return await FieldMapCheck(self.field_map, SETTINGS, self.target, sales).check()

    def plant(self, system: str, **faults: FieldFault) -> None:
        self.simulated.simulator.planted(system).update(faults)

    @property
    def key(self) -> str:
        return str(self.erp.system).replace("-", "_")


def assigned_map(erp: Description) -> FieldMap:
    """The map with which the stand lets the ERP assign the numbers."""
    return load_field_map(str(ROOT / f"local/erps/{erp.system}-assigned.toml"), str(erp.system))


MAPS = [
    *((erp, erp.field_map) for erp in (OPERATIONS, BUSINESS_CENTRAL, *NAV)),
    *((erp, assigned_map(erp)) for erp in (OPERATIONS, BUSINESS_CENTRAL, *NAV)),
]


def name_of(value: object) -> str:
    return f"{value.system}{value.variant}" if isinstance(value, Description) else ""


@pytest.fixture
def check(request: pytest.FixtureRequest, stand: Simulated) -> MapCheck:
    erp, field_map = request.param
    return MapCheck(erp, field_map, erp.adapter(stand.client(erp.system), field_map), stand)


maps = pytest.mark.parametrize(
    "check", MAPS, indirect=True, ids=[f"{name_of(e)}-{n}" for n, (e, _) in enumerate(MAPS)]
)
given_numbers = pytest.mark.parametrize(
    "check", MAPS[:4], indirect=True, ids=[name_of(erp) for erp, _ in MAPS[:4]]
)


@maps
async def test_every_map_that_ships_suits_its_systems(check: MapCheck) -> None:
    findings = await check.findings()
    assert wrong(findings) == []
    good = [finding.check for finding in findings if finding.grade is Grade.FINE]
    erp = check.target.capabilities.name
    assert good == ["field map: columns of Sales", f"field map: fields of {erp}"]


async def test_a_map_for_columns_that_sales_does_not_have_names_each_of_them(stand: Simulated) -> None:
    field_map = load_field_map("operations-dual-write")
    target = OPERATIONS.adapter(stand.client(System.OPERATIONS), field_map)
    found = wrong(await MapCheck(OPERATIONS, field_map, target, stand).findings())
    missing = {column.path for column in field_map.columns if column.column.startswith("msdyn_")}
    assert missing
    missing.add("address1_freighttermscode")  # a column of every Sales, which the simulator does not have
    assert {finding.check for finding in found} == {f"field map: column {path}" for path in missing}


@given_numbers
async def test_each_planted_fault_of_a_field_is_found_and_nothing_else(check: MapCheck) -> None:
    blocking = check.target.capabilities.blocking_field
    number = check.target.capabilities.number_field
    for name in (*sorted(check.field_map.names), blocking, number):
        check.plant(check.key, **{name: FieldFault(missing=True)})
        found = wrong(await check.findings())
        assert {finding.check for finding in found} <= {f"field map: {name}", "field map: key"}, name
        assert any(f'no field "{name}"' in finding.what for finding in found), name
        check.simulated.simulator.planted(check.key).clear()


@given_numbers
async def test_a_field_of_another_type_is_found(check: MapCheck) -> None:
    check.plant(check.key, **{check.erp.city_field: FieldFault(type="Edm.Int64")})
    (found,) = wrong(await check.findings())
    assert (found.check, found.grade) == (f"field map: {check.erp.city_field}", Grade.ERROR)


@given_numbers
async def test_another_key_is_found(check: MapCheck) -> None:
    check.plant(check.key, **{check.erp.city_field: FieldFault(key=True)})
    (found,) = wrong(await check.findings())
    assert (found.check, found.grade) == ("field map: key", Grade.ERROR)


@pytest.mark.parametrize("check", MAPS[1:4], indirect=True, ids=[name_of(erp) for erp, _ in MAPS[1:4]])
async def test_a_field_that_became_shorter_is_found(check: MapCheck) -> None:
    check.plant(check.key, **{check.erp.name_field: FieldFault(max_length=7)})
    (found,) = wrong(await check.findings())
    assert (found.check, found.grade) == (f"field map: {check.erp.name_field}", Grade.WARNING)
    assert "takes 7 characters" in found.what


@pytest.mark.parametrize("check", MAPS[:2], indirect=True, ids=[name_of(erp) for erp, _ in MAPS[:2]])
async def test_a_blocking_value_that_does_not_exist_is_found(check: MapCheck) -> None:
    blocking = check.target.capabilities.blocking_field
    check.plant(check.key, **{blocking: FieldFault(values=("No", "Invoice"))})
    (found,) = wrong(await check.findings())
    assert (found.check, found.grade) == (f"field map: {blocking}", Grade.ERROR)


async def test_a_field_of_operations_that_may_not_be_changed_is_found(stand: Simulated) -> None:
    target = OPERATIONS.made(stand)
    check = MapCheck(OPERATIONS, OPERATIONS.field_map, target, stand)
    check.plant("operations", AddressCity=FieldFault(edit=False), PartyType=FieldFault(edit=False))
    (found,) = wrong(await check.findings())
    assert (found.check, found.grade) == ("field map: AddressCity", Grade.ERROR)


@given_numbers
async def test_each_planted_fault_of_a_column_is_found_and_nothing_else(check: MapCheck) -> None:
    for name in sorted(check.field_map.watched - {"transactioncurrencyid"}):
        check.plant("dataverse", **{name: FieldFault(missing=True)})
        (found,) = wrong(await check.findings())
        assert (found.check, found.grade) == (f"field map: column {name}", Grade.ERROR)
        check.simulated.simulator.planted("dataverse").clear()


@given_numbers
async def test_an_erp_whose_metadata_is_refused_is_not_checked(check: MapCheck) -> None:
    check.simulated.fault(check.erp.system, "status", status=404)
    findings = await check.findings()
    assert wrong(findings) == []
    unread = [one for one in findings if one.grade is Grade.NOT_CHECKED]
    assert [one.check for one in unread] == [f"field map: fields of {check.target.capabilities.name}"]
    assert unread[0].remedy


# --- the ERPs' own points


def operations(stand: Simulated, **settings: str) -> SetUp:
    client = stand.client(System.OPERATIONS)
    return OperationsSetUp(client, OPERATIONS.field_map, {**SETTINGS, **settings})


def business_central(
    stand: Simulated,
    company: str = BC_COMPANY,
    local_currency: str | None = None,
    api_path: str = "api/v2.0",
) -> SetUp:
    return BusinessCentralSetUp(
        stand.client(System.BUSINESS_CENTRAL),
        BUSINESS_CENTRAL.field_map,
        api_path=api_path,
        company=company,
        local_currency=local_currency,
    )


def nav(stand: Simulated, company: str = CRONUS, **given: Any) -> SetUp:
    services = {"NAV_SERVICE": "Customer", "NAV_CURRENCY_SERVICE": "Currencies", **given.pop("services", {})}
    return NavSetUp(
        stand.client(System.NAV),
        given.pop("field_map", NAV[0].field_map),
        services=services,
        protocol=given.pop("protocol", "v4"),
        company=company,
        local_currency=given.pop("local_currency", None),
    )


async def points(set_up: SetUp) -> dict[str, Finding]:
    findings = await TargetPointsCheck(set_up, "ERP").check()
    for finding in findings:
        assert finding.grade is Grade.FINE or (finding.what and finding.remedy)
    return {finding.check: finding for finding in findings}


async def test_operations_as_it_should_be(stand: Simulated) -> None:
    found = await points(operations(stand))
    assert {check: one.grade for check, one in found.items()} == {
        "Operations: company usmf": Grade.FINE,
        "Operations: customer group 10 in usmf": Grade.FINE,
        "Operations: customer numbers": Grade.NOT_CHECKED,
    }
    assert "Manual: Yes" in found["Operations: customer numbers"].remedy


async def test_a_company_without_customer_groups_is_found(stand: Simulated) -> None:
    (found,) = wrong([*(await points(operations(stand, OPERATIONS_COMPANY="usrt"))).values()])
    assert (found.check, found.grade) == ("Operations: company usrt", Grade.ERROR)
    assert "OPERATIONS_COMPANY" in found.remedy


async def test_a_customer_group_that_does_not_exist_is_found(stand: Simulated) -> None:
    (found,) = wrong([*(await points(operations(stand, OPERATIONS_CUSTOMER_GROUP="99"))).values()])
    assert (found.check, found.grade) == ("Operations: customer group 99 in usmf", Grade.ERROR)


async def test_a_customer_group_with_numbers_of_its_own_is_named(stand: Simulated) -> None:
    group = {"dataAreaId": "usmf", "CustomerGroupId": "10", "CustomerAccountNumberSequence": "Cust_10"}
    stand.state(groups=[group])
    found = (await points(operations(stand)))["Operations: customer numbers in usmf"]
    assert found.grade is Grade.NOT_CHECKED
    assert "Cust_10" in found.what


async def test_customer_groups_that_may_not_be_read_are_not_checked(stand: Simulated) -> None:
    stand.fault(System.OPERATIONS, "status", status=403, path="CustomerGroups")
    found = (await points(operations(stand)))["Operations: company usmf"]
    assert found.grade is Grade.NOT_CHECKED


async def test_business_central_as_it_should_be(stand: Simulated) -> None:
    found = await points(business_central(stand))
    assert {check: one.grade for check, one in found.items()} == {
        f"Business Central: company {BC_COMPANY}": Grade.FINE,
        f"Business Central: local currency of {BC_COMPANY}": Grade.FINE,
        "Business Central: customer numbers": Grade.NOT_CHECKED,
        "Business Central: template of new customers": Grade.NOT_CHECKED,
    }
    assert "Manual Nos." in found["Business Central: customer numbers"].remedy


@pytest.mark.parametrize(
    ("path", "page"), [("api/v2.0", "page 30009"), ("api/contoso/sync/v1.0", "OnInsertRecord")]
)
async def test_the_template_is_looked_for_at_the_page_in_use(stand: Simulated, path: str, page: str) -> None:
    found = await points(business_central(stand, api_path=path))
    assert page in found["Business Central: template of new customers"].remedy


async def test_a_company_that_business_central_does_not_have_is_found(stand: Simulated) -> None:
    (found,) = wrong([*(await points(business_central(stand, BC_COMPANY.lower()))).values()])
    assert found.grade is Grade.ERROR
    assert f'Did you mean "{BC_COMPANY}"?' in found.remedy
    assert "BUSINESS_CENTRAL_COMPANY" in found.remedy


@pytest.mark.parametrize(("local", "grade"), [(None, Grade.WARNING), ("USD", Grade.FINE)])
async def test_a_ledger_without_a_currency_needs_the_setting(
    stand: Simulated, local: str | None, grade: Grade
) -> None:
    name = "CRONUS O'Neil & Co. (50%)"
    found = await points(business_central(stand, name, local))
    assert found[f"Business Central: local currency of {name}"].grade is grade


async def test_a_ledger_that_may_not_be_read_is_not_checked(stand: Simulated) -> None:
    stand.fault(System.BUSINESS_CENTRAL, "status", status=403, path="generalLedgerSetup")
    found = await points(business_central(stand))
    assert found[f"Business Central: local currency of {BC_COMPANY}"].grade is Grade.NOT_CHECKED


@pytest.mark.parametrize("protocol", ["v3", "v4"])
async def test_nav_as_it_should_be(stand: Simulated, protocol: str) -> None:
    found = await points(nav(stand, protocol=protocol, local_currency="GBP"))
    assert {check: one.grade for check, one in found.items()} == {
        f"NAV: company {CRONUS}": Grade.FINE,
        f"NAV: page Customer in {CRONUS}": Grade.FINE,
        f"NAV: page Currencies in {CRONUS}": Grade.FINE,
        "NAV: customer numbers": Grade.NOT_CHECKED,
        "NAV: local currency": Grade.NOT_CHECKED,
        "NAV: posting groups": Grade.NOT_CHECKED,
    }


async def test_a_company_that_nav_does_not_have_is_found(stand: Simulated) -> None:
    (found,) = wrong([*(await points(nav(stand, CRONUS.upper()))).values()])
    assert found.grade is Grade.ERROR
    assert f'Did you mean "{CRONUS}"?' in found.remedy


@pytest.mark.parametrize("protocol", ["v3", "v4"])
@pytest.mark.parametrize("setting", ["NAV_SERVICE", "NAV_CURRENCY_SERVICE"])
async def test_a_page_that_is_not_published_is_found(stand: Simulated, setting: str, protocol: str) -> None:
    (found,) = wrong([*(await points(nav(stand, services={setting: "Nothing"}, protocol=protocol))).values()])
    assert (found.check, found.grade) == (f"NAV: page Nothing in {CRONUS}", Grade.ERROR)
    assert setting in found.remedy


async def test_a_page_that_the_user_may_not_read_is_found(stand: Simulated) -> None:
    stand.fault(System.NAV, "status", status=403, path="/Currencies")
    (found,) = wrong([*(await points(nav(stand))).values()])
    assert (found.check, found.grade) == (f"NAV: page Currencies in {CRONUS}", Grade.ERROR)
    assert "permission" in found.remedy


async def test_a_page_that_answers_in_another_way_is_not_checked_and_the_rest_is(stand: Simulated) -> None:
    stand.fault(System.NAV, "status", status=400, path="/Currencies")
    found = await points(nav(stand))
    assert found[f"NAV: page Currencies in {CRONUS}"].grade is Grade.NOT_CHECKED
    assert found[f"NAV: page Customer in {CRONUS}"].grade is Grade.FINE


def map_with_posting_groups() -> FieldMap:
    content = NAV[0].field_map.model_dump(by_alias=True)
    content["fields"]["Customer_Posting_Group"] = {"constant": "DOMESTIC"}
    return FieldMap.model_validate(content)


async def test_posting_groups_in_the_map_leave_nothing_to_look_at(stand: Simulated) -> None:
    found = await points(nav(stand, field_map=map_with_posting_groups()))
    assert "NAV: posting groups" not in found


@pytest.mark.parametrize("made", [operations, business_central, nav])
async def test_an_erp_that_is_away_is_not_checked(
    stand: Simulated, made: Callable[[Simulated], SetUp]
) -> None:
    for system in (System.OPERATIONS, System.BUSINESS_CENTRAL, System.NAV):
        stand.fault(system, "status", status=503)
    (found,) = (await points(made(stand))).values()
    assert (found.check, found.grade) == ("ERP: set-up", Grade.NOT_CHECKED)


async def test_companies_from_a_column_that_the_map_does_not_list_are_not_checked(stand: Simulated) -> None:
    field_map = OPERATIONS.field_map
    company = replace_company(field_map, column="msdyn_company")
    found = await points(OperationsSetUp(stand.client(System.OPERATIONS), company, SETTINGS))
    assert found["Operations: companies"].grade is Grade.NOT_CHECKED


async def test_each_company_that_the_map_lists_is_checked(stand: Simulated) -> None:
    company = replace_company(OPERATIONS.field_map, column="company", values={"1": "usmf", "2": "usrt"})
    found = await points(OperationsSetUp(stand.client(System.OPERATIONS), company, SETTINGS))
    assert found["Operations: company usmf"].grade is Grade.FINE
    assert found["Operations: company usrt"].grade is Grade.ERROR


def replace_company(field_map: FieldMap, **company: object) -> FieldMap:
    content = field_map.model_dump(by_alias=True)
    content["company"] = {"field": field_map.company.field, **company}
    return FieldMap.model_validate(content)


async def test_a_set_up_that_cannot_be_read_is_not_checked() -> None:
    fault = TransientFault(System.NAV, "answered 503")
    (found,) = await TargetPointsCheck(FakeSetUp(fault=fault), "NAV").check()
    assert (found.check, found.grade) == ("NAV: set-up", Grade.NOT_CHECKED)
