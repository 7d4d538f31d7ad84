"""The check of a field map: each fault that it claims to find is planted, and nothing else is found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.diagnostics.doctor.field_map import FieldMapCheck
from shared.model.description import FieldDescription, ValueType
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.field_map import FieldMap
from shared.model.finding import Finding, Grade
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeOperations, described_by
from tests.fakes.metadata import FakeSalesMetadata, choice, text

NUMBER = FieldDescription(ValueType.INTEGER)
FLAG = FieldDescription(ValueType.YES_NO)
LOOKUP = FieldDescription(ValueType.LOOKUP, refers_to=("contact",))
CONTENT: dict[str, Any] = {
    "company": {"setting": "OPERATIONS_COMPANY", "field": "dataAreaId"},
    "key": {"column": "accountnumber", "field": "CustomerAccount"},
    "only_if": [{"column": "customertypecode", "in": [3]}],
    "fields": {
        "OrganizationName": {"column": "name", "max_length": 100},
        "SalesCurrencyCode": {"column": "transactioncurrencyid", "via": "currency", "max_length": 3},
        "CustomerGroupId": {"setting": "OPERATIONS_CUSTOMER_GROUP"},
        "PartyType": {"constant": "Organization"},
        "AddressCity": {"column": "address1_city"},
        "DeliveryMode": {"column": "customertypecode", "via": "modes"},
        "NumberOfEmployees": {"column": "numberofemployees", "type": "integer"},
        "CreditLimit": {"column": "creditlimit", "type": "decimal"},
        "ContactName": {"column": "primarycontactid", "lookup": "fullname"},
        "Terms": {"setting": "TERMS"},
        "InvoiceAccount": {"column": "parentaccountid", "via": "customer"},
    },
    "hold": {"field": "OnHoldStatus", "blocked": "All"},
    "value_maps": {"modes": {str(number): "Air" for number in range(1, 13)}},
}
SETTINGS = {"OPERATIONS_COMPANY": "usmf", "OPERATIONS_CUSTOMER_GROUP": "10", "TERMS": "Net30"}


def field_map(**changes: Any) -> FieldMap:
    return FieldMap.model_validate(CONTENT | changes)


def with_field(name: str, **entry: Any) -> FieldMap:
    return field_map(fields={**CONTENT["fields"], name: entry})


@dataclass
class World:
    """A field map with both systems; everything is right until a test changes it."""

    field_map: FieldMap = field(default_factory=field_map)
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))
    sales: FakeSalesMetadata = field(default_factory=FakeSalesMetadata)
    erp: FakeOperations = field(default_factory=lambda: FakeOperations(FakeClock()))

    def __post_init__(self) -> None:
        described = described_by(self.field_map)
        lengths = dict.fromkeys(described.fields, 200) | {"CustomerAccount": 20, "OrganizationName": 100}
        fields = {
            name: text(lengths[name]) if one.type is ValueType.TEXT else one
            for name, one in described.fields.items()
        }
        fields |= {
            "NumberOfEmployees": NUMBER,
            "CreditLimit": FieldDescription(ValueType.DECIMAL),
            "Terms": choice("Net30", "Net60"),
            "DeliveryMode": choice("Air", "Road"),
            "Added": FieldDescription(ValueType.TEXT),
        }
        self.erp.described = replace(described, fields=fields)

    def target(self, **fields: FieldDescription | None) -> None:
        changed = {**self.erp.described.fields, **fields}
        kept = {name: one for name, one in changed.items() if one is not None}
        self.erp.described = replace(self.erp.described, fields=kept)

    async def findings(self) -> Sequence[Finding]:
        return await FieldMapCheck(self.field_map, self.settings, self.erp, self.sales).check()

    async def faults(self) -> Sequence[Finding]:
        return [finding for finding in await self.findings() if finding.grade is not Grade.FINE]


async def test_a_map_that_suits_both_systems_gives_two_good_findings() -> None:
    findings = await World().findings()
    assert [(one.check, one.grade, one.why, one.remedy) for one in findings] == [
        ("field map: columns of Sales", Grade.FINE, "", ""),
        ("field map: fields of Operations", Grade.FINE, "", ""),
    ]


type Plant = Callable[[World], object]
COLUMNS: list[tuple[str, Plant, str, Grade, str]] = [
    (
        "missing column",
        lambda world: world.sales.change(address1_city=None),
        "field map: column address1_city",
        Grade.ERROR,
        'no column "address1_city"',
    ),
    (
        "reference without lookup",
        lambda world: world.sales.change(address1_city=LOOKUP),
        "field map: column address1_city",
        Grade.ERROR,
        "refers to another row",
    ),
    (
        "lookup on a plain column",
        lambda world: world.sales.change(primarycontactid=text(100)),
        "field map: column primarycontactid.fullname",
        Grade.ERROR,
        "refers to no other row",
    ),
    (
        "missing column of the other row",
        lambda world: world.sales.tables.update(
            contact=replace(world.sales.tables["contact"], columns={"lastname": text(50)})
        ),
        "field map: column primarycontactid.fullname",
        Grade.ERROR,
        'contact has no column "fullname"',
    ),
    (
        "reference to several tables",
        lambda world: world.sales.change(primarycontactid=replace(LOOKUP, refers_to=("contact", "account"))),
        "field map: column primarycontactid.fullname",
        Grade.NOT_CHECKED,
        "several tables",
    ),
    (
        "customer of a row that is no account",
        lambda world: world.sales.change(parentaccountid=LOOKUP),
        "field map: column parentaccountid",
        Grade.ERROR,
        "refers to contact, not to accounts",
    ),
    (
        "customer of a plain column",
        lambda world: world.sales.change(parentaccountid=text(100)),
        "field map: column parentaccountid",
        Grade.ERROR,
        "refers to no other row",
    ),
    (
        "customer of rows of several tables",
        lambda world: world.sales.change(parentaccountid=replace(LOOKUP, refers_to=("account", "contact"))),
        "field map: column parentaccountid",
        Grade.WARNING,
        "other tables too",
    ),
    (
        "column that is no number",
        lambda world: world.sales.change(numberofemployees=FLAG),
        "field map: NumberOfEmployees",
        Grade.ERROR,
        "takes it for a whole number",
    ),
    (
        "option without an entry",
        lambda world: world.sales.change(customertypecode=choice("3", "77", "78")),
        "field map: DeliveryMode",
        Grade.WARNING,
        "no entry for the options 77, 78",
    ),
]
FIELDS: list[tuple[str, Plant, str, Grade, str]] = [
    (
        "field shorter than another customer's number",
        lambda world: world.target(InvoiceAccount=text(10)),
        "field map: InvoiceAccount",
        Grade.WARNING,
        "takes 10 characters, and the field map lets 20 through",
    ),
    (
        "missing field",
        lambda world: world.target(AddressCity=None),
        "field map: AddressCity",
        Grade.ERROR,
        'no field "AddressCity"',
    ),
    (
        "text into a number",
        lambda world: world.target(AddressCity=NUMBER),
        "field map: AddressCity",
        Grade.ERROR,
        "is a whole number, and the field map sends a text",
    ),
    (
        "whole number into a text",
        lambda world: world.target(NumberOfEmployees=text(20)),
        "field map: NumberOfEmployees",
        Grade.ERROR,
        "sends a whole number",
    ),
    (
        "decimal number into a whole one",
        lambda world: world.target(CreditLimit=NUMBER),
        "field map: CreditLimit",
        Grade.ERROR,
        "sends a decimal number",
    ),
    (
        "shorter than the map",
        lambda world: world.target(OrganizationName=text(60)),
        "field map: OrganizationName",
        Grade.WARNING,
        "takes 60 characters, and the field map lets 100 through",
    ),
    (
        "shorter than Sales' column",
        lambda world: world.target(AddressCity=text(60)),
        "field map: AddressCity",
        Grade.WARNING,
        "takes 60 characters, and the field map lets 80 through",
    ),
    (
        "shorter than the currency's code",
        lambda world: world.target(SalesCurrencyCode=text(2)),
        "field map: SalesCurrencyCode",
        Grade.WARNING,
        "takes 2 characters",
    ),
    (
        "shorter than the other row's column",
        lambda world: world.target(ContactName=text(50)),
        "field map: ContactName",
        Grade.WARNING,
        "lets 160 through",
    ),
    (
        "shorter than a setting",
        lambda world: world.settings.update(OPERATIONS_CUSTOMER_GROUP="X" * 201),
        "field map: CustomerGroupId",
        Grade.ERROR,
        "its value has 201",
    ),
    (
        "shorter than a constant",
        lambda world: world.target(PartyType=text(5)),
        "field map: PartyType",
        Grade.ERROR,
        "its value has 12",
    ),
    (
        "number shorter than the map",
        lambda world: world.target(CustomerAccount=text(10)),
        "field map: CustomerAccount",
        Grade.WARNING,
        "takes 10 characters, and the field map lets 20 through",
    ),
    (
        "value of a setting",
        lambda world: world.settings.update(TERMS="Never"),
        "field map: Terms",
        Grade.ERROR,
        "has no value Never",
    ),
    (
        "value of a value map",
        lambda world: world.target(DeliveryMode=choice("Road")),
        "field map: DeliveryMode",
        Grade.ERROR,
        "has no value Air",
    ),
    (
        "value of a constant",
        lambda world: world.target(PartyType=choice("Person")),
        "field map: PartyType",
        Grade.ERROR,
        "has no value Organization",
    ),
    (
        "field that never changes",
        lambda world: world.target(AddressCity=replace(text(80), on_change=False, on_create=True)),
        "field map: AddressCity",
        Grade.ERROR,
        'does not let "AddressCity" change',
    ),
    (
        "other key",
        lambda world: setattr(
            world.erp, "described", replace(world.erp.described, keys=frozenset({"PartyNumber"}))
        ),
        "field map: key",
        Grade.ERROR,
        "The key of CustomerV3 is PartyNumber, not CustomerAccount, dataAreaId",
    ),
    (
        "missing number",
        lambda world: world.target(CustomerAccount=None),
        "field map: CustomerAccount",
        Grade.ERROR,
        'no field "CustomerAccount"',
    ),
    (
        "missing block",
        lambda world: world.target(OnHoldStatus=None),
        "field map: OnHoldStatus",
        Grade.ERROR,
        'no field "OnHoldStatus"',
    ),
    (
        "other values of the block",
        lambda world: world.target(OnHoldStatus=choice("No", "Invoice")),
        "field map: OnHoldStatus",
        Grade.ERROR,
        'has no value "All"',
    ),
    (
        "block that never changes",
        lambda world: world.target(OnHoldStatus=replace(choice("No", "All"), on_change=False)),
        "field map: OnHoldStatus",
        Grade.ERROR,
        'does not let "OnHoldStatus" change',
    ),
    (
        "untold values of the block",
        lambda world: world.target(OnHoldStatus=text(20)),
        "field map: OnHoldStatus",
        Grade.NOT_CHECKED,
        "does not tell the values",
    ),
]


@pytest.mark.parametrize(
    ("plant", "check", "grade", "what"),
    [pytest.param(*fault[1:], id=fault[0]) for fault in (*COLUMNS, *FIELDS)],
)
async def test_a_planted_fault_is_found_with_its_remedy_and_nothing_else(
    plant: Plant, check: str, grade: Grade, what: str
) -> None:
    world = World()
    plant(world)
    (found,) = await world.faults()
    assert (found.check, found.grade) == (check, grade)
    assert what in found.what
    assert found.remedy
    assert found.why or grade is Grade.NOT_CHECKED


async def test_a_misspelt_column_and_field_come_with_what_was_meant() -> None:
    world = World(with_field("Aded", column="address1_citi"))
    world.target(Aded=None)
    column, missing = await world.faults()
    assert 'Did you mean "address1_city"?' in column.remedy
    assert 'Did you mean "Added"?' in missing.remedy


async def test_a_row_rule_with_an_option_that_does_not_exist_is_found() -> None:
    world = World(field_map(only_if=[{"column": "customertypecode", "in": [3, 99]}]))
    (found,) = await world.faults()
    assert (found.check, found.grade) == ("field map: only_if customertypecode", Grade.WARNING)
    assert "no option 99" in found.what


@pytest.mark.parametrize("length", [35, 36, None])
async def test_a_second_key_must_take_the_id_of_an_account(length: int | None) -> None:
    key = {"assigned_by_erp": True, "second_key": "IdentificationNumber", "field": "CustomerAccount"}
    world = World(field_map(key=key))
    world.target(IdentificationNumber=FieldDescription(ValueType.TEXT, length))
    found = [one.check for one in await world.faults()]
    assert found == (["field map: IdentificationNumber"] if length == 35 else [])


async def test_a_second_key_that_does_not_exist_is_found() -> None:
    key = {"assigned_by_erp": True, "second_key": "IdentificationNumber", "field": "CustomerAccount"}
    world = World(field_map(key=key))
    world.target(IdentificationNumber=None)
    (found,) = await world.faults()
    assert (found.check, found.grade) == ("field map: IdentificationNumber", Grade.ERROR)


async def test_a_constant_that_is_given_at_creation_only_is_fine() -> None:
    world = World()
    world.target(PartyType=replace(text(20), on_change=False, on_create=True))
    assert await world.faults() == []
    world.target(PartyType=replace(text(20), on_change=False, on_create=False))
    (found,) = await world.faults()
    assert found.check == "field map: PartyType"


async def test_lengths_that_the_erp_does_not_tell_are_not_checked() -> None:
    world = World()
    fields = world.erp.described.fields
    world.target(**{name: replace(one, max_length=None) for name, one in fields.items()})
    (found,) = await world.faults()
    assert (found.check, found.grade) == ("field map: lengths of Operations", Grade.NOT_CHECKED)
    assert "fields of Operations" in [*await world.findings()][1].check


REFUSED = ConfigurationFault(System.DATAVERSE, "answered 403.", "Give the right.")
AWAY = TransientFault(System.OPERATIONS, "answered 503")


async def test_sales_that_cannot_be_read_is_not_checked_and_the_erp_still_is() -> None:
    world = World()
    world.sales.fault = REFUSED
    world.target(AddressCity=None)
    missing, unread = await world.faults()
    assert missing.check == "field map: AddressCity"
    assert (unread.check, unread.grade) == ("field map: columns of Sales", Grade.NOT_CHECKED)
    assert (unread.what, unread.remedy) == ("It could not be read: answered 403.", "Give the right.")


async def test_an_erp_that_cannot_be_read_is_not_checked_and_sales_still_is() -> None:
    world = World()
    world.erp.trouble = AWAY
    world.sales.change(address1_city=None)
    missing, unread = await world.faults()
    assert missing.check == "field map: column address1_city"
    assert (unread.check, unread.grade) == ("field map: fields of Operations", Grade.NOT_CHECKED)
    assert "answered 503" in unread.what
    assert unread.remedy


async def test_a_table_account_that_is_not_there_is_an_error_not_a_good_finding() -> None:
    world = World()
    del world.sales.tables["account"]
    findings = await world.faults()
    assert {one.grade for one in findings} == {Grade.ERROR}
    assert len(findings) >= len(CONTENT["fields"]) - 3
