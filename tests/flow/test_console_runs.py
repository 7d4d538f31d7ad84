"""Runs and set-up on the operator's page: what each step shows, and what it does to the tables and queues."""

from datetime import timedelta
from io import BytesIO

import pytest
from openpyxl import load_workbook

from shared.diagnostics.doctor.mappings import compare
from shared.mappings.findings import Finding as Reviewed
from shared.mappings.findings import Kind
from shared.model.account import AccountCurrency
from shared.model.change import Source
from shared.model.description import CurrencyUse
from shared.model.diagnosis import Diagnosis
from shared.model.finding import Finding, Grade
from shared.model.load import LoadRun, LoadState, decode_load
from shared.model.page import RunKind
from shared.model.reconciliation import RunState, decode_run
from tests.fakes.clock import START
from tests.flow.console import Page, Seen
from tests.flow.world import account

ADMIN = "administrator"


@pytest.fixture
def page() -> Page:
    """A page over three accounts in Sales that the app does not know."""
    page = Page()
    for number in (1, 2, 3):
        page.world.save(f"C-{number}")
        page.name(account(f"C-{number}"), f"C-{number}", f"Contoso {number}")
    return page


def load(page: Page) -> LoadRun:
    return decode_load(page.world.runs.rows[RunKind.LOAD].document)


async def start(page: Page, **wanted: object) -> Seen:
    plan = await page.post("/runs/load/plan", ADMIN)
    return await page.post("/runs/load/start", ADMIN, **{**dict(plan.fields), "max_creates": "3", **wanted})


async def test_a_load_is_counted_started_watched_and_reported(page: Page) -> None:
    assert "There was none yet" in (await page.get("/runs", ADMIN)).text
    plan = await page.post("/runs/load/plan", ADMIN)
    assert "A first load of 3 accounts" in plan.text
    assert "create a customer in Operations 3" in plan.text
    assert 'name="max_creates" value="3"' in plan.answer.text
    assert RunKind.LOAD not in page.world.runs.rows

    done = await start(page, why="go-live")
    assert "First load started" in done.text
    assert [(one.what, one.count, one.ids, one.why) for one in page.actions.rows] == [
        ("load", 3, ("may create 3",), "go-live")
    ]
    assert load(page).max_creates == 3
    assert "data-refresh" in (await page.get("/runs", ADMIN)).answer.text
    assert "In progress First load 0 of 3 accounts sent" in (await page.get("/")).text
    await page.do_pages()
    assert "In progress" not in (await page.get("/")).text
    assert load(page).state is LoadState.DONE
    assert page.world.customer("C-1") is not None
    runs = await page.get("/runs", ADMIN)
    assert "3 of 3 accounts sent" in runs.text
    assert "data-refresh" not in runs.answer.text  # nothing moves any more
    assert "3 customers written" in (await page.get("/runs/load")).text
    sheet = load_workbook(BytesIO((await page.get("/runs/load.xlsx")).answer.content)).worksheets[0]
    assert [row[2].value for row in sheet.iter_rows()] == ["Result", "created", "created", "created"]


async def test_a_load_that_is_not_wholly_counted_says_so_and_suggests_no_number(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.console.first_load.COUNTED", 2)
    plan = await page.post("/runs/load/plan", ADMIN)
    assert "with the first 2 accounts" in plan.text
    assert 'name="max_creates" value=""' in plan.answer.text


async def test_a_load_takes_its_condition_day_limit_and_rate(page: Page) -> None:
    wanted = {"where": "statecode eq 0", "changed_since": "2026-11-01", "limit": "2", "rate": "60"}
    plan = await page.post("/runs/load/plan", ADMIN, **wanted)
    assert "A first load of 2 accounts" in plan.text
    await page.post("/runs/load/start", ADMIN, **dict(plan.fields), max_creates="2")
    run = load(page)
    assert (run.selection.where, str(run.selection.changed_since)) == ("statecode eq 0", "2026-11-01")
    assert (run.limit, run.rate, run.total) == (2, 60, 2)
    assert "statecode eq 0" in (await page.get("/runs", "operator")).text
    assert "statecode" not in (await page.get("/runs", "reader")).text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"where": "refused"}, "Sales refuses the condition"),
        ({"where": "(("}, "brackets or quotes"),
        ({"limit": "many"}, "no whole number"),
        ({"rate": "-1"}, "no whole number"),
        ({"changed_since": "yesterday"}, "year-month-day"),
    ],
)
async def test_a_load_that_cannot_be_is_refused(page: Page, fields: dict[str, str], says: str) -> None:
    seen = await page.post("/runs/load/plan", ADMIN, **fields)
    assert (seen.status, says in seen.text) == (400, True), seen.text


@pytest.mark.parametrize("number", ["", "x", "-5"])
async def test_no_load_starts_without_the_number_of_customers(page: Page, number: str) -> None:
    assert (await start(page, max_creates=number)).status == 400
    assert RunKind.LOAD not in page.world.runs.rows
    assert page.actions.rows == []


async def test_a_load_is_paused_resumed_and_cancelled(page: Page) -> None:
    await start(page)
    for do, state in (("pause", LoadState.PAUSED), ("cancel", LoadState.CANCELLED)):
        asked = await page.post(f"/runs/load/{do}", ADMIN)
        assert load(page).state is not state
        await page.post(f"/runs/load/{do}", ADMIN, **dict(asked.fields), why="month end")
        assert load(page).state is state
        if do == "pause":
            assert "paused by you" in (await page.get("/runs", ADMIN)).text
            form = await page.post("/runs/load/resume", ADMIN)
            await page.post("/runs/load/resume", ADMIN, **dict(form.fields), max_creates="9", rate="120")
            assert (load(page).state, load(page).max_creates, load(page).rate) == (LoadState.RUNNING, 9, 120)
    assert [one.what for one in page.actions.rows] == ["load", "load-pause", "load-resume", "load-cancel"]
    again = await page.post("/runs/load/pause", ADMIN, sure="1", run=str(load(page).id))
    assert (again.status, "nothing was changed" in again.text) == (409, True)


async def test_a_second_load_is_refused_while_one_goes_on(page: Page) -> None:
    await start(page)
    assert "one load goes on at a time" in (await page.post("/runs/load/plan", ADMIN)).text


async def test_a_load_at_its_limit_says_what_to_do_on_the_page(page: Page) -> None:
    await start(page, max_creates="1")
    with pytest.raises(AssertionError, match="come to rest"):  # the checks over the limit wait for a person
        await page.do_pages()
    assert load(page).state is LoadState.PAUSED
    for path in ("/", "/runs"):
        text = (await page.get(path, ADMIN)).text
        assert "“Resume” on the page Runs" in text, path
        assert "accountsync" not in text, path


async def compared(page: Page) -> None:
    """All accounts written, two customers changed by hand, both systems compared."""
    await page.world.sync(*(page.world.event(f"C-{number}") for number in (1, 2, 3)))
    for number in (1, 2):
        customer = page.world.customer(f"C-{number}")
        assert customer is not None
        customer["OrganizationName"] = "Changed by hand"
    page.world.clock.advance(3600)
    asked = await page.post("/runs/compare", ADMIN)
    await page.post("/runs/compare", ADMIN, **dict(asked.fields))
    await page.do_pages()


async def test_both_systems_are_compared_and_what_differs_is_put_right(page: Page) -> None:
    await compared(page)
    found = await page.get("/runs/comparison", ADMIN)
    assert "2 differences between Sales and Operations" in found.text
    assert "Contoso 1" in found.text
    assert "OrganizationName" in found.text

    run = decode_run(page.world.runs.rows[RunKind.RECONCILE].document)
    plan = await page.post("/runs/repair", ADMIN, run=run.id, kind="different", all="1")
    assert "Check 2 accounts?" in plan.text
    assert "Changed by hand" in plan.text
    assert "Account C-1" in plan.text
    assert page.world.queue.next_due() is None
    await page.post("/runs/repair", ADMIN, **{**dict(plan.fields), "account": accounts(plan)}, why="by hand")
    assert {one.source for one in page.world.queue.sent[-2:]} == {Source.RECONCILE}
    await page.world.drain()
    customer = page.world.customer("C-1")
    assert customer is not None
    assert customer["OrganizationName"] == "Account C-1"
    assert [(one.what, one.count) for one in page.actions.rows] == [("compare", 0), ("repair", 2)]


async def test_a_repair_of_many_accounts_says_how_many_of_them_it_shows(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.console.comparison.PREVIEWED", 1)
    await compared(page)
    run = decode_run(page.world.runs.rows[RunKind.RECONCILE].document)
    plan = await page.post("/runs/repair", ADMIN, run=run.id, kind="different", all="1")
    assert "The effect is shown for the first 1 of 2 accounts only" in plan.text


def accounts(seen: Seen) -> list[str]:
    return [value for name, value in seen.fields if name == "account"]


async def test_a_reader_sees_the_differences_without_names_and_values(page: Page) -> None:
    await compared(page)
    seen = await page.get("/runs/comparison", "reader")
    assert str(account("C-1")) in seen.text
    assert "OrganizationName" in seen.text
    for secret in ("Contoso", "Changed by hand", "Account C-1"):
        assert secret not in seen.answer.text


async def test_of_an_old_comparison_it_is_said_that_its_accounts_are_not_kept_any_more(page: Page) -> None:
    await compared(page)
    page.world.clock.advance(31 * 86_400)
    await page.operator.reconcile.forget()
    seen = await page.get("/runs/comparison", ADMIN)
    assert "2 differences between Sales and Operations" in seen.text
    assert "deleted after 30 days: compare again" in seen.text
    assert "Every account has its customer" not in seen.text
    assert "comparison.xlsx" not in seen.answer.text


async def test_the_differences_are_a_workbook_with_their_values(page: Page) -> None:
    await compared(page)
    sheet = load_workbook(BytesIO((await page.get("/runs/comparison.xlsx")).answer.content)).worksheets[0]
    _, first, second = ([str(cell.value) for cell in row] for row in sheet.iter_rows())
    assert {first[0], second[0]} == {"C-1", "C-2"}
    assert {first[5], second[5]} == {"Changed by hand"}


async def test_a_comparison_is_cancelled(page: Page) -> None:
    asked = await page.post("/runs/compare", ADMIN)
    await page.post("/runs/compare", ADMIN, **dict(asked.fields))
    again = await page.post("/runs/compare", ADMIN, **dict(asked.fields))
    assert (again.status, "goes on" in again.text) == (409, True)
    asked = await page.post("/runs/compare/cancel", ADMIN)
    await page.post("/runs/compare/cancel", ADMIN, **dict(asked.fields))
    run = decode_run(page.world.runs.rows[RunKind.RECONCILE].document)
    assert run.state is RunState.CANCELLED
    assert "cancelled by you" in (await page.get("/runs", ADMIN)).text
    assert [one.what for one in page.actions.rows] == ["compare", "compare-cancel"]


async def test_a_repair_of_an_older_comparison_is_refused(page: Page) -> None:
    await compared(page)
    seen = await page.post("/runs/repair", ADMIN, run="older", kind="different", all="1")
    assert (seen.status, "Another comparison" in seen.text) == (409, True)


async def test_systems_that_agree_are_said_to_agree(page: Page) -> None:
    await page.world.sync(*(page.world.event(f"C-{number}") for number in (1, 2, 3)))
    page.world.clock.advance(3600)
    asked = await page.post("/runs/compare", ADMIN)
    await page.post("/runs/compare", ADMIN, **dict(asked.fields))
    await page.do_pages()
    assert "Sales and Operations agree" in (await page.get("/runs/comparison")).text


async def test_the_findings_of_the_doctor_are_shown_errors_first(page: Page) -> None:
    assert "not checked yet" in (await page.get("/set-up")).text
    findings = (
        Finding("table A", Grade.FINE, "It is there."),
        Finding("queue b", Grade.ERROR, "There is none.", "Events are lost.", "Deploy it."),
        Finding("clock", Grade.NOT_CHECKED, "No answer.", "", "See with `accountsync status`; `--now`."),
    )
    await page.diagnoses.keep(Diagnosis(START, "build-7", "application x", findings), "")
    seen = await page.get("/set-up", "reader")
    assert "1 error in the set-up" in seen.text
    assert seen.text.index("queue b") < seen.text.index("clock") < seen.text.index("table A")
    assert "the page Overview" in seen.text
    page.world.clock.advance_to(START + timedelta(days=3))
    assert "more than two days old" in (await page.get("/set-up")).text


async def test_a_reader_sees_what_is_wrong_with_a_mapping_table_without_its_names_and_codes(
    page: Page,
) -> None:
    used = [CurrencyUse(AccountCurrency("Bhutanese Ngultrum"), 3)]
    wrong = [Reviewed(Kind.UNKNOWN_CODE, "Turkish Lira: Operations has no currency TLR", name="Turkish Lira")]
    await page.diagnoses.keep(Diagnosis(START, "build-7", "x", tuple(compare([], used, wrong))), "")
    assert "Bhutanese Ngultrum" in (await page.get("/set-up")).text
    seen = await page.get("/set-up", "reader")
    assert seen.text.count("currency mapping : A row is missing or wrong") == 2
    assert "It stops 3 active accounts" in seen.text
    for secret in ("Ngultrum", "Lira", "TLR"):
        assert secret not in seen.answer.text


async def test_a_new_check_is_asked_for(page: Page) -> None:
    done = await page.post("/set-up/check", why="after the change of roles")
    assert "Check of the set-up asked for" in done.text
    assert page.diagnoses.row.request
    seen = await page.get("/set-up")
    assert "A new check was asked for" in seen.text
    assert 'data-refresh="15"' in seen.answer.text
    assert [one.what for one in page.actions.rows] == ["check-up"]


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"


async def test_hostile_text_in_condition_reason_and_finding_is_shown_as_text(page: Page) -> None:
    plan = await page.post("/runs/load/plan", ADMIN, where=HOSTILE)
    assert ("where", HOSTILE) in plan.fields
    await page.post("/runs/load/start", ADMIN, **dict(plan.fields), max_creates="1", why=HOSTILE)
    finding = Finding(HOSTILE, Grade.ERROR, HOSTILE, HOSTILE, HOSTILE)
    await page.diagnoses.keep(Diagnosis(START, HOSTILE, HOSTILE, (finding,)), "")
    for path in ("/runs", "/systems", "/set-up", f"/done?id={page.actions.rows[0].id}"):
        seen = await page.get(path, ADMIN)
        assert HOSTILE in seen.text, path
        assert "img" not in seen.tags, path
        assert seen.tags.count("script") == 2, path  # the two files of the page
