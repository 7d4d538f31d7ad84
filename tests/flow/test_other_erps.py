"""What other ERPs do differently: ids of their own, values that they replace, refusals after an insert."""

import pytest

from shared.model.control import InUse
from shared.model.customer import CustomerKey
from shared.model.faults import AccountFault, ConfigurationFault, System, TransientFault
from shared.model.outcome import Cause, Ending, Problem
from tests.fakes.dynamics import CommittedError
from tests.flow.world import Crash, World, account

LOST = TransientFault(System.OPERATIONS, "no answer", unknown_outcome=True)
HOUR = 3600


def with_ids() -> World:
    """An ERP whose customers have ids."""
    world = World()
    world.operations.ids = {}
    return world


def inserting() -> World:
    """An ERP that inserts a customer and may then refuse it."""
    world = World(erp={"refuses_existing_number": False, "refused_create_may_exist": True})
    world.operations.refuses_fields = frozenset({"AddressCity"})
    return world


async def later(world: World, name: str = "A1", **columns: object) -> list[str]:
    """The account changes an hour later."""
    world.clock.advance(HOUR)
    return await world.sync(world.save(name, **columns))


# --- ids


async def test_a_customer_that_was_renamed_is_written_by_its_id_and_its_owner_row_moves() -> None:
    world = with_ids()
    await world.sync(world.save("A1"))
    world.operations.rename("A1", "C2")
    world.operations.customers[CustomerKey("usmf", "A1").folded] = {"OrganizationName": "A stranger"}
    preview = await world.preview().of(account("A1"))
    assert await later(world, telephone1="1") == ["parked"]
    assert (preview.ending, world.state("A1").issue) == (Ending.UNCHANGED, "KeyChanged")
    assert world.customer("A1") == {"OrganizationName": "A stranger"}
    customer = world.customer("C2")
    assert customer is not None
    assert customer["PrimaryContactPhone"] == "1"
    assert await world.owners.owner(CustomerKey("usmf", "C2")) == account("A1")
    assert await world.owners.owner(CustomerKey("usmf", "A1")) is None


async def test_a_change_to_be_sent_to_a_renamed_customer_is_previewed_as_it_ends() -> None:
    world = with_ids()
    await world.sync(world.save("A1"))
    world.operations.rename("A1", "C2")
    world.clock.advance(HOUR)
    event = world.save("A1", telephone1="1")
    preview = await world.preview().of(account("A1"))
    assert (await world.sync(event), preview.ending) == (["parked"], Ending.PARKED)
    assert preview.detail == "KeyChanged CustomerAccount"


@pytest.mark.parametrize("taken", [False, True])
async def test_a_renamed_customer_of_a_deleted_account_is_blocked(taken: bool) -> None:
    world = with_ids()
    await world.sync(world.save("A1"))
    world.operations.rename("A1", "C2")
    if taken:
        await world.owners.claim(CustomerKey("usmf", "C2"), account("A2"))
    world.clock.advance(HOUR)
    assert await world.sync(world.delete("A1")) == ["deleted"]
    customer = world.customer("C2")
    assert customer is not None
    assert customer["OnHoldStatus"] == "All"
    owner = await world.owners.owner(CustomerKey("usmf", "C2"))
    assert owner == account("A2" if taken else "A1")


@pytest.mark.parametrize("verify", [True, False])
async def test_the_account_takes_the_new_number_and_goes_on(verify: bool) -> None:
    world = with_ids()
    await world.sync(world.save("A1"))
    world.operations.rename("A1", "C2")
    assert await later(world, accountnumber="C2", telephone1="1") == ["updated"]
    world.clock.advance(HOUR)
    assert await world.sync(world.check("A1", verify=verify)) == ["unchanged"]
    customer = world.customer("C2")
    assert customer is not None
    assert customer["PrimaryContactPhone"] == "1"


async def test_the_owner_row_moves_whatever_step_the_worker_dies_at() -> None:
    for dies_at in range(60):
        world = with_ids()
        await world.sync(world.save("A1"))
        world.operations.rename("A1", "C2")
        world.clock.advance(HOUR)
        await world.send(world.save("A1", telephone1="1"))
        steps = 0

        async def gate(_step: str, dies_at: int = dies_at) -> None:
            nonlocal steps
            if steps == dies_at:
                raise Crash
            steps += 1

        change = world.take()
        try:
            await world.deliver(change, world.application(gate))
        except Crash:
            world.clock.advance(HOUR)
            await world.deliver(change)
        await world.drain()
        owners = [await world.owners.owner(CustomerKey("usmf", number)) for number in ("A1", "C2")]
        assert owners == [None, account("A1")], dies_at
        if steps < dies_at:
            return
    pytest.fail("the delivery has more steps than were tried")


async def test_the_number_of_a_customer_that_is_gone_is_not_taken_over_from_a_stranger() -> None:
    world = with_ids()
    await world.sync(world.save("A1"))
    world.operations.rename("A1", "gone")
    world.operations.customers.clear()
    world.operations.ids = {CustomerKey("USMF", "A1"): "id-of-a-stranger"}
    stranger = {"OrganizationName": "Account A1", "PrimaryContactPhone": "own"}
    world.operations.customers[CustomerKey("usmf", "A1").folded] = dict(stranger)
    assert await later(world, telephone1="1") == ["parked"]
    assert world.state("A1").issue == "CustomerExists"
    assert world.customer("A1") == stranger


async def test_a_customer_that_is_gone_is_created_again_if_nobody_has_its_number() -> None:
    world = with_ids()
    await world.sync(world.save("A1"))
    world.operations.customers.clear()
    world.operations.ids = {}
    assert await later(world, telephone1="1") == ["created"]


# --- values that the ERP replaces


async def test_a_value_that_the_erp_replaces_is_sent_once() -> None:
    world = World()
    world.operations.answers = lambda sent: {**sent, "AddressCity": "KOBENHAVN"}
    await world.sync(world.save("A1", address1_city="Copenhagen"))
    stands = world.customer("A1")
    assert stands is not None
    stands["AddressCity"] = "KOBENHAVN"
    world.clock.advance(HOUR)
    endings = await world.sync(world.event("A1"), world.check("A1"))
    world.clock.advance(HOUR)
    endings += await world.sync(world.check("A1"))
    assert set(endings) == {"unchanged"}
    assert world.operations.requests.count("PATCH") == 0
    preview = await world.preview().of(account("A1"))
    (city,) = [field for field in preview.fields if field.name == "AddressCity"]
    assert (city.kept_by_erp, city.differs, city.sent) == (True, False, False)


async def test_a_replaced_value_is_sent_again_once_somebody_changes_it_or_wants_another() -> None:
    world = World()
    world.operations.answers = lambda sent: {**sent, "AddressCity": "KOBENHAVN"}
    await world.sync(world.save("A1", address1_city="Copenhagen"))
    stands = world.customer("A1")
    assert stands is not None
    stands["AddressCity"] = "Oslo"
    world.clock.advance(HOUR)
    assert await world.sync(world.check("A1")) == ["updated"]
    world.operations.answers = dict
    assert await later(world, address1_city="Aarhus") == ["updated"]
    assert stands["AddressCity"] == "Aarhus"


async def test_codes_are_compared_as_the_erp_stores_them() -> None:
    world = World(erp={"code_fields": frozenset({"AddressZipCode"})})
    await world.sync(world.save("A1", address1_postalcode=" gb-n16 34z"))
    stands = world.customer("A1")
    assert stands is not None
    stands["AddressZipCode"] = "GB-N16 34Z"
    assert await later(world, address1_postalcode="GB-N16 34z") == ["unchanged"]
    world.clock.advance(HOUR)
    assert await world.sync(world.check("A1")) == ["unchanged"]


async def test_fields_that_belong_together_are_sent_together_and_in_their_order() -> None:
    together = ("AddressCountryRegionISOCode", "AddressZipCode", "AddressCity")
    world = World(erp={"sent_together": together})
    await world.sync(world.save("A1", address1_city="Oslo", address1_country="Norway"))
    sent: list[list[str]] = []
    world.operations.answers = lambda fields: sent.append(list(fields)) or dict(fields)
    await later(world, telephone1="1")
    await later(world, address1_city="Bergen", telephone1="2")
    assert sent == [["PrimaryContactPhone"], [*together, "PrimaryContactPhone"]]


async def test_a_creation_of_ours_is_known_though_the_erp_changed_the_address() -> None:
    world = World(erp={"changed_by_erp": frozenset({"AddressCity"})})
    world.operations.script = [CommittedError(LOST)]
    await world.send(world.save("A1", address1_city="Copenhagen"))
    await world.deliver(world.take())
    stands = world.customer("A1")
    assert stands is not None
    stands["AddressCity"] = "KOBENHAVN"
    await world.drain()
    assert world.state("A1").customer is not None
    assert world.state("A1").issue is None


# --- refusals after an insert


async def test_a_customer_that_was_inserted_and_refused_is_ours_and_is_completed() -> None:
    world = inserting()
    assert await world.sync(world.save("A1", address1_city="x")) == ["parked"]
    state = world.state("A1")
    assert (state.issue, state.customer) == ("RefusedByErp", CustomerKey("usmf", "A1"))
    (issue,) = await world.issues.report()
    assert issue.field == "AddressCity"
    world.operations.refuses_fields = frozenset()
    assert await later(world, address1_city="Oslo") == ["updated"]
    customer = world.customer("A1")
    assert customer is not None
    assert customer["AddressCity"] == "Oslo"
    assert world.operations.requests.count("POST") == 1


@pytest.mark.parametrize("renamed", [{}, {"name": "Another name"}])
async def test_it_is_known_as_ours_although_the_worker_died_before_it_looked(
    renamed: dict[str, str],
) -> None:
    world = inserting()
    await world.send(world.save("A1", address1_city="x"))

    async def gate(step: str) -> None:
        if step == "before target.find" and world.operations.requests.count("POST"):
            raise Crash

    change = world.take()
    with pytest.raises(Crash):
        await world.deliver(change, world.application(gate))
    world.operations.refuses_fields = frozenset()
    world.sales.save(account("A1"), None, **renamed)
    world.clock.advance(HOUR)
    await world.deliver(change)
    await world.drain()
    state = world.state("A1")
    assert (state.issue, state.customer) == (None, CustomerKey("usmf", "A1"))
    customer = world.customer("A1")
    assert customer is not None
    assert customer["OrganizationName"] == renamed.get("name", "Account A1")


async def test_a_customer_that_was_inserted_and_could_not_be_read_keeps_its_number() -> None:
    world = inserting()
    await world.send(world.save("A1", address1_city="x"))

    async def gate(step: str) -> None:
        if step == "before target.find" and world.operations.requests.count("POST"):
            raise AccountFault(Problem(Cause.REFUSED))

    assert (await world.deliver(world.take(), world.application(gate))).ending == "parked"
    state = world.state("A1")
    assert (state.intent, state.unknown_until is None) == (CustomerKey("usmf", "A1"), False)
    assert list(world.owners.rows.values()) == [account("A1")]
    await world.drain()
    assert world.state("A1").customer == CustomerKey("usmf", "A1")


async def test_a_customer_that_was_inserted_before_a_right_was_missing_is_ours() -> None:
    world = inserting()
    world.settings["existing_customer"] = "park"
    no_right = ConfigurationFault(System.OPERATIONS, "may not do this.", "Give the right.")
    world.operations.script = [CommittedError(no_right)]
    await world.send(world.save("A1"))
    await world.deliver(world.take())
    await world.drain()
    state = world.state("A1")
    assert (state.issue, state.customer) == (None, CustomerKey("usmf", "A1"))


async def test_a_stranger_that_was_there_before_is_found_before_anything_is_created() -> None:
    world = inserting()
    world.operations.customers[CustomerKey("usmf", "A1").folded] = {"OrganizationName": "A stranger"}
    assert await world.sync(world.save("A1")) == ["parked"]
    assert (world.state("A1").issue, world.operations.requests.count("POST")) == ("CustomerExists", 0)


async def test_a_stranger_that_comes_while_the_outcome_is_unknown_is_not_taken_for_ours() -> None:
    world = inserting()
    world.operations.script = [LOST]
    await world.send(world.save("A1"))
    await world.deliver(world.take())
    world.operations.customers[CustomerKey("usmf", "A1").folded] = {"OrganizationName": "A stranger"}
    await world.drain()
    assert (world.state("A1").issue, world.state("A1").customer) == ("CustomerExists", None)


async def test_a_refusal_that_inserted_nothing_parks_and_leaves_nothing_unknown() -> None:
    world = inserting()
    world.operations.refuses_fields = frozenset()
    world.operations.script = [AccountFault(Problem(Cause.REFUSED, field="AddressCity"))]
    assert await world.sync(world.save("A1")) == ["parked"]
    state = world.state("A1")
    assert (state.issue, state.begun, state.unknown_until) == ("RefusedByErp", (), None)


# --- another ERP than before


async def test_another_erp_than_before_stops_all_work_until_it_is_confirmed() -> None:
    world = World()
    await world.sync(world.save("A1"))
    world.control.in_use = InUse("operations", "elsewhere.invalid", "", "usmf")
    requests = len(world.operations.requests)
    world.clock.advance(HOUR)
    await world.send(world.save("A1", telephone1="1"))
    outcome = await world.deliver(world.take())
    assert (outcome.ending, len(world.operations.requests)) == (Ending.RETRYING, requests)
    assert "accountsync adopt-target" in outcome.detail
    await world.application().target_in_use.adopt()
    await world.drain()
    assert world.operations.requests[requests:] == ["GET", "PATCH"], "it is read before it is written"


async def test_after_another_erp_is_confirmed_a_stranger_of_the_same_number_stays_untouched() -> None:
    world = World()
    await world.sync(world.save("A1"), world.save("A2"))
    world.operations.customers.clear()
    stranger = {"OrganizationName": "A stranger"}
    world.operations.customers[CustomerKey("usmf", "A1").folded] = dict(stranger)
    world.control.in_use = InUse("operations", "elsewhere.invalid")
    world.clock.advance(HOUR)
    await world.application().target_in_use.adopt()
    assert await world.sync(world.save("A1", telephone1="1")) == ["parked"]
    assert (world.state("A1").issue, world.customer("A1")) == ("CustomerExists", stranger)
    assert await world.sync(world.event("A2")) == ["created"]


async def test_the_first_start_writes_down_the_erp_and_version_1_had_operations() -> None:
    world = World()
    await world.sync(world.save("A1"))
    assert world.control.in_use == InUse("operations", "operations.invalid", "", "usmf")
    world.control.in_use = None
    in_use = world.application().target_in_use
    in_use.mine = InUse("business-central", "api.invalid")
    assert await in_use.known() == InUse("operations")
    world.states.rows.clear()
    assert (await in_use.known(), world.control.in_use) == (in_use.mine, None)


async def test_the_erp_in_use_is_read_once_in_a_process() -> None:
    world, asked = World(), list[str]()

    async def note(step: str) -> None:
        if step == "before control.target_in_use":
            asked.append(step)

    in_use = world.application(note).target_in_use
    for _ in range(3):
        await in_use.confirm()
    assert len(asked) == 1
    assert world.control.in_use == in_use.mine
