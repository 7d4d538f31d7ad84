"""Finding issues by text and cause, and marking them as seen with a note, on the operator's page."""

from io import BytesIO
from uuid import UUID

import pytest
from openpyxl import load_workbook

from shared.model.faults import System, TransientFault
from shared.model.issue import Seen
from tests.flow.console import WHO, Page
from tests.flow.world import account

NGULTRUM = "Bhutanese Ngultrum"
PARO, DRUK, FOURTH = account("C-1"), account("C-2"), account("C-3")
UNMAPPED = "UnmappedCurrency|bhutanese ngultrum"


@pytest.fixture
async def page() -> Page:
    """Two accounts parked for a currency, one without a number."""
    page = Page()
    page.name(PARO, "C-1", "Paro Valley Hotels")
    page.name(DRUK, "C-2", "Druk Trading")
    page.name(FOURTH, "", "Fourth Coffee")
    saved = [page.world.save(name, NGULTRUM) for name in ("C-1", "C-2")]
    await page.world.sync(*saved, page.world.save("C-3", accountnumber=None))
    return page


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Druk", {DRUK}),
        ("C-1", {PARO}),
        (str(FOURTH), {FOURTH}),
        ("NGULTRUM", {PARO, DRUK}),
        ("asked treasury", {PARO}),
        ("nowhere", set[UUID]()),
    ],
)
async def test_issues_are_found_by_text(page: Page, text: str, found: set[UUID]) -> None:
    await page.world.issues.mark_seen(
        UNMAPPED, PARO, Seen(str(WHO), "2026-11-01T00:00:00+00:00", "Asked treasury")
    )
    seen = await page.post("/issues", text=text, cause="")
    assert seen.status == 200
    assert {one for one in (PARO, DRUK, FOURTH) if f"account?id={one}" in seen.answer.text} == found
    assert f"{len(found)} parked account" in seen.text
    assert "Check all" not in seen.text  # a group is more than what was found of it


async def test_a_search_can_be_of_one_cause(page: Page) -> None:
    seen = await page.post("/issues", text="C-", cause="NoAccountNumber")
    assert "0 parked accounts" in seen.text
    chosen = await page.post("/issues", text="", cause="NoAccountNumber")
    assert "1 account waits for a person" in chosen.text
    assert str(FOURTH) in chosen.answer.text
    assert str(PARO) not in chosen.answer.text


async def test_what_is_searched_stands_in_no_address(page: Page) -> None:
    seen = await page.post("/issues", text="Druk", cause="")
    assert "Druk" not in str(seen.answer.url)
    assert "?text" not in seen.answer.text


async def test_accounts_are_marked_as_seen_with_a_note(page: Page) -> None:
    form = await page.post("/issues/note", account=[str(PARO), str(DRUK)], key=UNMAPPED)
    assert "Mark 2 accounts as seen" in form.text
    assert page.world.issues.seen == {}
    fields = {"account": [str(PARO), str(DRUK)], "key": UNMAPPED}
    await page.post("/issues/note/save", **fields, note="asked treasury")
    assert {one.note for one in page.world.issues.seen.values()} == {"asked treasury"}
    assert {one.by for one in page.world.issues.seen.values()} == {str(WHO)}
    assert [(one.what, one.count, one.why) for one in page.actions.rows] == [("note", 2, "asked treasury")]
    for path in ("/issues", f"/account?id={PARO}"):
        assert "by you: “asked treasury”" in (await page.get(path)).text, path
    sheet = load_workbook(BytesIO((await page.get("/issues.xlsx")).answer.content)).worksheets[0]
    notes = {str(row[-1].value) for row in sheet.iter_rows()}
    assert notes == {"Note", "asked treasury", "None"}


async def test_the_note_of_one_account_can_be_changed(page: Page) -> None:
    fields = {"account": str(PARO), "key": UNMAPPED}
    await page.post("/issues/note/save", **fields, note="asked treasury")
    assert 'value="asked treasury"' in (await page.post("/issues/note", **fields)).answer.text
    await page.post("/issues/note/save", **fields, note="")
    assert [one.note for one in page.world.issues.seen.values()] == [""]


async def test_a_note_is_never_shown_to_readers(page: Page) -> None:
    await page.post("/issues/note/save", account=str(PARO), key=UNMAPPED, note="Mrs Dorji knows")
    for path in ("/", "/issues", f"/account?id={PARO}", "/systems", f"/done?id={page.actions.rows[0].id}"):
        assert "Dorji" not in (await page.get(path, "reader")).answer.text, path
    assert "Dorji" in (await page.get("/systems")).text


async def test_a_note_on_what_is_not_parked_any_more_is_refused(page: Page) -> None:
    await page.world.issues.remove(UNMAPPED, PARO)
    seen = await page.post("/issues/note/save", account=str(PARO), key=UNMAPPED, note="late")
    assert (seen.status, page.actions.rows) == (409, [])
    assert (await page.post("/issues/note", key=UNMAPPED)).status == 400
    too_long = {"account": str(DRUK), "key": UNMAPPED, "note": "x" * 201}
    assert (await page.post("/issues/note/save", **too_long)).status == 400


async def test_a_search_says_that_sales_does_not_answer(page: Page) -> None:
    page.inquiry.fault = TransientFault(System.DATAVERSE, "no connection")
    assert (await page.post("/issues", text="Druk", cause="")).status == 503
