"""Whatever happened: reconcile reports an account if and only if a check of it would write or park."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.outcome import Ending
from shared.model.reconciliation import Kind, RunState
from shared.sync.plan import NOT_FOUND_CHECKS
from tests.flow.reconciling import Comparing
from tests.flow.test_preview_agrees import ASSIGNED, GIVEN, Happening, happenings, world_of
from tests.flow.world import World, account

HOUR = 3600


async def _checked(world: World, name: str) -> tuple[Ending, str, bool]:
    """Deliver a verifying check: how it ends, its detail, and whether anything was sent to the ERP."""
    before = len(world.operations.requests)
    outcome = await world.deliver(replace(world.check(name), attempt=NOT_FOUND_CHECKS))
    wrote = {"POST", "PATCH"} & {*world.operations.requests[before:]}
    return outcome.ending, outcome.detail, bool(wrote)


@settings(max_examples=300)
@given(
    erp=st.sampled_from(["operations", "business-central", "nav"]),
    field_map=st.sampled_from([GIVEN, ASSIGNED]),
    existing=st.sampled_from(["match", "adopt", "park"]),
    blocks=st.booleans(),
    story=st.lists(happenings, min_size=1, max_size=7),
    size=st.sampled_from([1, 200]),
    name=st.sampled_from(["a", "b"]),
)
async def test_an_account_is_reported_if_and_only_if_a_check_of_it_would_act(
    erp: str,
    field_map: str,
    existing: str,
    blocks: bool,
    story: Sequence[Happening],
    size: int,
    name: str,
) -> None:
    gone = "block" if blocks else "ignore"
    rules: dict[str, object] = {"existing_customer": existing, "on_delete": gone, "on_deactivate": gone}
    world = world_of(erp, field_map, rules)
    for happens in story:
        await happens(world)
        world.clock.advance(10)
    world.clock.advance(HOUR)
    comparing = Comparing(world, size)
    run, found = await comparing.run()
    assert run.state is RunState.DONE
    one = {other.account_id: other for other in found}.get(account(name))
    stored = world.states.rows.get(account(name))
    if account(name) not in world.sales.rows:
        return
    if stored is not None and stored.state.phase == "retrying":
        assert one is None
        return
    ending, detail, wrote = await _checked(world, name)
    if ending is Ending.RETRYING:
        return
    if one is None:
        assert not wrote
        assert ending is not Ending.PARKED
    elif one.kind is Kind.PARKED:
        assert ending is Ending.PARKED
        assert detail.startswith(one.cause)
    elif one.kind is not Kind.OWNED_TWICE:
        assert wrote


@settings(max_examples=150)
@given(
    erp=st.sampled_from(["operations", "business-central", "nav"]),
    field_map=st.sampled_from([GIVEN, ASSIGNED]),
    blocks=st.booleans(),
    story=st.lists(happenings, min_size=1, max_size=7),
)
async def test_after_repairs_nothing_is_left_that_a_check_puts_right(
    erp: str, field_map: str, blocks: bool, story: Sequence[Happening]
) -> None:
    gone = "block" if blocks else "ignore"
    world = world_of(erp, field_map, {"on_delete": gone, "on_deactivate": gone})
    for happens in story:
        await happens(world)
        world.clock.advance(10)
    await world.drain()
    world.clock.advance(HOUR)
    comparing = Comparing(world)
    for _ in range(3):  # a number that is given up may be claimed by another account
        _, found = await comparing.run()
        await comparing.repair(found)
        world.clock.advance(HOUR)
    _, found = await comparing.run()
    assert {one.kind for one in found} <= {Kind.PARKED, Kind.OWNED_TWICE}
