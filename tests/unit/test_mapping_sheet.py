"""What the cells of a sheet mean, in whatever file they stand."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mappings.findings import Kind, Severity
from shared.mappings.sheet import (
    HEADER_ROWS,
    HEADERS,
    MOST_ROWS,
    Sheet,
    WantedRow,
    neutralised,
    original,
    read_rows,
)
from shared.model.mapping_edit import Mapped
from shared.model.sheet import Cell, NoText, SheetError, SheetRow

any_text = st.text(st.characters(codec="utf-8"), max_size=40)
like_a_formula = st.builds(str.__add__, st.sampled_from("=+-@'\t\r\n＝＋－＠"), any_text)


def sheet(*rows: Iterable[Cell]) -> Sheet:
    return read_rows(SheetRow(number, list(cells)) for number, cells in enumerate(rows, start=1))


@given(any_text | like_a_formula)
def test_a_neutralised_text_comes_back_exactly(text: str) -> None:
    assert original(neutralised(text)) == text


@given(like_a_formula)
def test_a_neutralised_text_is_no_formula(text: str) -> None:
    assert neutralised(text).startswith("'")


@pytest.mark.parametrize("text", ["'tis", "O'Hara", "", "'", "US Dollar"])
def test_a_text_that_nobody_neutralised_is_left_as_it_is(text: str) -> None:
    assert original(text) == text


def test_the_headers_may_stand_anywhere_in_any_case_and_other_columns_are_named_and_ignored() -> None:
    found = sheet(["", ""], ["Rate", " currency  ax", "CURRENCY CRM", ""], ["1.0", "EUR", "Euro"])
    assert found.rows == [WantedRow(3, Mapped("Euro", "EUR"))]
    assert [(f.kind, f.row, f.message) for f in found.findings] == [
        (Kind.EXTRA_COLUMN, 2, 'The column "Rate" is ignored.')
    ]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ([], 'no header "Currency CRM"'),
        (["Currency CRM", "Code"], 'no header "Currency AX"'),
        (["Currency CRM", "Currency AX", "currency ax"], 'more than one header "Currency AX"'),
        ([NoText("a formula"), "Currency AX"], 'no header "Currency CRM"'),
    ],
)
def test_a_sheet_without_both_headers_once_is_refused(header: list[Cell], said: str) -> None:
    with pytest.raises(SheetError, match=said):
        sheet(header, ["Euro", "EUR"])


def test_empty_rows_are_passed_over_and_numbers_stay_those_of_the_file() -> None:
    found = sheet(HEADERS, ["", ""], ["  "], [], ["Euro", "EUR"])
    assert found.rows == [WantedRow(5, Mapped("Euro", "EUR"))]


def test_a_half_empty_row_is_kept_for_the_plan_to_refuse() -> None:
    assert sheet(HEADERS, ["Euro"], ["", "EUR"]).rows == [
        WantedRow(2, Mapped("Euro", "")),
        WantedRow(3, Mapped("", "EUR")),
    ]


def test_a_formula_is_an_error_that_names_its_row_and_column() -> None:
    found = sheet(HEADERS, ["Euro", NoText("a formula")])
    assert found.rows == []
    assert [(f.kind, f.row, f.message) for f in found.findings] == [
        (Kind.NO_TEXT, 2, '"Currency AX" holds a formula; it must be plain text.')
    ]


def test_white_space_around_names_and_codes_is_no_part_of_them() -> None:
    assert sheet(HEADERS, [" Euro\u00a0", " EUR\u00a0"]).rows[0].mapped == Mapped("Euro", "EUR")


@pytest.mark.parametrize("name", ["Total", "Grand total:", "Summe", "TOTAL CURRENCIES"])
@pytest.mark.parametrize("code", ["", "14", NoText("a formula")])
def test_a_row_of_totals_is_warned_of_and_not_taken(name: str, code: Cell) -> None:
    found = sheet(HEADERS, ["Euro", "EUR"], [name, code])
    assert [row.mapped.crm for row in found.rows] == ["Euro"]
    assert [(f.kind, f.row, f.severity) for f in found.findings] == [(Kind.TOTAL_ROW, 3, Severity.WARNING)]


def test_a_currency_that_is_called_like_a_total_and_has_a_code_is_taken() -> None:
    assert [row.mapped for row in sheet(HEADERS, ["Sum", "UZS"]).rows] == [Mapped("Sum", "UZS")]


def test_headers_below_the_first_ten_filled_rows_are_not_looked_for() -> None:
    title = [["title"]] * (HEADER_ROWS - 1)
    assert len(sheet(*title, [""], HEADERS, ["Euro", "EUR"]).rows) == 1
    with pytest.raises(SheetError, match='found there: "title"'):
        sheet(*title, ["one more"], HEADERS, ["Euro", "EUR"])


def test_a_sheet_of_more_rows_than_allowed_is_refused() -> None:
    rows = (SheetRow(n, HEADERS if n == 1 else (f"c{n}", "EUR")) for n in range(1, MOST_ROWS + 3))
    with pytest.raises(SheetError, match="more than 100,000 rows"):
        read_rows(rows)
