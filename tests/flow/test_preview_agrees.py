"""The preview says how the check of an event then ends, whatever happened to the account before.

Both ask one plan. What is tried here is everything around it: what each of them reads, and when.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.diagnostics.preview import Preview
from shared.model.customer import CustomerKey, FieldValue
from shared.model.faults import System, TransientFault
from shared.model.outcome import Ending
from shared.sync.plan import NOT_FOUND_CHECKS
from tests.fakes.dynamics import CommittedError, CommittedLateError
from tests.flow.world import World, account

GIVEN, ASSIGNED = (
    str(Path(__file__).with_name(name)) for name in ("given_by_company.toml", "assigned_by_company.toml")
)
LOST = TransientFault(System.OPERATIONS, "no answer", unknown_outcome=True)
NAMES = ("a", "b")
NUMBERS = ("C-1", "C-2")

type Happening = Callable[[World], Awaitable[None]]


async def _check(world: World, name: str) -> None:
    """Deliver one event of the account; what is scheduled for later stays in the queue."""
    if account(name) in world.sales.rows or account(name) in world.states.rows:
        await world.deliver(world.event(name))


def save(name: str, currency: str, columns: dict[str, object], answer: str = "") -> Happening:
    async def happens(world: World) -> None:
        new = {"name": f"Account {name}", "new_company": "usmf", "accountnumber": NUMBERS[0]}
        columns_now = columns if account(name) in world.sales.rows else {**new, **columns}
        world.sales.save(account(name), currency, **columns_now)
        if answer:
            await checked(name, answer)(world)

    return happens


def checked(name: str, answer: str) -> Happening:
    async def happens(world: World) -> None:
        late = world.clock.now().replace(microsecond=0)
        scripts: dict[str, list[Exception]] = {
            "lost before": [LOST],
            "lost after": [CommittedError(LOST)],
            "late": [CommittedLateError(LOST, late)],
        }
        world.operations.script = scripts.get(answer, [])
        if answer == "refused" and world.operations.capabilities.refused_create_may_exist:
            world.operations.refuses_fields = frozenset({"PrimaryContactPhone"})
        await _check(world, name)
        world.operations.script, world.operations.refuses_fields = [], frozenset()

    return happens


def deleted(name: str) -> Happening:
    async def happens(world: World) -> None:
        if account(name) in world.sales.rows:
            await world.deliver(world.delete(name))

    return happens


def time_passes(seconds: float) -> Happening:
    async def happens(world: World) -> None:
        world.clock.advance(seconds)

    return happens


def in_the_erp(what: str) -> Happening:
    async def happens(world: World) -> None:
        customers = world.operations.customers
        match what:
            case "stranger":
                customers.setdefault(CustomerKey("USMF", "C-1"), {"OrganizationName": "Stranger"})
            case "namesake":
                customers.setdefault(CustomerKey("USMF", "C-1"), {"OrganizationName": "ACCOUNT A"})
            case "renamed" if CustomerKey("USMF", "C-2") not in customers:
                for key in [key for key in customers if key.number != "C-2"][:1]:
                    world.operations.rename(key.number, "C-2")
            case "changed":
                for fields in customers.values():
                    fields["PrimaryContactPhone"] = "by hand"
            case _:
                customers.clear()
                if world.operations.ids is not None:
                    world.operations.ids.clear()

    return happens


def state_lost(name: str) -> Happening:
    async def happens(world: World) -> None:
        world.states.rows.pop(account(name), None)

    return happens


names = st.sampled_from(NAMES)
answers = st.sampled_from(["answered", "answered", "lost before", "lost after", "late", "refused"])
columns = st.fixed_dictionaries(
    {},
    optional={
        "telephone1": st.sampled_from(["1", "2", ""]),
        "accountnumber": st.sampled_from([*NUMBERS, "", None]),
        "new_company": st.sampled_from(["usmf", "demf"]),
        "statecode": st.sampled_from([0, 1]),
        "customertypecode": st.sampled_from([3, 9]),
        "name": st.sampled_from(["Account a", "Other", ""]),
        "parentaccountid": st.sampled_from([None, str(account("a")), str(account("b"))]),
    },
)
happenings = st.one_of(
    st.builds(
        save,
        names,
        st.sampled_from(["Euro", "US Dollar", "Yen"]),
        columns,
        st.just("") | answers,
    ),
    st.builds(checked, names, answers),
    st.builds(deleted, names),
    st.builds(time_passes, st.sampled_from([10.0, 700.0])),
    st.builds(in_the_erp, st.sampled_from(["stranger", "namesake", "renamed", "changed", "gone"])),
    st.builds(state_lost, names),
)


def replacing(sent: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
    """Answer a phone number in a form of the ERP's own."""
    return {name: f"+{value}" if name == "PrimaryContactPhone" else value for name, value in sent.items()}


def world_of(erp: str, field_map: str, rules: dict[str, object]) -> World:
    """Operations, or an ERP that differs from it as Business Central or NAV does."""
    match erp:
        case "business-central":
            differs: dict[str, object] = {
                "changed_by_erp": frozenset({"AddressCity", "PrimaryContactPhone"}),
                "sent_together": ("AddressCity", "PrimaryContactPhone"),
            }
            world = World(field_map=field_map, settings=rules, erp=differs)
            world.operations.ids, world.operations.answers = {}, replacing
        case "nav":
            differs = {"refuses_existing_number": False, "refused_create_may_exist": True}
            world = World(field_map=field_map, settings=rules, erp=differs)
        case _:
            world = World(field_map=field_map, settings=rules)
    return world


async def previewed(world: World) -> Preview:
    return await world.preview().of(account("a"))


@settings(max_examples=300)
@given(
    erp=st.sampled_from(["operations", "business-central", "nav"]),
    field_map=st.sampled_from([GIVEN, ASSIGNED]),
    existing=st.sampled_from(["match", "adopt", "park"]),
    blocks=st.booleans(),
    story=st.lists(happenings, min_size=1, max_size=6),
    last=columns,
    stays_gone=st.booleans(),
)
async def test_the_preview_says_how_the_check_then_ends(
    erp: str,
    field_map: str,
    existing: str,
    blocks: bool,
    story: Sequence[Happening],
    last: dict[str, object],
    stays_gone: bool,
) -> None:
    gone = "block" if blocks else "ignore"
    rules: dict[str, object] = {"existing_customer": existing, "on_delete": gone, "on_deactivate": gone}
    world = world_of(erp, field_map, rules)
    ending: list[Happening] = [] if stays_gone else [save("a", "Euro", last)]
    for happens in (*story, *ending):
        await happens(world)
        world.clock.advance(10)
    found = await previewed(world)
    outcome = await world.deliver(replace(world.event("a"), attempt=NOT_FOUND_CHECKS))
    assert (found.ending, found.detail) == (
        outcome.ending,
        found.detail if outcome.ending in {Ending.PARKED, Ending.RETRYING} else outcome.detail,
    )
    if found.problem is not None:
        assert world.state("a").issue == found.problem.key
    assert {field.name for field in found.fields if field.sent} == set(outcome.fields)


async def test_an_account_with_an_assigned_number_that_changes_its_company_is_parked() -> None:
    world = World(field_map=ASSIGNED)
    for happens in (
        save("a", "Euro", {}),
        checked("a", "answered"),
        save("a", "Euro", {"new_company": "demf"}),
    ):
        await happens(world)
        world.clock.advance(10)
    found = await previewed(world)
    outcome = await world.deliver(world.event("a"))
    assert (found.ending, outcome.ending, outcome.detail) == ("parked", "parked", "KeyChanged")
    assert found.problem is not None
    assert world.state("a").issue == found.problem.key


async def test_a_customer_that_got_another_name_is_known_by_its_second_key_though_the_state_is_lost() -> None:
    world = World(field_map=ASSIGNED)
    for happens in (save("a", "Euro", {}), checked("a", "answered"), state_lost("a")):
        await happens(world)
        world.clock.advance(10)
    (fields,) = world.operations.customers.values()
    fields["OrganizationName"] = "Another name"
    found = await previewed(world)
    assert (found.ending, (await world.deliver(world.event("a"))).ending) == ("updated", "updated")
