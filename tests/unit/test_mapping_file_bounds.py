"""Workbooks that are damaged, encrypted or ask for endless work: one clear message, after bounded work."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.sheet import NoText, SheetError, SheetRow
from shared.spreadsheets import workbook as reader
from shared.spreadsheets.files import SpreadsheetFiles

SAMPLES = Path(__file__).parents[1] / "samples/sheets"
SOUND = (SAMPLES / "openpyxl.xlsx").read_bytes()
SHEET = "xl/worksheets/sheet1.xml"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
MOST_READ = 200_000  # rows that a test reads at most before it calls the work endless


def read(file: Path) -> list[SheetRow]:
    """All rows of a file; fails where they do not end."""
    rows: list[SheetRow] = []
    for row in SpreadsheetFiles().read(file):
        rows.append(row)
        assert len(rows) < MOST_READ, "the rows do not end"
    return rows


def refusal(file: Path) -> str:
    with pytest.raises(SheetError) as raised:
        read(file)
    return str(raised.value)


def workbook(folder: Path, rows: str, **how: Any) -> Path:
    """A workbook whose first sheet has these rows."""
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    return with_parts(folder, {SHEET: sheet.encode()}, **how)


def with_parts(folder: Path, parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """The sound workbook with other parts."""
    file = folder / "made.xlsx"
    with (
        zipfile.ZipFile(SAMPLES / "openpyxl.xlsx") as sound,
        zipfile.ZipFile(file, "w", compression) as made,
    ):
        for name in sound.namelist():
            made.writestr(name, parts.get(name, sound.read(name)))
    return file


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def test_rows_and_columns_that_are_empty_cost_nothing(tmp_path: Path) -> None:
    rows = (
        f'<row r="1">{cell("B1", "x")}</row><row r="1048576">{cell("C1048576", "y")}<c r="XFD1048576"/></row>'
    )
    found = [(row.number, row.cells) for row in read(workbook(tmp_path, rows))]
    assert found == [(1, ["", "x"]), (1_048_576, ["", "", "y"])]


@pytest.mark.parametrize("number", [1_048_577, 1_000_000_000, 10**30])
def test_a_row_that_no_workbook_has_is_refused(tmp_path: Path, number: int) -> None:
    file = workbook(tmp_path, f'<row r="{number}"/>')
    assert file.stat().st_size < 10_000
    assert f"row {number}" in refusal(file)


@pytest.mark.parametrize("numbers", [(5, 5), (5, 4), (0,), (-1,)])
def test_rows_out_of_order_are_refused(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    assert "no sound workbook has" in refusal(
        workbook(tmp_path, "".join(f'<row r="{number}"/>' for number in numbers))
    )


def test_very_wide_rows_are_refused_or_passed_over(tmp_path: Path) -> None:
    empty = "".join(f'<row r="{number}"><c r="XFD{number}"/></row>' for number in range(1, 50_001))
    assert read(workbook(tmp_path, empty)) == []
    assert "256 columns in row 1" in refusal(workbook(tmp_path, f'<row r="1">{cell("IW1", "x")}</row>'))
    assert len(read(workbook(tmp_path, f'<row r="1">{cell("IV1", "x")}</row>'))[0].cells) == 256


def test_cells_are_counted_with_the_gaps_before_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_CELLS", 1_000)
    rows = [f'<row r="{number}">{cell(f"CV{number}", "x")}</row>' for number in range(1, 12)]
    assert len(read(workbook(tmp_path, "".join(rows[:10])))) == 10
    assert "more than 1,000 cells" in refusal(workbook(tmp_path, "".join(rows)))


@pytest.mark.parametrize("length", [32_767, 32_768])
def test_a_cell_holds_what_excel_lets_it_hold(tmp_path: Path, length: int) -> None:
    file = workbook(tmp_path, f'<row r="7">{cell("A7", "x" * length)}</row>')
    if length == 32_767:
        assert len(read(file)[0].cells[0]) == length
    else:
        assert "32,767 characters in row 7" in refusal(file)


def test_tags_are_counted_before_any_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_TAGS", 5_000)
    monkeypatch.setattr(reader, "load_workbook", None)
    assert "far more than a mapping table" in refusal(workbook(tmp_path, "<row/>" * 5_000))


def test_one_part_that_is_many_sheets_is_refused(tmp_path: Path) -> None:
    sheets = "".join(f'<sheet name="{n}" sheetId="{n}" r:id="rId1"/>' for n in range(1, 5_001))
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    book = f'<workbook xmlns="{MAIN}" xmlns:r="{relations}"><sheets>{sheets}</sheets></workbook>'
    parts = {"xl/workbook.xml": book.encode(), SHEET: b"<a/>" * 100_000}
    assert "far more than a mapping table" in refusal(with_parts(tmp_path, parts))


def test_a_long_shared_formula_is_not_written_out_for_each_cell(tmp_path: Path) -> None:
    first = f'<c r="A1"><f t="shared" si="0" ref="A1:A3000">{"A1+" * 100_000}1</f></c>'
    rest = "".join(f'<row r="{n}"><c r="A{n}"><f t="shared" si="0"/></c></row>' for n in range(2, 3_001))
    found = read(workbook(tmp_path, f'<row r="1">{first}</row>{rest}'))
    assert {tuple(row.cells) for row in found} == {(NoText("a formula"),)}


@pytest.mark.parametrize("size", [200 * 2**20, 2**32 - 2])
def test_a_bomb_that_lies_about_its_size_is_unpacked_no_further(tmp_path: Path, size: int) -> None:
    """The directory says 1,000 bytes, the part holds 64 MB; or it says more than all memory."""
    file = workbook(tmp_path, "<row/>" * (10 * 2**20))
    content = bytearray(file.read_bytes())
    place = content.rindex(SHEET.encode()) - 22  # uncompressed size in the central directory
    stated = 1_000 if size < 2**31 else size
    content[place : place + 4] = stated.to_bytes(4, "little")
    file.write_bytes(content)
    assert ("not a sound Excel workbook" if stated == 1_000 else "128 MB") in refusal(file)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_way_of_packing_that_no_workbook_uses_is_refused(tmp_path: Path, compression: int) -> None:
    file = workbook(tmp_path, "<row/>", compression=compression)
    assert "not a sound Excel workbook" in refusal(file)


def test_an_encrypted_part_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = workbook(tmp_path, "<row/>")
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    assert "without a password" in refusal(file)


def test_a_broken_stream_is_refused(tmp_path: Path) -> None:
    file = workbook(tmp_path, '<row r="1"/>' * 5_000)
    content = bytearray(file.read_bytes())
    start = content.index(SHEET.encode()) + len(SHEET)
    content[start : start + 40] = bytes(range(40))
    file.write_bytes(content)
    assert "not a sound Excel workbook" in refusal(file)


@pytest.mark.parametrize("end", range(0, len(SOUND), 97))
def test_a_workbook_that_is_cut_off_is_refused(tmp_path: Path, end: int) -> None:
    file = tmp_path / "cut.xlsx"
    file.write_bytes(SOUND[:end])
    assert "not a sound Excel workbook" in refusal(file)


def expansions() -> Iterator[tuple[str, str]]:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    yield "entities", f'<!DOCTYPE x [<!ENTITY e0 "x">{entities}]><worksheet>&e11;</worksheet>'
    yield "nesting", "<a>" * 200_000 + "</a>" * 200_000
    yield "digits", f'<worksheet xmlns="{MAIN}"><row r="1"><c><v>{"9" * 10_000}</v></c></row></worksheet>'


@pytest.mark.parametrize("text", [text for _, text in expansions()], ids=[name for name, _ in expansions()])
def test_xml_that_grows_or_nests_without_end_does_no_harm(tmp_path: Path, text: str) -> None:
    try:
        assert read(with_parts(tmp_path, {SHEET: text.encode()})) == []
    except SheetError as error:
        assert "not a sound Excel workbook" in str(error)  # noqa: PT017 - one of two ends


places = st.tuples(st.integers(0, len(SOUND) - 1), st.integers(1, 255))


@given(st.lists(places, min_size=1, max_size=8))
def test_no_flipped_byte_ends_other_than_in_rows_or_in_the_one_message(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]
) -> None:
    content = bytearray(SOUND)
    for place, mask in flips:
        content[place] ^= mask
    file = tmp_path_factory.mktemp("flipped") / "flipped.xlsx"
    file.write_bytes(content)
    read_or_refuse(file)


PARTS = [
    name for name in zipfile.ZipFile(SAMPLES / "openpyxl.xlsx").namelist() if name.endswith(("xml", "rels"))
]


@given(st.sampled_from(PARTS), st.data())
def test_no_damaged_part_ends_other_than_in_rows_or_in_the_one_message(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    with zipfile.ZipFile(SAMPLES / "openpyxl.xlsx") as sound:
        content = bytearray(sound.read(name))
    start = data.draw(st.integers(0, len(content)))
    cut = data.draw(st.integers(0, 40))
    content[start : start + cut] = data.draw(
        st.binary(max_size=20) | st.text('0123456789-<>/" rs=AZ').map(str.encode)
    )
    read_or_refuse(with_parts(tmp_path_factory.mktemp("damaged"), {name: bytes(content)}))


def read_or_refuse(file: Path) -> None:
    """Any other error than SheetError fails the test."""
    try:
        read(file)
    except SheetError as error:
        assert str(file) in str(error)  # noqa: PT017 - one of two ends
