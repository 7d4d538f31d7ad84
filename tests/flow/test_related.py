"""Changes of rows that accounts refer to: each account is checked, whatever happens on the way."""

import json
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from shared.intake.queue_change import Filtered, Queued
from shared.load.steer import Wanted
from shared.model.change import Source
from shared.model.faults import ConfigurationFault, QueueUnavailable, System, TransientFault
from shared.model.load import LoadState, Selection, decode_load
from shared.model.outcome import Ending
from shared.model.page import PageDue, RunKind, decode_page, encode_page
from shared.model.reconciliation import Kind
from shared.model.related import RelatedChange
from tests.fakes.clock import FakeClock
from tests.flow.reconciling import Comparing, kinds
from tests.flow.relating import CONTACTS, Relating, contact, stop_at
from tests.flow.world import ORGANIZATION, Crash, account

SALES_DOWN = TransientFault(System.DATAVERSE, "answered 503")
TABLES_DOWN = TransientFault(System.TABLES, "answered 503")
NO_RIGHT = ConfigurationFault(System.SERVICE_BUS, "refuses to tell its counts.", "Give it the right.")
WRONG = ConfigurationFault(System.DATAVERSE, "answered 400.", "Correct the field map.")
NEW = "new@example.com"


async def test_a_contact_with_five_accounts() -> None:
    world = await (await Relating().with_accounts(5)).with_accounts(2, "Bob", "B")
    versions = {name: world.state(name).version for name in ("A0", "A4")}
    assert isinstance(await world.receive(world.change("Ann", NEW)), Queued)
    await world.work()
    assert world.emails() == {NEW: 5, "old@example.com": 2}
    assert world.checks() == {account(f"A{place}"): 1 for place in range(5)}
    assert {name: world.state(name).version for name in versions} == versions
    note = world.state("A0").log[-1].note
    assert note == f"contact {contact('Ann')} changed"


async def test_an_owner_of_many_accounts_is_followed_without_a_long_queue() -> None:
    world = await Relating().with_accounts(300)
    longest = 0

    async def watch() -> None:
        nonlocal longest
        longest = max(longest, len(world.queue.waiting))

    await world.receive(world.change("Ann", NEW))
    await world.work(after_each=watch)
    assert world.emails() == {NEW: 300}
    assert set(world.checks().values()) == {1}
    assert longest <= 2 * 4  # partitions, and checks in each


async def test_no_partition_grows_long() -> None:
    world = await Relating().with_accounts(60)
    await world.receive(world.change("Ann", NEW))

    async def watch() -> None:
        partitions = [world.queue.partition(change, 2) for _, _, change in world.queue.waiting]
        assert max(map(partitions.count, partitions), default=0) <= 4

    await world.work(after_each=watch)
    assert world.emails() == {NEW: 60}


async def test_an_event_is_taken_while_sales_does_not_answer_and_its_accounts_follow() -> None:
    world = await Relating().with_accounts(9)
    body = world.change("Ann", NEW)
    world.sales.trouble = world.accounts.trouble = SALES_DOWN
    assert isinstance(await world.receive(body), Queued)
    await world.work(longest=timedelta(hours=2))
    assert world.walks()
    world.sales.trouble = world.accounts.trouble = None
    await world.work()
    assert (world.emails(), world.walks()) == ({NEW: 9}, [])


@pytest.mark.parametrize(
    ("table", "column", "changed"),
    [
        ("systemuser", "owninguser", "fullname"),
        ("transactioncurrency", "transactioncurrencyid", "currencyname"),
    ],
)
async def test_an_owner_and_a_currency_change_while_sales_does_not_answer(
    table: str, column: str, changed: str
) -> None:
    row_id, world = uuid4(), Relating()
    names = [f"A{place}" for place in range(30)]
    await world.sync(*(world.save(name, "Euro", **{column: row_id}) for name in names), world.save("B"))
    world.clock.advance(10_000)
    for name in names:
        world.sales.save(account(name), "Yen")
    world.sales.trouble = world.accounts.trouble = SALES_DOWN
    assert isinstance(await world.receive(world.event_of(table, row_id, changed)), Queued)
    await world.work(longest=timedelta(hours=2))
    assert not world.checks()
    world.sales.trouble = world.accounts.trouble = None
    await world.work()
    assert world.checks() == {account(name): 1 for name in names}
    assert {world.state(name).issue for name in names} == {"UnmappedCurrency|yen"}
    assert world.walks() == []


@pytest.mark.parametrize("trouble", [SALES_DOWN, WRONG])
async def test_a_page_that_fails_is_made_again(trouble: Exception) -> None:
    world = await Relating().with_accounts(9)
    await world.receive(world.change("Ann", NEW))
    world.accounts.trouble = trouble
    await world.work(longest=timedelta(minutes=1))
    assert world.emails() == {"old@example.com": 9}
    world.accounts.trouble = None
    await world.work()
    assert (world.emails(), world.walks()) == ({NEW: 9}, [])


async def test_a_bus_that_takes_nothing_lets_the_host_deliver_the_page_again() -> None:
    world = await Relating().with_accounts(3)
    await world.receive(world.change("Ann", NEW))
    page = world.pages.take()
    assert page is not None
    world.queue.trouble = QueueUnavailable("away")
    with pytest.raises(QueueUnavailable):
        await world.application().run_cases.handlers[page.kind](page)


async def test_a_defect_leaves_the_page_to_the_dead_letters() -> None:
    world = await Relating().with_accounts(3)
    await world.receive(world.change("Ann", NEW))
    page = world.pages.take()
    assert page is not None
    world.accounts.trouble = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await world.application().run_cases.handlers[page.kind](page)


async def test_a_crash_at_every_step_loses_nothing() -> None:
    step = 0
    for step in count():
        world = await Relating().with_accounts(11)
        body, gate = world.change("Ann", NEW), stop_at(step)
        try:
            await world.receive(body, gate)
            received = 0
        except Crash:
            received = 1
            await world.receive(body)
        deaths = received + await world.work(gate)
        assert world.emails() == {NEW: 11}
        assert (world.walks(), world.queue.waiting) == ([], [])
        assert set(world.checks().values()) == {1}, "a page that is repeated sends the same messages"
        if not deaths:
            break
    assert step > 20


async def test_a_crash_at_each_of_many_steps_loses_nothing() -> None:
    world = await Relating().with_accounts(25)
    await world.receive(world.change("Ann", NEW))
    assert await world.work(stop_at(*range(3, 400, 7))) > 5
    assert world.emails() == {NEW: 25}


async def test_a_page_that_is_repeated_with_less_room_loses_nothing() -> None:
    step = 0
    for step in count():
        world = await Relating().with_accounts(11)
        await world.receive(world.change("Ann", NEW))
        page = world.pages.take()
        assert page is not None
        try:
            await world.application(stop_at(step)).run_cases.handlers[page.kind](page)
        except Crash:
            world.waiting.others = 7 - len(world.queue.waiting)
            await world.application().run_cases.handlers[page.kind](page)
            world.waiting.others = 0
            await world.work()
            assert world.emails() == {NEW: 11}
        else:
            break
    assert step > 5


async def test_many_related_changes_and_a_load_all_end() -> None:
    world = Relating()
    for place in range(30):
        await world.with_accounts(3, f"C{place}", f"C{place}-")
    bodies = [world.change(f"C{place}", NEW) for place in range(30)]
    load = world.application().run_cases.steer_load
    await load.start(Wanted(Selection(), "anna", 1_000))
    for body in bodies:
        await world.receive(body)
    longest = 0

    async def watch() -> None:
        nonlocal longest
        longest = max(longest, len(world.queue.waiting))

    await world.work(after_each=watch)
    assert longest <= 2 * 4 + 1, "together they leave the room that one of them leaves"
    assert decode_load(world.runs.rows[RunKind.LOAD].document).state is LoadState.DONE
    assert (world.emails(), world.walks()) == ({NEW: 90}, [])


async def test_an_event_of_an_account_waits_for_a_few_checks_only() -> None:
    world = await Relating().with_accounts(100)
    await world.sync(world.save("Z"))
    world.clock.advance(10_000)
    await world.receive(world.change("Ann", NEW))
    app = world.application()
    for _ in range(40):
        await world.step(app, app)
    await world.queue.send(world.save("Z", telephone1="7"))
    before = len(world.outcomes)
    await world.work()
    place = [change.account_id for change, _ in world.outcomes[before:]].index(account("Z"))
    assert place <= 2 * 4


async def test_without_the_right_to_the_counts_a_walk_counts_its_own_checks() -> None:
    world = await Relating().with_accounts(40)
    world.waiting.trouble = NO_RIGHT
    await world.receive(world.change("Ann", NEW))
    await world.work()
    assert world.emails() == {NEW: 40}


async def test_tables_that_are_away_let_the_walk_wait() -> None:
    world = await Relating().with_accounts(20)
    await world.receive(world.change("Ann", NEW))
    world.checked.trouble = TABLES_DOWN
    await world.work(longest=timedelta(minutes=5))
    assert world.walks()
    world.checked.trouble = None
    await world.work()
    assert world.emails() == {NEW: 20}


async def test_an_account_that_was_never_checked_is_left_to_its_own_event_or_a_load() -> None:
    world = await Relating().with_accounts(2)
    world.save("N", None, primarycontactid=contact("Ann"))
    await world.receive(world.change("Ann", NEW))
    await world.work()
    assert (world.emails(), world.customer("N")) == ({NEW: 2}, None)
    assert account("N") not in world.states.rows


async def test_an_account_that_was_read_long_after_the_change_is_covered() -> None:
    world = await Relating().with_accounts(1)
    body = world.change("Ann", NEW)
    world.clock.advance(1_000)
    await world.sync(world.check("A0"))
    reads = world.sales.reads
    await world.receive(body)
    await world.work()
    assert (world.outcomes[-1][1].ending, world.sales.reads) == (Ending.COVERED, reads)
    assert world.state("A0").log[-1].source == Source.RELATED


async def test_a_parked_account_that_refers_to_the_row_is_checked() -> None:
    world = await Relating().with_accounts(1)
    await world.sync(world.save("P", "Yen", primarycontactid=contact("Ann")))
    world.clock.advance(10_000)
    world.sales.save(account("P"), "Euro")  # its event is on its way
    await world.receive(world.change("Ann", NEW))
    await world.work()
    assert world.emails() == {NEW: 2}


@pytest.mark.parametrize(
    ("table", "columns", "message", "rule"),
    [
        ("contact", ("lastname",), "Update", "columns"),
        ("contact", ("emailaddress1",), "Create", "message"),
        ("contact", ("emailaddress1",), "Delete", "message"),
        ("lead", ("emailaddress1",), "Update", "table"),
        ("transactioncurrency", ("exchangerate",), "Update", "columns"),
    ],
)
async def test_what_needs_no_check(table: str, columns: tuple[str, ...], message: str, rule: str) -> None:
    world = Relating()
    found = await world.receive(world.event_of(table, uuid4(), *columns, message=message))
    assert (found, world.walks()) == (Filtered(rule), [])


async def test_an_event_that_comes_twice_is_one_walk_and_two_events_are_two() -> None:
    world = Relating()
    first, second = world.change("Ann", NEW), world.change("Ann", NEW)
    for body in (first, first, second):
        await world.receive(body)
    assert len({page.run for page in world.walks()}) == len(world.walks()) == 2


async def test_a_renamed_currency_checks_the_accounts_that_have_it() -> None:
    euro, world = uuid4(), Relating()
    await world.sync(world.save("E", "Euro", transactioncurrencyid=euro), world.save("D"))
    world.clock.advance(10_000)
    world.sales.save(account("E"), "Yen")
    await world.receive(world.event_of("transactioncurrency", euro, "currencyname"))
    await world.work()
    assert (world.state("E").issue, world.state("D").issue) == ("UnmappedCurrency|yen", None)


async def test_a_change_whose_event_never_came_is_found_by_the_comparison_and_repaired() -> None:
    world = await Relating().with_accounts(4)
    world.change("Ann", NEW)
    comparing = Comparing(world)
    _, found = await comparing.run()
    fields = (Kind.DIFFERENT, ("PrimaryContactEmail",))
    assert kinds(found) == {account(f"A{place}"): fields for place in range(4)}
    await comparing.repair(found)
    assert world.emails() == {NEW: 4}


async def test_the_event_of_a_save_that_is_not_committed_yet_waits_for_its_walk() -> None:
    world = await Relating().with_accounts(1)
    event = json.loads(world.change("Ann", NEW)) | {"Mode": 0}
    await world.receive(json.dumps(event).encode())
    assert (world.pages.next_due() or world.clock.now()) - world.clock.now() == timedelta(seconds=300)


async def test_an_account_that_others_refer_to_is_checked_and_they_are_too(tmp_path: Path) -> None:
    world = Relating(field_map=str(_following_parents(tmp_path)))
    parent = {"parentaccountid": account("P"), "parentaccountid.tickersymbol": "OLD"}
    await world.sync(world.save("P"), world.save("C", None, **parent))
    world.clock.advance(10_000)
    world.sales.save(account("C"), **{"parentaccountid.tickersymbol": "NEW"})
    found = await world.receive(world.event_of("account", account("P"), "name", "tickersymbol"))
    assert isinstance(found, Queued)
    assert len(world.walks()) == 1
    assert [one.account_id for one in world.queue.sent[-1:]] == [account("P")]
    await world.work()
    assert (world.customer("C") or {})["SalesMemo"] == "NEW"
    await world.receive(world.event_of("account", account("P"), "tickersymbol"))
    assert len(world.walks()) == 1, "also where the account itself reads nothing of the change"


async def test_a_field_map_without_related_rows_filters_their_events() -> None:
    world = Relating(field_map="operations")
    assert await world.receive(world.change("Ann", NEW)) == Filtered("table")


def test_a_page_is_read_as_it_was_written() -> None:
    page = PageDue.related(_change())
    assert decode_page(encode_page(page)) == page
    assert page.message_id == PageDue.related(_change()).message_id
    load = PageDue(kind=RunKind.LOAD, run="a", page=3)
    assert decode_page(encode_page(load)) == load
    assert b"walk" not in encode_page(load)
    with pytest.raises(ValueError, match="walk"):
        decode_page(encode_page(load).replace(b'"load"', b'"related"'))


def _change() -> RelatedChange:
    return RelatedChange(
        organization_id=ORGANIZATION,
        table="contact",
        row_id=contact("Ann"),
        columns=("primarycontactid",),
        occurred_at=FakeClock().now(),
        operation_id=UUID(int=5),
    )


def _following_parents(folder: Path) -> Path:
    """The field map with a column of the parent account in place of the owner's."""
    text = Path(CONTACTS).read_text(encoding="utf-8")
    text = text.replace("owninguser.fullname", "parentaccountid.tickersymbol")
    file = folder / "map.toml"
    file.write_text(text.replace("systemuser", "account").replace("owninguser", "parentaccountid"))
    return file
