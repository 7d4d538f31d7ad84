"""The customer of an account, by the field map."""

import dataclasses
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.customer import Customer, CustomerBody, CustomerKey, same_value
from shared.model.faults import AccountFault
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause, Problem
from shared.sync.desired_customer import BuildCustomer
from shared.sync.plan import broken_rule
from tests.unit.making import account, field_map

DEFAULTS = tomllib.loads(Path("shared/targets/operations/defaults.toml").read_text(encoding="utf-8"))
MAPPED = {"SalesCurrencyCode": "USD"}
SETTINGS = {"OPERATIONS_COMPANY": "usmf", "OPERATIONS_CUSTOMER_GROUP": "10"}


def build(columns: dict[str, Any] | None = None, **tables: Any) -> CustomerBody:
    """The body by the shipped map, or by one made of these tables."""
    found = made_map(**tables) if tables else field_map()
    return BuildCustomer(found, SETTINGS).body(account(**(columns or {})), MAPPED)


def made_map(**tables: Any) -> FieldMap:
    plain: dict[str, Any] = {
        "company": {"setting": "OPERATIONS_COMPANY"},
        "key": {"column": "accountnumber"},
        "fields": {},
        **tables,
    }
    return FieldMap.model_validate(plain | {part: DEFAULTS[part] | plain.get(part, {}) for part in DEFAULTS})


def field(entry: dict[str, Any], value: object, **more: Any) -> object:
    """What becomes of a column's value under one entry."""
    entry = {"column": "a", **entry}
    return build({"a": value}, fields={"F": entry}, **more).fields["F"]


def problem_of(entry: dict[str, Any], value: object, **more: Any) -> Problem:
    with pytest.raises(AccountFault) as raised:
        field(entry, value, **more)
    return raised.value.problem


def test_the_shipped_map_makes_a_whole_customer() -> None:
    body = build(
        {
            "name": " Contoso ",
            "emailaddress1": "info@contoso.com",
            "address1_country": "United States",
            "address1_city": "Redmond",
        }
    )
    assert body.key == CustomerKey("usmf", "C-1")
    assert body.fields == {
        "OrganizationName": "Contoso",
        "SalesCurrencyCode": "USD",
        "CustomerGroupId": "10",
        "PartyType": "Organization",
        "PrimaryContactEmail": "info@contoso.com",
        "PrimaryContactPhone": "",
        "PrimaryContactFax": "",
        "PrimaryContactURL": "",
        "AddressStreet": "",
        "AddressCity": "Redmond",
        "AddressState": "",
        "AddressZipCode": "",
        "AddressCountryRegionISOCode": "US",
    }


@pytest.mark.parametrize("value", [None, "", "   ", "\u00a0"])
def test_an_empty_column_empties_the_field(value: object) -> None:
    assert field({}, value) == ""
    assert field({"type": "integer"}, value) == 0
    assert field({"type": "decimal"}, value) == 0


@pytest.mark.parametrize("value", [None, "", "   "])
def test_an_empty_required_column_parks(value: object) -> None:
    assert problem_of({"required": True}, value) == Problem(Cause.MISSING_VALUE, field="F", value="a")


def test_a_required_currency_that_the_account_has_not_parks() -> None:
    with pytest.raises(AccountFault) as raised:
        BuildCustomer(field_map(), SETTINGS).body(account(currency=None), {})
    assert raised.value.problem.cause is Cause.MISSING_VALUE
    assert raised.value.problem.field == "SalesCurrencyCode"


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (5, "5"), (True, "true"), (False, "false"), (1.5, "1.5"), (" x y ", "x y")],
)
def test_values_become_text(value: object, text: str) -> None:
    assert field({}, value) == text


@pytest.mark.parametrize("number", [None, "", "  "])
def test_without_an_account_number_the_account_parks(number: object) -> None:
    with pytest.raises(AccountFault) as raised:
        build({"accountnumber": number})
    assert raised.value.problem == Problem(Cause.NO_ACCOUNT_NUMBER, field="CustomerAccount")


def test_the_number_is_trimmed_and_never_cut() -> None:
    assert build({"accountnumber": " C-7 "}).key.number == "C-7"
    assert build({"accountnumber": "x" * 20}).key.number == "x" * 20
    with pytest.raises(AccountFault) as raised:
        build({"accountnumber": "x" * 21})
    assert raised.value.problem == Problem(Cause.VALUE_TOO_LONG, field="CustomerAccount")


def test_what_is_too_long_parks_without_telling_the_value() -> None:
    assert field({"max_length": 5}, "12345") == "12345"
    assert problem_of({"max_length": 5}, "123456") == Problem(Cause.VALUE_TOO_LONG, field="F")


def test_what_is_too_long_is_cut_where_the_map_says_so() -> None:
    entry = {"max_length": 5, "on_too_long": "truncate"}
    assert field(entry, "123456") == "12345"
    assert field(entry, "1234 6") == "1234"
    assert field(entry, "12345") == "12345"


def test_lengths_are_counted_as_operations_counts_them() -> None:
    assert field({"max_length": 4}, "😀😀") == "😀😀"
    assert problem_of({"max_length": 4}, "😀😀x").cause is Cause.VALUE_TOO_LONG
    assert field({"max_length": 4, "on_too_long": "truncate"}, "x😀😀") == "x😀"


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.integers(1, 20))
def test_a_cut_value_always_fits_and_is_a_start_of_the_value(text: str, length: int) -> None:
    cut = field({"max_length": length, "on_too_long": "truncate"}, text)
    assert isinstance(cut, str)
    assert len(cut.encode("utf-16-le")) <= 2 * length
    assert text.strip().startswith(cut)


@pytest.mark.parametrize("columns", [{"name": "x\ud800"}, {"accountnumber": "\udfff"}])
def test_half_a_surrogate_pair_parks_instead_of_breaking_a_request(columns: dict[str, object]) -> None:
    with pytest.raises(AccountFault) as raised:
        build(columns)
    assert raised.value.problem.cause is Cause.BAD_VALUE
    str(raised.value).encode()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("integer", 5, 5),
        ("integer", "7", 7),
        ("integer", 5.0, 5),
        ("integer", -3, -3),
        ("decimal", 2.5, Decimal("2.5")),
        ("decimal", "0.10", Decimal("0.1")),
        ("decimal", 0.1, Decimal("0.1")),
    ],
)
def test_numbers_stay_numbers(kind: str, value: object, expected: object) -> None:
    assert field({"type": kind}, value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("integer", 5.5), ("integer", "five"), ("integer", True), ("decimal", "NaN"), ("decimal", [1])),
        *(("decimal", float("inf")), ("integer", float("nan")), ("decimal", "1,5")),
    ],
)
def test_what_is_no_such_number_parks(kind: str, value: object) -> None:
    assert problem_of({"type": kind}, value) == Problem(Cause.BAD_VALUE, field="F")


COUNTRY = "AddressCountryRegionISOCode"


@pytest.mark.parametrize(
    ("given_text", "code"),
    [
        *(("Germany", "DE"), ("germany ", "DE"), ("GERMANY", "DE"), ("DE", "DE"), ("de", "DE")),
        *(
            ("United\u00a0States", "US"),
            ("US", "US"),
            ("The Bahamas", "BS"),
            ("Åland Islands", "AX"),
            ("", ""),
        ),
    ],
)
def test_countries_become_iso_codes(given_text: str, code: str) -> None:
    assert build({"address1_country": given_text}).fields[COUNTRY] == code


@pytest.mark.parametrize("given_text", ["Narnia", "DEU", "x" * 500])
def test_an_unknown_country_parks_with_what_was_typed(given_text: str) -> None:
    with pytest.raises(AccountFault) as raised:
        build({"address1_country": given_text})
    assert raised.value.problem == Problem(Cause.UNMAPPED_VALUE, field=COUNTRY, value=given_text[:60])


def test_the_result_of_a_map_never_shadows_an_entry_of_it() -> None:
    maps = {"swap": {"A": "B", "B": "C"}}
    assert field({"via": "swap"}, "A", value_maps=maps) == "B"
    assert field({"via": "swap"}, "B", value_maps=maps) == "C"


def test_the_company_may_come_from_a_column() -> None:
    company = {"column": "new_company", "lookup": "cdm_companycode"}
    path = "new_company.cdm_companycode"
    assert build({path: "demf"}, company=company).key.company == "demf"
    mapped = company | {"values": {"Contoso DE": "demf"}}
    assert build({path: "Contoso DE"}, company=mapped).key.company == "demf"
    for value, cause in (("Nobody", Cause.UNMAPPED_VALUE), (None, Cause.MISSING_VALUE)):
        with pytest.raises(AccountFault) as raised:
            build({path: value}, company=mapped)
        assert raised.value.problem.cause is cause
        assert raised.value.problem.field == "dataAreaId"


@pytest.mark.parametrize(
    ("test", "value", "passes"),
    [
        *(({"in": [3]}, 3, True), ({"in": [3]}, 4, False), ({"in": [3]}, None, False)),
        *(({"not_in": [1, 2]}, 3, True), ({"not_in": [1, 2]}, 2, False), ({"not_in": [1]}, None, True)),
        *(({"filled": True}, "x", True), ({"filled": True}, "", False), ({"filled": True}, None, False)),
        *(({"filled": False}, None, True), ({"filled": False}, 0, False)),
    ],
)
def test_row_rules(test: dict[str, Any], value: object, passes: bool) -> None:
    found = made_map(only_if=[{"column": "customertypecode", **test}])
    assert broken_rule(found, account(customertypecode=value)) == (None if passes else "customertypecode")


def test_all_row_rules_must_hold() -> None:
    found = made_map(only_if=[{"column": "a", "in": [1]}, {"column": "b", "filled": True}])
    assert broken_rule(found, account(a=1, b="x")) is None
    assert broken_rule(found, account(a=1)) == "b"


columns = st.dictionaries(
    st.sampled_from(sorted(field_map().watched)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
)


@given(columns)
def test_any_account_becomes_a_customer_or_is_parked(values: dict[str, Any]) -> None:
    values.setdefault("name", "x")
    try:
        body = BuildCustomer(field_map(), SETTINGS).body(account(**values), MAPPED)
    except AccountFault as fault:
        assert fault.problem.remedy()  # noqa: PT017 - both ends are right, the body's is checked below
    else:
        assert set(body.fields) == set(field_map().fields)
        assert dataclasses.replace(body) == body


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        *(("x", "x", True), ("x", "x  ", True), ("x", "X", False), ("", None, True), ("", "", True)),
        *((10, Decimal("10.00"), True), (Decimal("1.5"), 1, False), (0, None, False), (5, "5", False)),
        ("x", None, False),
    ],
)
def test_values_are_compared_as_operations_keeps_them(ours: Any, theirs: Any, same: bool) -> None:
    assert same_value(ours, theirs) is same


def test_customer_keys_are_compared_without_case_and_space() -> None:
    assert CustomerKey("USMF", " c-1").same_as(CustomerKey("usmf", "C-1 "))
    assert not CustomerKey("usmf", "C-1").same_as(CustomerKey("demf", "C-1"))
    assert str(Customer(CustomerKey("usmf", "C-1"), {}).key) == "usmf/C-1"
