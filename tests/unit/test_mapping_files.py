"""Excel and CSV files: what is written comes back, whoever wrote it, and nothing is evaluated."""

import datetime
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from shared.mappings.findings import Kind, Severity
from shared.mappings.sheet import HEADERS, read_rows, written
from shared.model.mapping_edit import Mapped
from shared.model.sheet import NoText, SheetError
from shared.spreadsheets.files import SpreadsheetFiles

SAMPLES = Path(__file__).parents[1] / "samples/sheets"
FILES = SpreadsheetFiles()
AWKWARD = [
    *("=1+1", "+x", "-x", "@x", "'x", "''", "\tx", " x ", "a\rb", "a\nb", "a\r\nb", "=", "'=x"),
    *("_x000D_", "_x005F_x000D_", "x\x00\x01z", "#N/A", "123", "1e5", "TRUE", "😀 € ﷺ", "a\ufffe\uffff"),
    *('a,b;c\td"e', "\u2028", "\x85", "\x7f", "\ufeffbom", "[bold]x[/]"),
]
SAMPLE = [
    *(("US Dollar", "USD"), ("Euro", "EUR"), ("Polish Złoty", "PLN"), ("Rand R/c #1", "ZAR")),
    *(("=Crown", "CZK"), ("+Peso", "MXN"), ("-Real", "BRL"), ("@Won", "KRW"), ("'tis a Pound", "GBP")),
    *(("人民币", "CNY"), ("ر.س Riyal", "SAR"), ("Dollar 💵", "CAD"), ("Spaced  Yen", "JPY")),
    ("2024", "XTS"),
]

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(str.strip)


def names_in(file: Path) -> list[str]:
    found = read_rows(FILES.read(file))
    assert found.findings == []
    return [row.mapped.crm for row in found.rows]


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_awkward_names_survive_the_round_trip(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"awkward{suffix}"
    FILES.write(file, written(Mapped(name, "USD") for name in AWKWARD))
    assert names_in(file) == [name.strip() for name in AWKWARD]
    assert [entry.name for entry in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
@given(rows=st.lists(names, max_size=5))
def test_any_names_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, rows: list[str]
) -> None:
    file = tmp_path_factory.mktemp("sheets") / f"any{suffix}"
    FILES.write(file, written(Mapped(name, "USD") for name in rows))
    assert names_in(file) == [name.strip() for name in rows]


def test_an_exported_workbook_holds_no_formula(tmp_path: Path) -> None:
    file = tmp_path / "export.xlsx"
    FILES.write(file, written([Mapped("=HYPERLINK(1)", "=1")]))
    cells = [cell for row in load_workbook(file).worksheets[0] for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells][2:] == ["'=HYPERLINK(1)", "'=1"]


def test_an_exported_csv_file_has_a_byte_order_mark_and_quotes_everything(tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    FILES.write(file, written([Mapped("@Złoty", "PLN")]))
    assert file.read_bytes() == '\ufeff"Currency CRM","Currency AX"\r\n"\'@Złoty","PLN"\r\n'.encode()


@pytest.mark.parametrize("name", ["openpyxl.xlsx", "xlsxwriter.xlsx", "libreoffice.xlsx"])
def test_a_workbook_says_the_same_whichever_program_wrote_it(name: str) -> None:
    found = read_rows(FILES.read(SAMPLES / name))
    assert [tuple(row.mapped) for row in found.rows] == SAMPLE
    assert [row.number for row in found.rows] == list(range(2, 2 + len(SAMPLE)))
    assert [finding.kind for finding in found.findings] == [Kind.EXTRA_COLUMN]


def test_a_csv_file_says_the_same_but_for_what_may_be_a_formula() -> None:
    found = read_rows(FILES.read(SAMPLES / "libreoffice.csv"))
    assert [tuple(row.mapped) for row in found.rows] == [row for row in SAMPLE if row[0] != "=Crown"]
    assert [(f.kind, f.row) for f in found.findings if f.kind is Kind.NO_TEXT] == [(Kind.NO_TEXT, 6)]


def test_a_formula_is_not_evaluated_though_its_value_is_in_the_file() -> None:
    found = read_rows(FILES.read(SAMPLES / "libreoffice-formula.xlsx"))
    assert [(f.row, f.kind) for f in found.findings if f.kind is Kind.NO_TEXT] == [(16, Kind.NO_TEXT)]
    assert "Evaluated" not in {row.mapped.crm for row in found.rows}


def test_dates_truth_values_and_errors_are_no_texts_and_numbers_are(tmp_path: Path) -> None:
    file = tmp_path / "kinds.xlsx"
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    day = datetime.date(2026, 3, 1)
    for value in (day, True, "#REF!", 3, 3.0, 2.5):
        sheet.append([value])
    workbook.save(file)
    found = [row.cells[0] for row in FILES.read(file)]
    assert found == [NoText("a date"), NoText("a truth value"), NoText("an error value"), "3", "3", "2.5"]


def test_gaps_between_rows_keep_the_numbers_of_the_spreadsheet(tmp_path: Path) -> None:
    file = tmp_path / "gaps.xlsx"
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row, cells in {3: HEADERS, 7: ("Euro", "EUR")}.items():
        for column, text in enumerate(cells, start=2):
            sheet.cell(row, column, text)
    workbook.save(file)
    assert [(row.number, tuple(row.mapped)) for row in read_rows(FILES.read(file)).rows] == [
        (7, ("Euro", "EUR"))
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Currency CRM;Currency AX\nEuro;EUR\n", ["Euro"]),
        ("Currency CRM\tCurrency AX\nZłoty\tPLN\n".encode("utf-16"), ["Złoty"]),
        ('\ufeffCurrency CRM,Currency AX\r\n"Euro\nof old",EUR\r\n'.encode(), ["Euro\nof old"]),
    ],
    ids=["semicolons", "utf-16 with tabs", "byte order mark and a line break"],
)
def test_csv_files_of_every_region_are_read(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    file = tmp_path / "regional.CSV"
    file.write_bytes(content)
    assert names_in(file) == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("old.xls", b"", "neither .xlsx nor .csv"),
        ("latin.csv", "Währung,x\n".encode("latin-1"), "not in UTF-8"),
        ("quotes.csv", b'Currency CRM,Currency AX\n"a"b,c\n', "not a sound CSV file"),
        ("text.xlsx", b"Currency CRM", "not a sound Excel workbook"),
        ("cut.xlsx", (SAMPLES / "openpyxl.xlsx").read_bytes()[:3000], "not a sound Excel workbook"),
        ("empty.xlsx", b"", "not a sound Excel workbook"),
        ("encrypted.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512), "without a password"),
        ("wide.csv", b"," * 300, "more than 256 columns in row 1"),
        ("long.csv", b"a,b\n" + b"x" * 40_000 + b",y\n", "than 32,767 characters"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_remedy(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(SheetError, match=said):
        list(FILES.read(file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="No such file"):
        list(FILES.read(tmp_path / "none.csv"))


def test_a_workbook_that_unpacks_to_far_more_than_a_table_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(17):
            archive.writestr(f"xl/{number}.xml", bytes(8 * 2**20))
    with pytest.raises(SheetError, match="unpacks to more than 128 MB"):
        list(FILES.read(file))


def test_a_file_is_replaced_only_when_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "kept.csv"
    file.write_text("as before")

    def broken() -> "list[tuple[str, str]]":
        raise SheetError

    with pytest.raises(SheetError):
        FILES.write(file, (row for _ in (1,) for row in broken()))
    assert file.read_text() == "as before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.csv"]


def book(file: Path, sheets: dict[str, list[tuple[str, ...]]], hidden: Sequence[int] = ()) -> Path:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
        for number in hidden:
            sheet.row_dimensions[number].hidden = True
    workbook.save(file)
    return file


def test_the_headers_are_found_on_any_sheet_below_a_title(tmp_path: Path) -> None:
    mapping = [("Currencies 2026",), (), ("As of March",), HEADERS, ("Euro", "EUR")]
    file = book(tmp_path / "sheets.xlsx", {"Notes": [("Hello",)], "Mapping": mapping, "Later": [("x",)]})
    found = read_rows(FILES.read(file))
    assert [(row.number, tuple(row.mapped)) for row in found.rows] == [(5, ("Euro", "EUR"))]
    assert found.findings == []


def test_a_workbook_without_the_headers_says_what_each_sheet_has(tmp_path: Path) -> None:
    sheets = {"Notes": [("Hello",)], "Rates": [("Rates of 2026",), ("Currency CRM", "Code", "Rate")]}
    with pytest.raises(SheetError) as refused:
        read_rows(FILES.read(book(tmp_path / "none.xlsx", sheets)))
    said = str(refused.value)
    assert 'Sheet "Notes", row 1 has no header "Currency CRM"; found there: "Hello"' in said
    assert (
        'Sheet "Rates", row 2 has no header "Currency AX"; found there: "Currency CRM", "Code", "Rate"'
        in said
    )
    assert 'the headers "Currency CRM" and "Currency AX"' in said


def test_hidden_rows_and_a_second_sheet_with_the_headers_are_warned_of(tmp_path: Path) -> None:
    rows = [HEADERS, ("Euro", "EUR"), ("Yen", "JPY")]
    file = book(tmp_path / "two.xlsx", {"Now": rows, "Before": rows}, hidden=[3])
    found = read_rows(FILES.read(file))
    assert [row.mapped.crm for row in found.rows] == ["Euro", "Yen"]
    assert {(f.kind, f.row) for f in found.findings} == {(Kind.OTHER_SHEET, None), (Kind.HIDDEN_ROWS, 3)}
    assert all(f.severity is Severity.WARNING for f in found.findings)
    messages = " ".join(finding.message for finding in found.findings)
    assert "Row 3 is hidden" in messages
    assert 'The sheet "Before" has the headers too; only the sheet "Now" is read.' in messages
