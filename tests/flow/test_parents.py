"""The customer of another account: children wait for their parents, follow them, and never for ever."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.load.steer import Wanted
from shared.model.change import Source
from shared.model.load import Selection
from shared.model.outcome import Cause
from shared.model.state import Phase
from shared.resilience.replay import Asked
from tests.flow.families import Families
from tests.flow.world import Crash, account

WITHOUT_CUSTOMER: dict[str, tuple[dict[str, object], str]] = {
    "filtered": ({"customertypecode": 9}, 'The rule on "customertypecode" keeps out'),
    "inactive": ({"statecode": 1}, 'The rule on "statecode" keeps out'),
    "parked": ({"name": ""}, "is parked as MissingValue"),
}


def _issues(world: Families) -> set[str]:
    return {key for key, _ in world.issues.rows}


async def test_a_child_has_its_parents_customer_for_invoice_account() -> None:
    world = Families()
    assert await world.sync(world.child("P", None), world.child("C", "P")) == ["created", "created"]
    assert (world.payer("P"), world.payer("C")) == ("", "P")


async def test_a_child_that_comes_first_has_its_parent_checked_and_follows() -> None:
    world = Families()
    world.child("P", None)  # its event never comes
    await world.send(world.child("C", "P"))
    await world.deliver(world.take())
    assert world.problem("C").key == f"ParentNotSynced|{account('P')}"
    assert [change.account_id for _, _, change in world.queue.waiting] == [account("P")]
    await world.drain()
    assert (world.payer("P"), world.payer("C")) == ("", "P")
    assert not world.issues.rows


async def test_a_parent_that_is_taken_away_empties_the_field() -> None:
    world = Families()
    await world.sync(world.child("P", None), world.child("C", "P"))
    world.clock.advance(100)
    assert await world.sync(world.child("C", None)) == ["updated"]
    assert world.payer("C") == ""


async def test_a_grandchild_follows_through_all_its_parents() -> None:
    world = Families()
    events = [world.child(name, parent) for name, parent in (("C", "B"), ("B", "A"), ("A", None))]
    await world.sync(*events)
    assert [world.payer(name) for name in "ABC"] == ["", "A", "B"]


async def test_many_children_of_one_parent_are_released_at_a_pace() -> None:
    world = Families()
    world.issues.page_size = 175
    world.child("P", None, name="")  # parked itself
    children = [f"C{place}" for place in range(750)]
    for name in children:
        await world.queue.send(world.child(name, "P"))
    await world.rest()
    assert Counter(change.account_id for change in world.queue.sent)[account("P")] == 1
    before = len(world.queue.sent)
    await world.sync(world.child("P", None, name="Parent"))
    assert len(world.queue.sent[before + 1 :]) == 100
    for _ in range(3):
        sent = len(world.queue.sent)
        await world.rest(1)
        assert len(world.queue.sent) - sent <= 600
    assert {world.payer(name) for name in children} == {"P"}
    times = Counter(change.account_id for change in world.queue.sent[before + 1 :])
    assert set(times.values()) == {1}
    assert not [name for name in world.control.bookmark_rows if name.startswith("children ")]


@pytest.mark.parametrize(("columns", "said"), WITHOUT_CUSTOMER.values(), ids=WITHOUT_CUSTOMER)
async def test_a_parent_without_a_customer_is_named_with_its_rule_and_releases_the_child(
    columns: dict[str, object], said: str
) -> None:
    world = Families()
    await world.sync(world.child("P", None, **columns))
    assert await world.sync(world.child("C", "P")) == ["parked"]
    assert said in world.problem("C").remedy()
    world.clock.advance(100)
    good = {"customertypecode": 3, "statecode": 0, "name": "Parent"}
    await world.sync(world.child("P", None, **good))
    assert world.payer("C") == "P"


@pytest.mark.parametrize(("columns", "said"), WITHOUT_CUSTOMER.values(), ids=WITHOUT_CUSTOMER)
async def test_a_child_that_comes_first_is_told_why_its_parent_has_no_customer(
    columns: dict[str, object], said: str
) -> None:
    world = Families()
    world.child("P", None, **columns)
    await world.sync(world.child("C", "P"))
    await world.rest()
    assert said in world.problem("C").remedy()
    checks = len(world.queue.sent)
    await world.rest(10)
    assert len(world.queue.sent) == checks
    assert said in world.problem("C").remedy()


async def test_a_deleted_parent_is_named_although_it_has_a_customer() -> None:
    world = Families()
    await world.sync(world.child("P", None))
    await world.sync(world.delete("P"))
    assert await world.sync(world.child("C", "P")) == ["parked"]
    assert "does not exist in Sales any more" in world.problem("C").remedy()
    await world.rest()
    assert world.state("C").phase is Phase.PARKED


async def test_a_parent_that_sales_does_not_have_is_asked_for_once() -> None:
    world = Families()
    await world.sync(world.child("C", "P"))
    assert world.problem("C").cause is Cause.PARENT_NOT_SYNCED
    await world.rest(20)
    every = [*world.queue.sent, *world.queue.repeated]
    asked = [change for change in every if change.account_id == account("P") and not change.hop]
    assert len(asked) == 2  # by the child, and by healing


async def test_a_filtered_or_parked_parent_that_has_its_customer_is_good_for_its_children() -> None:
    world = Families()
    await world.sync(world.child("P", None))
    world.clock.advance(100)
    await world.sync(world.child("P", None, customertypecode=9))
    assert await world.sync(world.child("C", "P")) == ["created"]
    assert world.payer("C") == "P"


async def test_a_parent_in_another_company_is_named_and_healing_leaves_the_child_alone() -> None:
    world = Families()
    await world.sync(world.child("P", None, new_company="demf"))
    assert await world.sync(world.child("C", "P")) == ["parked"]
    problem = world.problem("C")
    assert problem.key == f"ParentInOtherCompany|{account('P')}"
    assert "is in company demf" in problem.remedy()
    sent = len(world.queue.sent)
    await world.rest(10)
    assert len(world.queue.sent) == sent


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_a_circle_parks_all_its_accounts_and_ends_when_a_person_opens_it(size: int) -> None:
    world = Families()
    names = [f"A{place}" for place in range(size)]
    await world.sync(*(world.child(name, names[place - 1]) for place, name in enumerate(names)))
    await world.rest(10)
    for name in names:
        assert "Clear the column" in world.problem(name).remedy()
    sent = len(world.queue.sent)
    await world.rest(30)
    assert len(world.queue.sent) == sent, "a circle is not checked for ever"
    await world.sync(world.check(names[0]))
    assert len(world.queue.sent) == sent + 1
    await world.sync(world.child(names[0], None))
    await world.rest()
    world.clock.advance(100)
    await world.sync(world.child(names[0], names[-1]))
    assert [world.payer(name) for name in names] == [names[place - 1] for place in range(size)]


@pytest.mark.parametrize("size", [2, 3, 5])
async def test_a_circle_that_one_check_found_is_named_in_all_its_accounts(size: int) -> None:
    world = Families()
    names = [f"A{place}" for place in range(size)]
    for place, name in enumerate(names):
        world.child(name, names[place - 1])
    await world.sync(world.check(names[0]))
    await world.rest(10)
    for name in names:
        assert "Clear the column" in world.problem(name).remedy()
    sent = len(world.queue.sent)
    await world.rest(30)
    assert len(world.queue.sent) == sent


async def test_a_child_of_a_circle_is_parked_for_its_parent() -> None:
    world = Families()
    await world.sync(world.child("A", "B"), world.child("B", "A"), world.child("C", "A"))
    await world.rest()
    assert "is parked as ParentNotSynced" in world.problem("C").remedy()


async def test_a_circle_with_one_customer_is_no_obstacle() -> None:
    world = Families()
    await world.sync(world.child("A", None))
    world.clock.advance(100)
    await world.sync(world.child("B", "A"), world.child("A", "B"))
    await world.rest()
    assert (world.payer("A"), world.payer("B")) == ("B", "A")
    assert not world.issues.rows


async def test_when_a_parent_gets_another_number_its_children_follow() -> None:
    world = Families()
    names = [f"C{place}" for place in range(7)]
    await world.sync(world.child("P", None), *(world.child(name, "P") for name in names))
    world.clock.advance(1000)
    world.operations.rename("P", "NEW")
    await world.sync(world.child("P", None, accountnumber="NEW"))
    assert {world.payer(name) for name in names} == {"P"}
    await world.rest()
    assert {world.payer(name) for name in names} == {"NEW"}


async def test_children_are_checked_only_after_the_new_number_is_stored() -> None:
    world = Families()
    await world.sync(world.child("P", None), world.child("C", "P"))
    world.clock.advance(1000)
    world.operations.rename("P", "NEW")

    async def others_work(step: str) -> None:
        if step == "after pages.send":
            while (page := world.pages.take()) is not None:
                await world.application().run_cases.handlers[page.kind](page)
            while (change := world.queue.take()) is not None:
                await world.deliver(change)

    await world.deliver(world.child("P", None, accountnumber="NEW"), world.application(others_work))
    await world.rest()
    assert world.payer("C") == "NEW"


async def test_when_a_parent_is_unlinked_its_children_follow_to_the_new_customer() -> None:
    world = Families()
    await world.sync(world.child("P", None), world.child("C", "P"))
    await world.rest(20)
    world.child("P", None, accountnumber="NEW")
    await world.application().unlink.account(account("P"), Asked("anna", "test"))
    await world.rest()
    assert world.payer("C") == "NEW"


async def test_a_child_that_is_parked_while_its_parent_is_written_is_found_by_healing() -> None:
    world = Families()
    await world.send(world.child("C", "P"))
    child = world.take()
    parked = False

    async def late(step: str) -> None:
        nonlocal parked
        if step == "before issues.put" and not parked:  # the parent comes first, and sees no child
            parked = True
            await world.deliver(world.child("P", None))

    await world.deliver(child, world.application(late))
    world.queue.waiting.clear()
    assert world.payer("P") == ""
    assert world.state("C").phase is Phase.PARKED
    await world.rest()
    assert world.payer("C") == "P"


async def test_in_another_erp_the_parent_is_linked_anew_before_its_child() -> None:
    world = Families()
    await world.sync(world.child("P", None), world.child("C", "P"))
    world.clock.advance(100)
    world.operations.customers.clear()
    await world.application().target_in_use.adopt()
    world.clock.advance(100)
    await world.sync(world.child("C", "P", telephone1="1"))
    assert (world.payer("P"), world.payer("C")) == ("", "P")


async def test_healing_reads_little_when_many_parents_are_missing() -> None:
    world = Families()
    for place in range(60):
        await world.sync(world.child(f"F{place}", None, customertypecode=9))
        await world.sync(world.child(f"D{place}", f"F{place}"))
    await world.rest(10)
    reads: list[str] = []

    async def note(step: str) -> None:
        if step.startswith("before ") and step.split()[1].split(".", maxsplit=1)[0] in {
            "states",
            "issues",
            "control",
        }:
            reads.append(step)

    heal = world.application(note).heal
    for _ in range(6):
        reads.clear()
        await heal.run()
        assert len(reads) <= 20
        world.clock.advance(60)
    await world.sync(world.child("F59", None, customertypecode=3))
    assert world.payer("D59") == "F59"


async def test_the_check_of_a_parent_is_of_the_load_whose_check_found_it_missing() -> None:
    world = Families(settings={"max_creates_per_hour": 1})
    world.child("C", "P")
    world.child("P", None)
    await world.application().run_cases.steer_load.start(Wanted(Selection(), "anna", 100))
    world.clock.advance(1)
    await world.rest(5)
    assert (world.payer("P"), world.payer("C")) == ("", "P")
    assert {change.source for change in world.queue.sent if change.account_id == account("P")} == {
        Source.LOAD
    }


async def _dies_at(world: Families, step: int) -> bool:
    """Deliver all that waits, by a worker that dies at this step, and come to rest. Whether it died."""
    left, died = step, False

    async def gate(_: str) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            raise Crash

    while (change := world.queue.take()) is not None:
        try:
            await world.deliver(change, world.application(gate))
        except Crash:
            died = True
            world.queue.waiting.insert(0, (world.clock.now(), 0, change))
    await world.rest(15)
    return died


@pytest.mark.parametrize("first", ["C", "P"])
async def test_wherever_a_worker_dies_the_child_has_its_parents_customer_in_the_end(first: str) -> None:
    step, died = 0, True
    while died:
        world = Families()
        events = {"P": world.child("P", None), "C": world.child("C", "P")}
        await world.queue.send(events[first])
        await world.queue.send(events["P" if first == "C" else "C"])
        died = await _dies_at(world, step)
        assert (world.payer("P"), world.payer("C")) == ("", "P"), f"died at step {step}"
        assert not world.issues.rows
        step += 1
    assert step > 30


async def test_a_worker_that_dies_while_a_parent_moves_loses_no_child() -> None:
    step, died = 0, True
    while died:
        world = Families()
        await world.sync(world.child("P", None), world.child("C", "P"))
        world.clock.advance(1000)
        world.operations.rename("P", "NEW")
        await world.queue.send(world.child("P", None, accountnumber="NEW"))
        died = await _dies_at(world, step)
        assert world.payer("C") == "NEW", f"died at step {step}"
        step += 1
    assert step > 20


@settings(max_examples=25)
@given(
    parents=st.lists(st.integers(-1, 9), min_size=10, max_size=10),
    order=st.permutations(range(10)),
    filtered=st.sets(st.integers(0, 9), max_size=2),
)
async def test_a_first_load_orders_nothing_and_ends_right(
    parents: list[int], order: list[int], filtered: set[int]
) -> None:
    world = Families(settings={"load_page_size": 3, "load_queued_per_partition": 3, "sync_partitions": 2})
    for place in order:
        parent = f"A{parents[place]}" if parents[place] >= 0 else None
        world.child(f"A{place}", parent, customertypecode=9 if place in filtered else 3)
    await world.application().run_cases.steer_load.start(Wanted(Selection(), "anna", 100))
    world.clock.advance(1)
    await world.rest(12)
    assert not world.queue.waiting
    for place, parent in enumerate(parents):
        customer = world.payer(f"A{place}")
        if place in filtered:
            assert customer is None
        elif _has_customer(parents, filtered, place):
            assert customer == (f"A{parent}" if parent >= 0 else "")
        else:
            assert customer is None
            assert world.problem(f"A{place}").cause is Cause.PARENT_NOT_SYNCED


def _has_customer(parents: list[int], filtered: set[int], place: int) -> bool:
    """Whether the chain of parents ends at an account without one, and meets no circle and none filtered."""
    seen = set[int]()
    while place >= 0:
        if place in seen or place in filtered:
            return False
        seen.add(place)
        place = parents[place]
    return True
