"""The operator's page on fakes: what each page shows, what each action changes, and who may do it."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from openpyxl import load_workbook

from shared.console.app import PAGES
from shared.console.people import Role
from shared.model.faults import System, TransientFault
from shared.model.outcome import Cause, Problem
from shared.model.queues import Bin, Leftover
from tests.flow.console import WHO, Page
from tests.flow.world import World, account

NGULTRUM = "Bhutanese Ngultrum"
HOSTILE = """<img src=x onerror=alert(1)>"'&{{7*7}}<script>alert(2)</script>"""


@pytest.fixture
async def page() -> Page:
    """A page with one account that arrived and one that is parked for its currency."""
    page = Page()
    page.currency(NGULTRUM, "BTN")
    page.world.operations.currencies.add("BTN")
    page.name(account("C-1"), "C-1", "Contoso")
    page.name(account("C-2"), "C-2", "Paro Valley Hotels")
    assert await page.world.sync(page.world.save("C-1"), page.world.save("C-2", NGULTRUM)) == [
        "created",
        "parked",
    ]
    return page


async def test_the_overview_says_that_an_account_is_parked_and_which(page: Page) -> None:
    seen = await page.get("/")
    assert seen.status == 200
    assert "1 account parked" in seen.text
    assert "Paro Valley Hotels" in seen.text
    assert "One thing needs you" in seen.text
    assert "/issues?cause=UnmappedCurrency" in seen.answer.text
    assert "Add a row for this currency" in seen.text


async def test_the_overview_says_how_many_checks_are_in_work_or_how_many_ended(page: Page) -> None:
    assert "2 in this minute and the last" in (await page.get("/")).text
    page.locked = 2
    seen = await page.get("/")
    assert "In work 2 being checked now" in seen.text
    assert "in this minute and the last" not in seen.text


async def test_an_issue_shows_cause_remedy_and_the_suggested_code(page: Page) -> None:
    seen = await page.get("/issues")
    assert f"The currency “{NGULTRUM}” has no code in Operations" in seen.text
    assert "Add a row for this currency" in seen.text
    assert 'value="BTN"' in seen.answer.text


async def test_a_code_is_added_where_it_is_missing_and_the_account_arrives(page: Page) -> None:
    plan = await page.post("/mapping/plan", do="set", name=NGULTRUM, code="BTN")
    assert "1 parked account goes on" in plan.text
    assert NGULTRUM not in {row.mapped.crm for row in await page.world.mappings.rows()}
    done = await page.post("/mapping/apply", **dict(plan.fields), why="asked treasury")
    assert "Currency mapping changed" in done.text
    assert [(one.what, one.who, one.count, one.why) for one in page.actions.rows] == [
        ("currency", WHO, 1, "asked treasury")
    ]
    await page.world.application().heal.run()
    await page.world.drain()
    assert page.world.customer("C-2") is not None
    assert "in step" in (await page.get(f"/account?id={account('C-2')}")).text


async def test_a_plan_is_shown_again_if_the_table_was_changed_meanwhile(page: Page) -> None:
    plan = await page.post("/mapping/plan", do="set", name="Euro", code="CHF")
    page.world.mappings.set("Euro", "USD")
    again = await page.post("/mapping/apply", **dict(plan.fields))
    assert "changed meanwhile" in again.text
    assert not page.actions.rows
    assert {row.mapped.ax for row in await page.world.mappings.rows() if row.mapped.crm == "Euro"} == {"USD"}


async def test_a_file_is_planned_taken_over_and_undone(page: Page) -> None:
    page.world.operations.currencies.add("CHF")
    content = b"Currency CRM,Currency AX\nEuro,CHF\n"
    plan = await page.post("/mapping/plan", do="import", file=("new.csv", content, "text/csv"))
    assert "From new.csv" in plan.text
    await page.post("/mapping/apply", **dict(plan.fields))
    codes = {row.mapped.crm: row.mapped.ax for row in await page.world.mappings.rows()}
    assert codes["Euro"] == "CHF"
    assert "Euro: EUR → CHF" in (await page.get("/mapping")).text
    undo = await page.post("/mapping/plan", do="undo", version="")
    await page.post("/mapping/apply", **dict(undo.fields))
    codes = {row.mapped.crm: row.mapped.ax for row in await page.world.mappings.rows()}
    assert codes["Euro"] == "EUR"
    assert [one.what for one in page.actions.rows] == ["currency", "undo"]


async def test_every_mapping_table_is_shown_and_edited_as_that_of_currencies() -> None:
    world = World(field_map=str(Path(__file__).with_name("mapping_tables.toml")))
    page = Page(world)
    assert "customer-groups" in (await page.get("/mapping")).text
    content = b"Source,Target\nNet 30,N030\n"
    upload = ("new.csv", content, "text/csv")
    plan = await page.post("/mapping/plan", table="payment-terms", do="import", file=upload)
    assert "to the mapping table payment-terms" in plan.text
    await page.post("/mapping/apply", **dict(plan.fields))
    assert world.tables["payment-terms"].table["net 30"].mapped.ax == "N030"
    assert "Net 30: no row → N030" in (await page.get("/mapping?table=payment-terms")).text
    written = (await page.get("/mapping.csv?table=payment-terms")).answer.text
    assert '"Source","Target"' in written
    undo = await page.post("/mapping/plan", table="payment-terms", do="undo", version="")
    await page.post("/mapping/apply", **dict(undo.fields))
    assert not world.tables["payment-terms"].table
    assert [one.what for one in page.actions.rows] == ["mapping", "mapping-undo"]
    assert (await page.get("/mapping?table=Payment%20Terms")).status == 404


async def test_an_account_that_waits_for_a_row_leads_to_its_table() -> None:
    world = World(field_map=str(Path(__file__).with_name("mapping_tables.toml")))
    world.labels.columns = {"paymenttermscode": {1: "Net 30"}}
    await world.sync(world.save("A1", paymenttermscode=1))
    page = Page(world)
    assert "/mapping?table=payment-terms" in (await page.get("/issues")).answer.text


async def test_a_value_of_any_table_is_added_where_it_is_missing_and_the_account_arrives() -> None:
    world = World(field_map=str(Path(__file__).with_name("mapping_tables.toml")))
    world.labels.columns = {"paymenttermscode": {1: "Net 30"}}
    await world.sync(world.save("A1", paymenttermscode=1))
    page = Page(world)
    for path in ("/issues", f"/account?id={account('A1')}"):
        seen = await page.get(path)
        assert "Code of “net 30” in Operations" in seen.text, path
        assert ("table", "payment-terms") in seen.fields, path
        assert "The value “net 30” of PaymentTerms" in seen.text, path
    assert "Code of" not in (await page.get("/issues", "reader")).text
    plan = await page.post("/mapping/plan", table="payment-terms", do="set", name="net 30", code="N030")
    assert "1 parked account goes on" in plan.text
    await page.post("/mapping/apply", **dict(plan.fields))
    await world.application().heal.run()
    await world.drain()
    customer = world.customer("A1")
    assert customer is not None
    assert customer["PaymentTerms"] == "N030"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("new.txt", b"a", "neither .xlsx nor .csv"),
        ("new.csv", b"a,b\n", "must have the headers"),
        ("new.xlsx", b"no workbook", "xlsx"),
        ("new.csv", b"x" * (5 * 2**20 + 1), "larger than 5 MB"),
        ("new.csv", b"x" * (7 * 2**20), "too much"),
    ],
)
async def test_a_file_that_cannot_be_used_is_refused(
    page: Page, name: str, content: bytes, says: str
) -> None:
    seen = await page.post("/mapping/plan", do="import", file=(name, content, "text/csv"))
    assert seen.status in {409, 413}
    assert says in seen.text


async def test_a_replay_shows_its_effect_and_sends_a_check_when_it_is_confirmed(page: Page) -> None:
    page.world.save("C-1", name="Contoso Ltd")
    plan = await page.post("/replay", account=str(account("C-1")))
    assert "Contoso Ltd" in plan.text
    assert page.world.queue.next_due() is None
    done = await page.post("/replay/send", **dict(plan.fields), why="after the merger")
    assert "Checked again" in done.text
    await page.world.drain()
    customer = page.world.customer("C-1")
    assert customer is not None
    assert customer["OrganizationName"] == "Contoso Ltd"
    assert page.actions.rows[0].ids == (str(account("C-1")),)
    assert "after the merger" in page.world.state("C-1").log[-1].note


async def test_a_replay_shows_what_somebody_changed_in_the_erp_and_puts_it_right(page: Page) -> None:
    customer = page.world.customer("C-1")
    assert customer is not None
    customer["OrganizationName"] = "Changed by hand"
    plan = await page.post("/replay", account=str(account("C-1")))
    assert "OrganizationName Changed by hand Account C-1" in plan.text
    await page.post("/replay/send", **dict(plan.fields))
    await page.world.drain()
    changed = page.world.customer("C-1")
    assert changed is not None
    assert changed["OrganizationName"] == "Account C-1"


async def test_all_accounts_of_a_group_are_checked(page: Page) -> None:
    key = page.world.state("C-2").issue
    plan = await page.post("/replay", key=key, all="1")
    assert plan.fields == [("account", str(account("C-2")))]


async def test_all_of_a_group_are_those_of_its_field_alone(page: Page) -> None:
    for number, name in ((1, "Phone"), (2, "Fax"), (3, "Fax")):
        await page.world.issues.put(UUID(int=number), Problem(Cause.REFUSED, field=name), datetime.now(UTC))
    plan = await page.post("/replay", key=str(Cause.REFUSED), field="Fax", all="1")
    assert plan.fields == [("account", str(UUID(int=2))), ("account", str(UUID(int=3)))]


async def test_more_than_a_hundred_need_an_administrator_who_types_the_number(page: Page) -> None:
    many = [str(UUID(int=number)) for number in range(1, 102)] + [str(account("C-1"))]
    assert (await page.post("/replay", account=many)).status == 403
    asked = await page.post("/replay/send", "administrator", account=many)
    assert "Type 102 to confirm" in asked.text
    assert not page.actions.rows
    done = await page.post("/replay/send", "administrator", account=many, number="102")
    assert page.actions.rows[0].count == 102
    assert [one for one in many if one not in done.answer.text] == []


async def test_a_plan_of_many_accounts_says_how_many_of_them_it_shows(page: Page) -> None:
    many = [str(UUID(int=number)) for number in range(1, 102)]
    plan = await page.post("/replay", "administrator", account=many)
    assert "The effect is shown for the first 10 of 101 accounts only" in plan.text
    assert plan.tags.count("section") == 10
    assert "The effect is shown" not in (await page.post("/replay", account=many[:10])).text


async def test_an_account_is_unlinked_after_it_was_confirmed(page: Page) -> None:
    asked = await page.post("/account/unlink", "administrator", account=str(account("C-1")))
    assert page.world.state("C-1").customer is not None
    done = await page.post("/account/unlink", "administrator", **dict(asked.fields), why="wrong customer")
    assert "Unlinked" in done.text
    assert page.world.state("C-1").customer is None
    nothing = await page.post("/account/unlink", "administrator", **dict(asked.fields))
    assert "nothing to unlink" in nothing.text


async def test_a_system_is_paused_and_resumed(page: Page) -> None:
    asked = await page.post("/systems/pause", "administrator", system="operations")
    assert "Pause Operations?" in asked.text
    await page.post("/systems/pause", "administrator", **dict(asked.fields), why="month end")
    assert "Paused by you" in (await page.get("/systems", "administrator")).text
    resumed = await page.post("/systems/resume", "administrator", system="operations", sure="1")
    assert "Resumed" in resumed.text
    assert [one.what for one in page.actions.rows] == ["pause", "resume"]
    assert "Work goes on." in (await page.get("/systems")).text


async def test_a_rejected_event_is_sent_again(page: Page) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    page.world.leftovers.bins[Bin.REJECTED] = [Leftover(17, at, "not-json", HOSTILE, b"{}")]
    shown = await page.get("/systems", "administrator")
    assert HOSTILE in shown.text
    asked = await page.post("/systems/resubmit", "administrator", place=str(Bin.REJECTED), number="17")
    await page.post("/systems/resubmit", "administrator", **dict(asked.fields))
    assert page.world.leftovers.posted == [b"{}"]
    assert page.actions.rows[0].ids == ("17",)


async def test_an_account_is_found_by_part_of_its_name(page: Page) -> None:
    seen = await page.post("/accounts", text="valley")
    assert "Paro Valley Hotels" in seen.text
    assert "Next step" in seen.text
    assert "No account has the id" in (await page.post("/accounts", text="nobody")).text


async def test_a_reader_sees_states_and_ids_but_no_names_and_no_values(page: Page) -> None:
    for path in ("/", "/issues", "/systems", "/accounts", f"/account?id={account('C-2')}"):
        seen = await page.get(path, "reader")
        assert seen.status == 200
        for secret in ("Paro Valley", "Contoso", "gultrum", "C-2"):
            assert secret not in seen.answer.text, path
    assert str(account("C-2")) in (await page.get("/issues", "reader")).text


@pytest.mark.parametrize("number", range(len(PAGES)))
async def test_a_page_needs_its_role(page: Page, number: int) -> None:
    method, path, least, _ = PAGES[number]
    lower = {Role.READER: "nobody", Role.OPERATOR: "reader", Role.ADMINISTRATOR: "operator"}[least]
    ask = page.get if method == "GET" else page.post
    assert (await ask(path, lower)).status == 403
    assert (await ask(path, str(least))).status != 403


async def test_what_changes_something_is_a_post() -> None:
    files = {"/issues.xlsx", "/mapping.xlsx", "/mapping.csv", "/runs/load.xlsx", "/runs/comparison.xlsx"}
    reads = {"/", "/issues", "/accounts", "/account", "/mapping", "/systems", *files}
    reads |= {"/runs", "/runs/load", "/runs/comparison", "/set-up"}
    assert {page.path for page in PAGES if page.method == "GET"} == {*reads, "/done"}


async def test_the_parked_accounts_are_a_workbook(page: Page) -> None:
    page.name(account("C-2"), "C-2", "=Paro()")
    answer = (await page.get("/issues.xlsx")).answer
    assert answer.headers["content-disposition"] == 'attachment; filename="parked-accounts.xlsx"'
    sheet = load_workbook(BytesIO(answer.content)).worksheets[0]
    header, row = ([cell.value for cell in line] for line in sheet.iter_rows())
    assert header[:3] == ["Account number", "Name", "Cause"]
    assert row[:4] == ["C-2", "'=Paro()", "UnmappedCurrency", "bhutanese ngultrum"]


async def test_the_mapping_is_a_file_that_can_be_taken_over(page: Page) -> None:
    for kind in ("csv", "xlsx"):
        content = (await page.get(f"/mapping.{kind}")).answer.content
        plan = await page.post("/mapping/plan", do="import", file=(f"x.{kind}", content, "text/plain"))
        assert "Nothing changes" in plan.text


async def test_hostile_text_is_shown_as_text(page: Page) -> None:
    page.world.mappings.set(HOSTILE, "USD")
    page.name(account("C-3"), HOSTILE, HOSTILE)
    page.world.operations.currencies.add("USD")
    await page.world.sync(page.world.save("C-3", HOSTILE, name=HOSTILE, address1_city=HOSTILE))
    page.currency(f"{HOSTILE}2", HOSTILE)
    await page.world.sync(page.world.save("C-4", f"{HOSTILE}2"))
    page.name(account("C-4"), "C-4", HOSTILE)
    for path in (
        "/",
        "/issues",
        "/mapping",
        f"/account?id={account('C-3')}",
        f"/account?id={account('C-4')}",
    ):
        seen = await page.get(path)
        assert HOSTILE in seen.text, path
        assert "img" not in seen.tags, path
        assert seen.tags.count("script") == 2, path  # the two files of the page
    plan = await page.post("/mapping/plan", do="set", name=f"{HOSTILE}2", code="USD")
    assert ("name", f"{HOSTILE}2") in plan.fields


async def test_hostile_values_in_every_field_of_an_account_are_shown_as_text(page: Page) -> None:
    long, short = "<img src=x onerror=a()>\"'&{{7*7}}<script>a()</script>", "<b>\"'&"
    texts = ("name", "emailaddress1", "telephone1", "fax", "websiteurl", "address1_line1", "address1_city")
    columns = dict.fromkeys(texts, long) | {"address1_stateorprovince": short, "address1_postalcode": short}
    changed = page.world.save("C-5", accountnumber=f"5{short}", **columns)
    assert await page.world.sync(changed) == ["created"]
    seen = await page.get(f"/account?id={account('C-5')}")
    assert seen.text.count(long) == len(texts)
    assert seen.text.count(short) == len(("customer", "state", "postal code"))
    page.world.save("C-5", **dict.fromkeys(columns, "changed"))
    plan = await page.post("/replay", account=str(account("C-5")))
    assert plan.text.count(long) == len(texts)
    for one in (seen, plan):
        assert not {"img", "b"} & set(one.tags)
        assert one.tags.count("script") == 2  # the two files of the page


async def test_a_system_that_does_not_answer_leaves_a_page_that_says_so(page: Page) -> None:
    page.inquiry.fault = TransientFault(System.DATAVERSE, "no connection")
    issues = await page.get("/issues")
    assert issues.status == 200
    assert "could not be read from Sales" in issues.text
    assert (await page.post("/accounts", text="x")).status == 503


async def test_a_defect_is_a_page_too(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.world.issues, "report", lambda _cause="": 1 / 0)
    seen = await page.get("/issues")
    assert seen.status == 500
    assert "defect of Account Sync" in seen.text


async def test_an_address_that_names_nothing_is_answered_with_a_page(page: Page) -> None:
    for path in ("/nothing", "/account?id=x", "/done?id=x", f"/done?id={UUID(int=1)}", "/issues?cause=x"):
        assert (await page.get(path)).status == 404, path


async def test_a_text_that_is_too_long_is_refused(page: Page) -> None:
    assert (await page.post("/mapping/plan", do="set", name="x" * 2000, code="EUR")).status == 400
    assert (await page.post("/accounts", text="x" * 70_000)).status == 413


async def test_a_thousand_issues_are_grouped(page: Page) -> None:
    (parked,) = await page.world.issues.report()
    problem, _ = page.world.issues.rows[parked.key, parked.account_id]
    for number in range(1000):
        await page.world.issues.put(UUID(int=number + 1), replace(problem), datetime.now(UTC))
    seen = await page.get("/issues")
    assert "1,001 accounts wait" in seen.text
    assert "Show more of the 1001" in seen.text
