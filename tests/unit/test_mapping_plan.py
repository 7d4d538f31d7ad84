"""The plan: what becomes of which row, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mappings.findings import Kind, Severity
from shared.mappings.plan import Action, Plan, action_of, make_plan
from shared.mappings.sheet import WantedRow
from shared.model.mapping import escape_key
from shared.model.mapping_edit import Mapped, MappingRow, RowChange


def row(crm: str, ax: str, row_key: str | None = None) -> MappingRow:
    key = row_key if row_key is not None else escape_key(crm.casefold())
    return MappingRow(key, Mapped(crm, ax), f"etag of {key}")


def plan(table: list[MappingRow], *wanted: tuple[str, str], replace: bool = False) -> Plan:
    rows = [WantedRow(number, Mapped(*mapped)) for number, mapped in enumerate(wanted, start=2)]
    return make_plan(table, rows, 3, replace=replace)


def test_rows_are_added_changed_and_left_alone() -> None:
    table = [row("Euro", "EUR"), row("Yen", "JPX"), row("Crown", "SEK")]
    made = plan(table, ("Euro", "EUR"), ("Yen", "JPY"), ("Rand R/c", "ZAR"))
    assert made.changes == [
        RowChange("yen", Mapped("Yen", "JPX"), Mapped("Yen", "JPY"), "etag of yen"),
        RowChange("rand r%2Fc", None, Mapped("Rand R/c", "ZAR")),
    ]
    assert made.unchanged == 2
    assert made.findings == []


def test_with_replace_the_rows_that_are_not_wanted_go() -> None:
    made = plan([row("Euro", "EUR"), row("Yen", "JPY")], ("Yen", "JPY"), replace=True)
    assert made.changes == [RowChange("euro", Mapped("Euro", "EUR"), None, "etag of euro")]
    assert (made.count(Action.REMOVED), made.unchanged) == (1, 1)


def test_a_row_made_by_hand_is_changed_where_it_is() -> None:
    made = plan([row("US  DOLLAR", "US", "row 7")], ("US Dollar", "USD"))
    assert made.changes == [
        RowChange("row 7", Mapped("US  DOLLAR", "US"), Mapped("US Dollar", "USD"), "etag of row 7")
    ]


def test_a_key_that_a_row_made_by_hand_has_for_another_currency_is_left_to_it() -> None:
    table = [row("Yen", "JPY", "euro"), row("Crown", "SEK", "euro|X")]
    assert plan(table, ("Euro", "EUR")).changes == [RowChange("euro|X|X", None, Mapped("Euro", "EUR"))]


def test_of_two_rows_with_one_name_one_is_left() -> None:
    made = plan([row("EURO", "EUX", "1"), row("Euro", "EUR")], ("Euro", "EUR"))
    assert made.changes == [RowChange("1", Mapped("EURO", "EUX"), None, "etag of 1")]


def test_a_row_without_a_usable_name_only_goes_with_replace() -> None:
    table = [row("", "EUR", "1")]
    assert plan(table, ("Yen", "JPY")).count(Action.REMOVED) == 0
    assert plan(table, ("Yen", "JPY"), replace=True).count(Action.REMOVED) == 1


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        (("", "EUR"), Kind.EMPTY_NAME),
        ((" \u00a0", "EUR"), Kind.EMPTY_NAME),
        (("Euro", ""), Kind.EMPTY_CODE),
        (("Euro", "EURO"), Kind.LONG_CODE),
        (("Euro", "💶💶"), Kind.LONG_CODE),
        (("x" * 513, "EUR"), Kind.BAD_NAME),
        (("x" + " " * 1024 + "x", "EUR"), Kind.BAD_NAME),
        (("half \ud83d", "EUR"), Kind.BAD_NAME),
    ],
)
def test_a_row_that_cannot_be_taken_is_an_error_with_its_number(wanted: tuple[str, str], kind: Kind) -> None:
    made = plan([], ("Yen", "JPY"), wanted)
    assert [(f.kind, f.severity, f.row) for f in made.findings] == [(kind, Severity.ERROR, 3)]
    assert made.refused(strict=False)


def test_one_currency_twice_in_a_file_is_an_error_that_names_both_rows() -> None:
    made = plan([], ("US Dollar", "USD"), ("Yen", "JPY"), ("us\u00a0 dollar", "USD"))
    (finding,) = made.findings
    assert (finding.kind, finding.row) == (Kind.DUPLICATE, 4)
    assert "row 2" in finding.message


tables = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["USD", "EUR", "GBP"]))


@given(before=tables, wanted=tables, replace=st.booleans())
def test_a_plan_carried_out_leaves_nothing_to_do(
    before: dict[str, str], wanted: dict[str, str], replace: bool
) -> None:
    table = {name: row(name, code) for name, code in before.items()}
    for change in plan(list(table.values()), *wanted.items(), replace=replace).changes:
        match action_of(change):
            case Action.REMOVED:
                del table[change.row_key]
            case _:
                assert change.after is not None
                table[change.row_key] = row(*change.after)
    again = plan(list(table.values()), *wanted.items(), replace=replace)
    assert again.changes == []
    found = {name: entry.mapped.ax for name, entry in table.items()}
    assert found == (wanted if replace else before | wanted)
