"""The shipped field maps load; what does not hold together is refused by name."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from shared.field_maps import FieldMapError, load_field_map
from shared.model.field_source import Column, MappedField, TableHeaders
from shared.model.map_sections import Company, Hold, Key, RowRule
from shared.setting_types import TargetName

SHIPPED = Path(__file__).parents[2] / "shared/targets"
SOUND = """
[company]
setting = "OPERATIONS_COMPANY"
[key]
column = "accountnumber"
[fields.OrganizationName]
column = "name"
"""


def refusal(tmp_path: Path, text: str) -> str:
    file = tmp_path / "own.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FieldMapError) as raised:
        load_field_map(str(file))
    assert "own.toml" in str(raised.value)
    return str(raised.value)


def test_the_default_map_needs_standard_columns_only() -> None:
    found = load_field_map("operations")
    assert not any(name.startswith(("msdyn_", "cdm_")) for name in found.watched)
    assert not found.only_if
    assert found.settings == {"OPERATIONS_COMPANY", "OPERATIONS_CUSTOMER_GROUP"}
    assert found.has_currency
    assert {"accountnumber", "name", "statecode", "statuscode", "transactioncurrencyid"} <= found.watched


def test_the_examples_of_the_default_map_work_without_their_marks(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "shared/targets/operations/operations.toml"
    before, begin, rest = shipped.read_text(encoding="utf-8").partition("# [fields.PaymentTerms]\n")
    examples, end, after = rest.partition("[fields.PartyType]")
    group = '[fields.CustomerGroupId]\nsetting = "OPERATIONS_CUSTOMER_GROUP"\nmax_length = 10\n'
    assert group in before  # which one of the examples replaces
    lines = [line for line in (begin + examples).splitlines() if not re.match("# [A-Z]", line)]
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)
    own = tmp_path / "own.toml"
    own.write_text(f"{before.replace(group, '')}{text}\n{end}{after}", encoding="utf-8")
    found = load_field_map(str(own))
    assert set(found.mapping_tables) == {"payment-terms", "customer-groups", "delivery-terms"}
    assert set(found.customer_fields) == {"InvoiceAccount"}


def test_the_dual_write_map_takes_company_and_group_from_the_account() -> None:
    found = load_field_map("operations-dual-write")
    assert found.settings == set()
    assert found.company.column == "msdyn_company"
    assert {"msdyn_company", "msdyn_customergroupid", "customertypecode"} <= found.watched
    assert [rule.column for rule in found.only_if] == ["customertypecode"]


@pytest.mark.parametrize("name", ["operations", "operations-dual-write"])
def test_every_column_that_is_read_is_watched_and_named_once(name: str) -> None:
    found = load_field_map(name)
    paths = [column.path for column in found.columns]
    assert len(paths) == len(set(paths))
    assert {column.column for column in found.columns} | {"transactioncurrencyid"} == found.watched
    for field in found.fields.values():
        assert not field.path or field.via == "currency" or field.path in paths


def test_a_column_of_a_look_up_may_be_named_in_one(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    contact = '[fields.Email]\ncolumn = "primarycontactid.emailaddress1"\n'
    file.write_text(SOUND + contact, encoding="utf-8")
    found = load_field_map(str(file))
    assert found.fields["Email"].path == "primarycontactid.emailaddress1"
    assert Column(column="primarycontactid", lookup="emailaddress1") in found.columns
    assert "primarycontactid" in found.watched


def test_a_field_may_go_through_a_mapping_table_by_its_label(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    terms = '[fields.PaymentTerms]\ncolumn = "paymenttermscode"\nlabel = true\nvia = "table:payment-terms"\n'
    headers = '[tables.payment-terms]\nheaders = ["Terms in Sales", "Terms in the ERP"]\n'
    file.write_text(SOUND + terms + headers, encoding="utf-8")
    found = load_field_map(str(file))
    table = found.mapping_tables["payment-terms"]
    assert (table.fields, table.labels) == (("PaymentTerms",), ("paymenttermscode",))
    assert table.headers == ("Terms in Sales", "Terms in the ERP")
    assert found.mapping_table("payment-terms") is table
    assert list(found.looked_up) == ["PaymentTerms"]
    assert found.fields["PaymentTerms"].value_map is None


def test_a_table_may_be_used_before_a_field_goes_through_it() -> None:
    found = load_field_map("operations")
    assert found.mapping_table("terms").fields == ()
    assert found.mapping_table("terms").headers == ("Source", "Target")
    assert found.mapping_table("currency").of_currencies
    with pytest.raises(ValueError, match="such as payment-terms"):
        found.mapping_table("Terms!")


def test_country_names_lead_to_iso_codes() -> None:
    countries = tomllib.loads((SHIPPED / "countries.toml").read_text(encoding="utf-8"))
    assert len(set(countries.values())) >= 249
    assert all(len(code) == 2 and code.isupper() for code in countries.values())


def test_entries_of_an_own_map_come_on_top_of_the_shipped_ones(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        SOUND + '[value_maps.country]\n"Deutschland" = "DE"\n"Germany" = "XX"\n', encoding="utf-8"
    )
    countries = load_field_map(str(file)).value_maps["country"]
    assert (countries["Deutschland"], countries["Germany"], countries["France"]) == ("DE", "XX", "FR")


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("nonsense = 1", "nonsense"),
        ('[fields.A]\ncolumn = "a"\nconstant = "b"', "fields.A"),
        ("[fields.A]\nrequired = true", "fields.A"),
        ('[fields.A]\ncolumn = "a"\ncolour = "b"', "fields.A.colour"),
        ('[fields.A]\ncolumn = "a"\nmax_length = 0', "fields.A.max_length"),
        ('[fields.A]\ncolumn = "a"\non_too_long = "burn"', "fields.A.on_too_long"),
        ('[fields.A]\ncolumn = "a"\ntype = "date"', "fields.A.type"),
        ('[fields.A]\ncolumn = "a"\nvia = "colours"', "value_maps.colours"),
        ('[fields.A]\ncolumn = "a"\nvia = "currency"', "fields.A"),
        ('[fields.A]\ncolumn = "a b"', "fields.A.column"),
        ('[fields.A]\ncolumn = "a?$select=b"', "fields.A.column"),
        ('[fields."A,B"]\ncolumn = "a"', "A,B"),
        ('[fields.CustomerAccount]\ncolumn = "a"', "fields.CustomerAccount"),
        ('[fields.OnHoldStatus]\ncolumn = "a"', "fields.OnHoldStatus"),
        ('[fields.dataAreaId]\ncolumn = "a"', "fields.dataAreaId"),
        ('[[only_if]]\ncolumn = "a"', "only_if"),
        ('[[only_if]]\ncolumn = "a"\nin = [1]\nfilled = true', "only_if"),
        ("[[only_if]]\nin = [1]", "only_if.0.column"),
        ("[value_maps.colours]\nred = 5", "value_maps.colours.red"),
        ('[fields.A]\ncolumn = "a.b"\nlookup = "c"', "fields.A"),
        ('[fields.A]\ncolumn = "a.b.c"', "fields.A.lookup"),
        ('[fields.A]\ncolumn = ".b"', "fields.A.column"),
        ('[fields.A]\ncolumn = "a."', "fields.A.lookup"),
        ('[fields.A]\nsetting = "B"\nvia = "table:terms"', "fields.A"),
        ('[fields.A]\ncolumn = "a"\nvia = "table:"', "fields.A"),
        ('[fields.A]\ncolumn = "a"\nvia = "table:Payment Terms"', "such as payment-terms"),
        ('[fields.A]\ncolumn = "a"\nvia = "table:currency"', 'is via = "currency"'),
        ('[fields.A]\ncolumn = "a"\nlookup = "b"\nlabel = true', "fields.A"),
        ('[fields.A]\nconstant = "a"\nlabel = true', "fields.A"),
        ('[fields.A]\nsetting = "B"\nvia = "customer"', "fields.A"),
        ('[fields.A]\ncolumn = "a.b"\nvia = "customer"', "fields.A"),
        ('[tables.terms]\nheaders = ["A"]', "tables.terms.headers"),
        ('[tables.terms]\nheaders = ["A", " a"]', "tables.terms.headers"),
        ('[tables.terms]\nheaders = ["A", ""]', "tables.terms.headers"),
        ('[tables."a b"]\nheaders = ["A", "B"]', "tables.a b"),
        ('[tables.currency]\nheaders = ["A", "B"]', "tables.currency"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(tmp_path: Path, entry: str, named: str) -> None:
    assert named in refusal(tmp_path, entry + SOUND if entry == "nonsense = 1" else SOUND + entry)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('[fields.A]\ncolum = "a"', 'fields.A.colum: there is no such key; did you mean "column"?'),
        ('[hold]\nblock = "All"', 'hold.block: there is no such key; did you mean "blocked"?'),
        ('[[only_if]]\ncolumn = "a"\nnotin = [1]', 'only_if.0.notin: .* did you mean "not_in"?'),
        ('[[only_if]]\ncolumn = "a"\nzzz = [1]', "only_if.0.zzz: .* there are column, in, not_in, filled"),
        ('[valuemaps.x]\na = "b"', 'valuemaps: there is no such key; did you mean "value_maps"?'),
    ],
)
def test_a_wrong_key_is_named_with_the_nearest_right_one(tmp_path: Path, entry: str, said: str) -> None:
    assert re.search(said.replace("?", r"\?"), refusal(tmp_path, SOUND + entry))


@pytest.mark.parametrize(
    ("company", "key", "named"),
    [
        ("", 'column = "a"', "company"),
        ('setting = "A"\ncolumn = "b"', 'column = "a"', "company"),
        ('setting = "A"', "", "key"),
        ('setting = "A"', "assigned_by_erp = true", "second_key"),
        ('setting = "A"', 'column = "a"\nmax_length = -1', "key.max_length"),
    ],
)
def test_company_and_key_need_exactly_one_source(tmp_path: Path, company: str, key: str, named: str) -> None:
    text = f'[company]\n{company}\n[key]\n{key}\n[fields.A]\ncolumn = "a"\n'
    assert named in refusal(tmp_path, text)


def test_all_wrong_entries_are_told_at_once(tmp_path: Path) -> None:
    text = refusal(tmp_path, SOUND + '[fields.A]\n[fields.B]\ncolumn = "a"\ntype = "date"\n')
    assert "fields.A" in text
    assert "fields.B" in text


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    assert "TOML" in refusal(tmp_path, "[company")
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(FieldMapError, match="TOML"):
        load_field_map(str(tmp_path / "own.toml"))


@pytest.mark.parametrize("name", ["nowhere", "countries.toml.bak", "/nowhere/at/all.toml"])
def test_an_unknown_map_is_refused_with_the_shipped_ones(name: str) -> None:
    with pytest.raises(FieldMapError, match="operations, operations-dual-write"):
        load_field_map(name)


def test_a_map_that_assigns_numbers_finds_customers_by_the_second_key(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    key = '[key]\nassigned_by_erp = true\nsecond_key = "IdentificationNumber"\n'
    file.write_text('[company]\nsetting = "A"\n' + key + '[fields.B]\ncolumn = "b"\n', encoding="utf-8")
    found: Any = load_field_map(str(file))
    assert found.key.second_key == "IdentificationNumber"


VERSION_1 = Path(__file__).parents[1] / "samples/version1/field-map.toml"


def test_a_field_map_of_version_1_means_the_same_and_is_warned_of() -> None:
    found = load_field_map(str(VERSION_1))
    assert found.model_dump() == load_field_map("operations").model_dump()
    assert found.warnings == [
        'The field map\'s key "target" in [key] is now called "field": rename it.',
        'The field map\'s key "target" in [hold] is now called "field": rename it.',
    ]
    assert not load_field_map("operations").warnings


def test_every_old_key_still_works(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    key = '[key]\nassigned_by_operations = true\nsecond_key = "S"\ntarget = "Number"\n'
    hold = '[hold]\ntarget = "Blocked"\nblocked = "Yes"\n'
    file.write_text(f'[company]\nsetting = "A"\n{key}{hold}[fields.B]\ncolumn = "b"\n', encoding="utf-8")
    found = load_field_map(str(file))
    assert (found.key.field, found.key.assigned_by_erp) == ("Number", True)
    assert (found.hold.field, found.hold.blocked) == ("Blocked", "Yes")
    assert len(found.warnings) == 3
    assert all(warning.count("\n") == 0 for warning in found.warnings)


def test_an_old_key_beside_its_new_name_is_refused(tmp_path: Path) -> None:
    text = SOUND.replace("[key]", '[key]\ntarget = "A"\nfield = "B"')
    assert "key.target: there is no such key" in refusal(tmp_path, text)


def test_the_names_of_the_erps_own_fields_come_from_the_erp(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(SOUND, encoding="utf-8")
    found = load_field_map(str(file))
    assert (found.company.field, found.key.field) == ("dataAreaId", "CustomerAccount")
    assert (found.hold.field, found.hold.blocked) == ("OnHoldStatus", "All")


GUIDE = (Path(__file__).parents[2] / "docs/field-map.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_guide_works(tmp_path: Path, number: int) -> None:
    file = tmp_path / "own.toml"
    file.write_text(EXAMPLES[number], encoding="utf-8")
    target = tomllib.loads(EXAMPLES[number]).get("target", "operations")
    assert not load_field_map(str(file), target).warnings


def test_the_guide_shows_every_map_and_every_target() -> None:
    shipped = {file.stem for file in SHIPPED.glob("*/*.toml")} - {"defaults"}
    (table,) = re.findall(r"^\| map of the app .*?(?=\n\n)", GUIDE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE)) == shipped
    (section,) = re.findall(r"^## target.*?(?=^## )", GUIDE, re.MULTILINE | re.DOTALL)
    for target in TargetName:
        defaults = tomllib.loads((SHIPPED / target.replace("-", "_") / "defaults.toml").read_text())
        (row,) = re.findall(rf"^\| `{target}` \|.*`{defaults['company']['field']}`.*$", section, re.MULTILINE)
        named = [defaults["key"]["field"], defaults["hold"]["field"], defaults["hold"]["blocked"]]
        assert all(f"`{name}`" in row for name in named), target


def test_the_guide_shows_every_key() -> None:
    entries: dict[str, type[BaseModel]] = {
        "[company]": Company, "[key]": Key, "[[only_if]]": RowRule, "[fields.": MappedField, "[hold]": Hold,
        "[tables.": TableHeaders,
    }  # fmt: skip
    for head, model in entries.items():
        shown = " ".join(
            re.findall(rf"^{re.escape(head)}[^\n]*\n(.*?)(?:\n\n|\Z)", GUIDE, re.MULTILINE | re.DOTALL)
        )
        (text,) = re.findall(rf"^## {re.escape(head)}.*?(?=^## )", GUIDE, re.MULTILINE | re.DOTALL)
        for name, info in model.model_fields.items():
            assert f"`{info.alias or name}`" in text, (head, name)
            assert f"{info.alias or name} = " in shown, (head, name)
