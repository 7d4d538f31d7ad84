"""An account's change becomes a customer, or the account ends in a named place."""

from datetime import timedelta

import pytest

from shared.model.change import ChangeKind, Source
from shared.model.customer import CustomerKey
from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    CustomerAlreadyExists,
    MessageRefused,
    System,
    TransientFault,
)
from shared.model.outcome import Cause, Problem
from shared.model.state import Phase
from tests.fakes.dynamics import CommittedError, CommittedLateError
from tests.flow.world import World, account

BUSY = TransientFault(System.OPERATIONS, "answered 503", unknown_outcome=True)
THROTTLED = TransientFault(System.OPERATIONS, "answered 429", retry_after=7.0)
LOST = TransientFault(System.OPERATIONS, "no answer", unknown_outcome=True)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_new_account_becomes_a_customer_with_the_mapped_currency(world: World) -> None:
    assert await world.sync(world.save("A1", "Euro", address1_country="Germany")) == ["created"]
    customer = world.customer("A1")
    assert customer is not None
    assert customer["SalesCurrencyCode"] == "EUR"
    assert customer["OrganizationName"] == "Account A1"
    assert customer["AddressCountryRegionISOCode"] == "DE"
    assert world.state("A1").phase is Phase.SYNCED
    assert world.state("A1").lease is None
    assert world.owners.rows[CustomerKey("USMF", "A1")] == account("A1")


async def test_only_what_changed_is_sent(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(3600)
    await world.sync(world.save("A1", telephone1="+1"))
    _, outcome = world.outcomes[-1]
    assert (str(outcome.ending), outcome.fields) == ("updated", ("PrimaryContactPhone",))


async def test_a_change_of_nothing_mapped_makes_no_request_to_operations(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(3600)
    world.operations.requests.clear()
    assert await world.sync(world.save("A1", description="not mapped")) == ["unchanged"]
    assert world.operations.requests == []


async def test_events_of_a_burst_merge_into_one_later_check(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    events = [world.save("A1", telephone1=str(number)) for number in range(4)]
    for event in events:
        await world.queue.send(event)
    await world.drain()
    assert [str(ending) for ending in world.endings()] == ["created", "updated", *["merged"] * 3, "unchanged"]
    assert world.sales.reads == 3


async def test_a_merged_change_is_not_lost(world: World) -> None:
    await world.sync(world.save("A1"))
    await world.queue.send(world.save("A1", telephone1="1"))
    await world.deliver(world.take())
    merged = world.save("A1", telephone1="2")
    assert (await world.deliver(merged)).ending == "merged"
    await world.drain()
    customer = world.customer("A1")
    assert customer is not None
    assert customer["PrimaryContactPhone"] == "2"


async def test_a_repeat_is_dropped_by_the_broker_and_a_late_one_is_covered(world: World) -> None:
    event = world.save("A1")
    await world.sync(event, event)
    assert world.queue.repeated == [event]
    world.clock.advance(301)
    await world.sync(world.check("A1", Source.REPLAY))
    world.clock.advance(600)
    world.queue.seen.clear()
    assert await world.sync(event) == ["covered"]


async def test_an_event_within_the_transaction_margin_of_the_last_read_is_never_covered(world: World) -> None:
    event = world.save("A1")
    await world.sync(event)
    world.clock.advance(200)
    world.sales.save(account("A1"), name="committed late")
    world.queue.seen.clear()
    assert await world.sync(event) == ["updated"]


async def test_an_unmapped_currency_parks_the_account_and_its_row_releases_it(world: World) -> None:
    assert await world.sync(world.save("A1", "Yen")) == ["parked"]
    assert world.customer("A1") is None
    assert list(world.issues.rows) == [("UnmappedCurrency|yen", account("A1"))]
    assert world.state("A1").currency_key == "yen"
    world.mappings.put("1", "YEN ", "JPY")
    world.operations.currencies.add("JPY")
    world.clock.advance(60)
    assert await world.sync(world.check("A1", Source.HEAL)) == ["created"]
    assert world.issues.rows == {}


async def test_two_rows_for_one_currency_park_and_are_never_guessed(world: World) -> None:
    world.mappings.put("1", "euro", "EUX")
    await world.sync(world.save("A1", "Euro"))
    assert world.state("A1").issue == "BadMapping|euro"


async def test_a_code_that_operations_does_not_know_never_reaches_a_customer(world: World) -> None:
    world.mappings.put("1", "Yen", "JPX")
    await world.sync(world.save("A1", "Yen"))
    assert world.state("A1").issue == "UnknownErpCurrency|JPX"
    assert world.operations.requests == []


async def test_a_parked_account_is_checked_again_by_its_next_event(world: World) -> None:
    await world.sync(world.save("A1", accountnumber=None))
    assert world.state("A1").issue == "NoAccountNumber"
    world.clock.advance(60)
    assert await world.sync(world.save("A1", accountnumber="A1")) == ["created"]
    assert world.issues.rows == {}


async def test_a_changed_number_parks_and_makes_no_second_customer(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    assert await world.sync(world.save("A1", accountnumber="A2")) == ["parked"]
    assert world.state("A1").issue == "KeyChanged"
    assert world.customer("A2") is None


async def test_no_account_takes_over_the_customer_of_another(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    assert await world.sync(world.save("B", accountnumber=" a1 ", name="Account A1")) == ["parked"]
    assert world.state("B").issue == "NumberTaken"
    assert world.state("B").customer is None


@pytest.mark.parametrize(
    ("existing", "name", "ending"),
    [
        ("match", "account  A1", "updated"),
        ("match", "Somebody else", "parked"),
        ("adopt", "Somebody else", "updated"),
        ("park", "Account A1", "parked"),
    ],
)
async def test_a_customer_that_was_there_before(existing: str, name: str, ending: str) -> None:
    world = World(settings={"existing_customer": existing})
    world.operations.customers[CustomerKey("USMF", "A1")] = {"OrganizationName": name, "OnHoldStatus": "No"}
    assert await world.sync(world.save("A1")) == [ending]
    if ending == "parked":
        assert world.state("A1").issue == "CustomerExists"
        assert world.owners.rows == {}


async def test_a_transient_fault_ends_in_a_copy_and_the_right_customer(world: World) -> None:
    world.operations.script = [THROTTLED, THROTTLED]
    assert await world.sync(world.save("A1")) == ["retrying", "retrying", "created"]
    copies = world.queue.sent
    assert [(change.hop, change.attempt) for change in copies] == [(0, 0), (1, 1), (2, 2)]


async def test_retry_after_is_honoured(world: World) -> None:
    world.operations.script = [THROTTLED]
    began = world.clock.now()
    await world.deliver(world.save("A1"))
    due = world.queue.next_due()
    assert due is not None
    assert due - began >= timedelta(seconds=7)


async def test_after_the_last_attempt_the_account_is_parked(world: World) -> None:
    world.settings["retry_attempts"] = 3
    world.operations.script = [THROTTLED] * 3
    assert await world.sync(world.save("A1")) == ["retrying", "retrying", "parked"]
    assert world.state("A1").issue == "RetriesExhausted|operations"


async def test_a_wrong_set_up_parks_nothing_however_long_it_lasts(world: World) -> None:
    world.operations.script = [
        ConfigurationFault(System.OPERATIONS, "refuses the app's token.", "Check it.")
    ] * 100
    endings = await world.sync(world.save("A1"))
    assert endings == ["retrying"] * 100 + ["created"]
    assert {change.attempt for change in world.queue.sent} == {0}


async def test_a_business_refusal_parks_at_once_and_frees_the_number(world: World) -> None:
    refused = AccountFault(Problem(Cause.REFUSED, field="CustomerGroupId", status=400))
    world.operations.script = [refused]
    assert await world.sync(world.save("A1")) == ["parked"]
    assert world.owners.rows == {}
    assert world.state("A1").intent is None


async def test_a_create_whose_answer_was_lost_is_found_again_and_not_doubled(world: World) -> None:
    world.operations.script = [CommittedError(LOST)]
    endings = await world.sync(world.save("A1"))
    assert endings[0] == "retrying"
    assert "parked" not in endings
    assert world.state("A1").customer == CustomerKey("usmf", "A1")
    assert world.state("A1").unknown_until is None


async def test_a_change_that_commits_late_is_repaired_by_the_verifying_check(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    late = world.clock.now() + timedelta(seconds=300)
    world.operations.script = [CommittedLateError(LOST, late)]
    await world.send(world.save("A1", telephone1="old"))
    await world.deliver(world.take())
    world.clock.advance(30)
    await world.send(world.save("A1", telephone1="new"))
    await world.drain()
    customer = world.customer("A1")
    assert customer is not None
    assert customer["PrimaryContactPhone"] == "new"
    assert world.state("A1").unknown_until is None


async def test_an_already_existing_customer_is_not_ours_after_a_definite_no(world: World) -> None:
    """A throttled create never ran, so whoever made the customer meanwhile, it was not us."""
    world.operations.script = [THROTTLED]
    await world.deliver(world.save("A1"))
    world.operations.customers[CustomerKey("USMF", "A1")] = {"OrganizationName": "Somebody else"}
    await world.drain()
    assert world.state("A1").issue == "CustomerExists"
    assert world.customer("A1") == {"OrganizationName": "Somebody else"}


async def test_a_stale_read_is_repeated_and_a_verifying_check_accepts_it(world: World) -> None:
    await world.sync(world.save("A1"))
    world.sales.version = 1
    world.clock.advance(60)
    event = world.save("A1", telephone1="restored")
    assert (await world.deliver(event)).ending == "retrying"
    assert (await world.deliver(world.check("A1"))).ending == "updated"


async def test_the_customer_of_a_deleted_account_is_blocked(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    assert await world.sync(world.delete("A1")) == ["deleted"]
    customer = world.customer("A1")
    assert customer is not None
    assert customer["OnHoldStatus"] == "All"
    assert customer["OrganizationName"] == "Account A1"
    assert world.state("A1").phase is Phase.DELETED


async def test_a_restored_account_releases_its_customer(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    await world.sync(world.delete("A1"))
    world.clock.advance(60)
    await world.sync(world.save("A1"))
    customer = world.customer("A1")
    assert customer is not None
    assert customer["OnHoldStatus"] == "No"


async def test_a_hold_is_released_to_what_it_was_and_only_if_still_ours(world: World) -> None:
    await world.sync(world.save("A1"), world.save("A2"))
    for number in ("A1", "A2"):
        customer = world.customer(number)
        assert customer is not None
        customer["OnHoldStatus"] = "Invoice"
    world.clock.advance(60)
    await world.sync(world.save("A1", statecode=1), world.save("A2", statecode=1))
    second = world.customer("A2")
    assert second is not None
    assert second["OnHoldStatus"] == "All"
    second["OnHoldStatus"] = "Payment"
    world.clock.advance(60)
    await world.sync(world.save("A1", statecode=0), world.save("A2", statecode=0))
    first = world.customer("A1")
    assert first is not None
    assert (first["OnHoldStatus"], second["OnHoldStatus"]) == ("Invoice", "Payment")
    assert world.state("A1").previous_hold is None


async def test_a_late_block_does_not_outlive_its_release(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    late = world.clock.now() + timedelta(seconds=400)
    world.operations.script = [CommittedLateError(LOST, late)]
    await world.deliver(world.save("A1", statecode=1))
    world.clock.advance(10)
    await world.send(world.save("A1", statecode=0))
    await world.drain()
    customer = world.customer("A1")
    assert customer is not None
    assert customer["OnHoldStatus"] == "No"


REFUSED = AccountFault(Problem(Cause.REFUSED, field="PrimaryContactEmail", status=400))


@pytest.mark.parametrize(
    ("columns", "currency", "answers", "issue"),
    [
        ({}, "Yen", [], "UnmappedCurrency|yen"),
        ({}, "\ud800", [], "BadValue"),
        ({"name": None}, None, [], "MissingValue|name"),
        ({"accountnumber": "A2"}, None, [], "KeyChanged"),
        ({"accountnumber": None}, None, [], "NoAccountNumber"),
        ({"emailaddress1": "refused"}, None, [REFUSED], "RefusedByErp"),
    ],
)
async def test_a_deactivated_account_is_blocked_even_if_its_values_cannot_be_mapped(
    world: World, columns: dict[str, object], currency: str | None, answers: list[Exception], issue: str
) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    world.operations.script = answers
    event = world.save("A1", currency, statecode=1, **columns)
    assert await world.sync(event) == ["parked"]
    customer = world.customer("A1")
    assert customer is not None
    assert customer["OnHoldStatus"] == "All"
    assert world.state("A1").issue == issue
    world.clock.advance(60)
    world.operations.requests.clear()
    await world.sync(world.event("A1"))
    assert "POST" not in world.operations.requests
    await world.sync(world.save("A1", "US Dollar", statecode=0, name="A", accountnumber="A1"))
    assert customer["OnHoldStatus"] == "No"


async def test_a_deleted_account_is_blocked_though_it_is_parked(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    assert await world.sync(world.save("A1", "Yen")) == ["parked"]
    world.clock.advance(60)
    assert await world.sync(world.delete("A1")) == ["deleted"]
    customer = world.customer("A1")
    assert customer is not None
    assert customer["OnHoldStatus"] == "All"
    assert world.issues.rows == {}


async def test_a_merged_account_is_blocked_as_a_deactivated_one(world: World) -> None:
    """Dataverse deactivates the subordinate account of a merge and keeps its row."""
    await world.sync(world.save("A1"), world.save("A2"))
    world.clock.advance(60)
    subordinate = world.save("A2", statecode=1, statuscode=2, merged=True, masterid=str(account("A1")))
    assert await world.sync(subordinate, world.save("A1", telephone1="1")) == ["updated", "updated"]
    first, second = world.customer("A1"), world.customer("A2")
    assert first is not None
    assert second is not None
    assert (first["OnHoldStatus"], second["OnHoldStatus"]) == ("No", "All")
    assert world.state("A2").customer == CustomerKey("usmf", "A2")


@pytest.mark.parametrize("kind", [ChangeKind.CREATE, ChangeKind.CHECK])
async def test_an_account_that_is_restored_as_a_create_has_its_customer_again(
    world: World, kind: ChangeKind
) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    kept = world.sales.rows[account("A1")]
    await world.sync(world.delete("A1"))
    world.clock.advance(60)
    world.sales.rows[account("A1")] = kept
    assert await world.sync(world.event("A1", kind)) == ["updated"]
    customer = world.customer("A1")
    assert customer is not None
    assert customer["OnHoldStatus"] == "No"
    state = world.state("A1")
    assert (state.phase, state.deleted, len(world.operations.customers)) == (Phase.SYNCED, False, 1)


async def test_a_deactivated_account_without_a_customer_makes_none(world: World) -> None:
    assert await world.sync(world.save("A1", statecode=1)) == ["filtered"]
    assert world.operations.requests == []


async def test_ignore_leaves_the_customers_of_gone_accounts_alone() -> None:
    world = World(settings={"on_delete": "ignore", "on_deactivate": "ignore"})
    await world.sync(world.save("A1"), world.save("A2"))
    world.clock.advance(60)
    assert await world.sync(world.save("A1", statecode=1)) == ["unchanged"]
    assert await world.sync(world.delete("A2")) == ["deleted"]
    customer = world.customer("A2")
    assert customer is not None
    assert customer["OnHoldStatus"] == "No"


@pytest.mark.parametrize("answer", [THROTTLED, LOST, CommittedError(LOST)], ids=["refused", "lost", "made"])
@pytest.mark.parametrize("gone", ["deleted", "filtered"])
async def test_a_number_whose_creation_came_to_nothing_is_free_for_another_account(
    gone: str, answer: Exception
) -> None:
    """With ON_DELETE=ignore nothing is blocked, and a row rule sends nothing; the number is settled still."""
    world = World(field_map="operations-dual-write", settings={"on_delete": "ignore"})
    columns = {
        "customertypecode": 3,
        "msdyn_company.cdm_companycode": "usmf",
        "msdyn_customergroupid.msdyn_groupid": "10",
    }
    world.tables["customer-groups"].set("10", "10")
    world.operations.script = [answer]
    assert (await world.deliver(world.save("A1", **columns))).ending == "retrying"
    event = world.delete("A1") if gone == "deleted" else world.save("A1", customertypecode=1)
    await world.queue.send(event)
    await world.drain()
    state = world.state("A1")
    assert (state.phase, state.intent, state.unknown_until) == (gone, None, None)
    made = isinstance(answer, CommittedError)
    assert (state.customer is not None) is made
    assert list(world.owners.rows) == [CustomerKey("USMF", "A1")] * made
    if not made:
        follower = world.save("B1", **columns, accountnumber="A1")
        assert await world.sync(follower) == ["created"]


async def test_a_deleted_account_that_never_had_a_customer_needs_no_more_checks(world: World) -> None:
    assert await world.sync(world.event("A9", ChangeKind.DELETE)) == ["deleted"]
    assert world.operations.requests == []


async def test_a_create_that_was_never_committed_ends_after_a_few_checks(world: World) -> None:
    endings = await world.sync(world.event("A9", ChangeKind.CREATE))
    assert endings[-1] == "filtered"
    assert world.outcomes[-1][1].detail == "never-committed"
    assert 3 <= len(endings) <= 5


@pytest.mark.parametrize("kind", [ChangeKind.CREATE, ChangeKind.UPDATE])
async def test_an_event_of_an_account_that_never_existed_leaves_nothing_behind(
    world: World, kind: ChangeKind
) -> None:
    await world.sync(*(world.event(f"A{number}", kind) for number in range(20)))
    assert not world.states.rows
    assert not world.issues.rows
    assert not world.owners.rows


async def test_an_account_that_comes_after_its_event_is_synced(world: World) -> None:
    event = world.event("A1", ChangeKind.CREATE)
    assert (await world.deliver(event)).ending == "retrying"
    world.save("A1")
    await world.drain()
    assert world.customer("A1") is not None
    assert world.state("A1").phase is Phase.SYNCED


async def test_an_account_that_disappeared_without_a_delete_is_parked(world: World) -> None:
    await world.sync(world.save("A1"))
    world.clock.advance(60)
    world.sales.delete(account("A1"))
    endings = await world.sync(world.event("A1"))
    assert endings[-1] == "parked"
    assert world.state("A1").issue == "AccountNotFound"


async def test_a_vanished_customer_is_made_anew_in_full(world: World) -> None:
    await world.sync(world.save("A1", telephone1="1"))
    world.operations.customers.clear()
    world.clock.advance(60)
    assert await world.sync(world.save("A1", telephone1="2")) == ["created"]
    customer = world.customer("A1")
    assert customer is not None
    assert (customer["PrimaryContactPhone"], customer["OrganizationName"]) == ("2", "Account A1")


async def test_a_verifying_check_corrects_what_was_changed_in_operations(world: World) -> None:
    await world.sync(world.save("A1"))
    customer = world.customer("A1")
    assert customer is not None
    customer["OrganizationName"] = "changed by hand"
    world.clock.advance(60)
    assert await world.sync(world.check("A1")) == ["updated"]
    assert world.customer(
        "A1",
    ) == {**customer, "OrganizationName": "Account A1"}


async def test_a_new_fingerprint_key_means_one_check_and_no_rewrite(world: World) -> None:
    await world.sync(world.save("A1"))
    world.settings["fingerprint_key"] = "another key of sixteen"
    world.clock.advance(60)
    world.operations.requests.clear()
    assert await world.sync(
        world.save("A1"),
    ) == ["unchanged"]
    assert world.operations.requests == ["GET"]
    world.clock.advance(60)
    await world.sync(world.save("A1"))
    assert world.operations.requests == ["GET"]


async def test_an_unexpected_error_is_parked_after_a_few_attempts(world: World) -> None:
    world.mappings.table = {"1": None}  # pyright: ignore[reportAttributeAccessIssue]
    assert await world.sync(world.save("A1")) == [*["retrying"] * 4, "parked"]
    assert world.state("A1").issue == "UnexpectedError"


async def test_a_copy_that_the_bus_never_takes_parks_the_account_at_once(world: World) -> None:
    async def gate(step: str) -> None:
        if step == "before queue.send":
            raise MessageRefused("account-changes does not take this message, and never will")

    world.operations.script = [THROTTLED]
    outcome = await world.deliver(world.save("A1"), world.application(gate))
    assert (outcome.ending, outcome.detail) == ("parked", "UnexpectedError")


async def test_row_rules_filter_and_name_the_rule() -> None:
    world = World(field_map="operations-dual-write")
    assert await world.sync(world.save("A1", customertypecode=1)) == ["filtered"]
    assert world.outcomes[-1][1].detail == "customertypecode"
    assert world.state("A1").phase is Phase.FILTERED


@pytest.mark.parametrize("source", Source)
async def test_only_healing_and_replays_ask_the_mapping_table_anew(source: Source) -> None:
    world = World()
    await world.sync(world.save("A1"))
    world.mappings.asked.clear()
    await world.sync(world.check("A1", source, verify=False))
    assert world.mappings.asked == [source in {Source.HEAL, Source.REPLAY}]


async def test_a_customer_that_exists_and_is_never_found_is_refused_after_a_few_attempts(
    world: World,
) -> None:
    world.operations.script = [CustomerAlreadyExists(CustomerKey("usmf", "A1"))] * 40
    endings = await world.sync(world.save("A1"))
    assert endings == [*["retrying"] * 3, "parked"]
    assert world.state("A1").issue == "RefusedByErp"
    assert world.operations.requests.count("POST") == 4


async def test_only_the_values_of_the_answer_to_a_write_count_as_confirmed() -> None:
    """An ERP may keep another value than the one that was sent, as Business Central does with addresses."""
    world = World()
    await world.sync(world.save("A1", address1_city="Redmond"))
    world.operations.answers = lambda sent: {**sent, "AddressCity": ""}
    for phone, sent in (
        ("1", {"PrimaryContactPhone"}),  # its answer shows another city
        ("2", {"AddressCity", "PrimaryContactPhone"}),  # and so does the answer to this city
        ("3", {"PrimaryContactPhone"}),  # the ERP keeps its own; the same one is not sent again
    ):
        world.clock.advance(3600)
        await world.sync(world.save("A1", telephone1=phone))
        assert set(world.outcomes[-1][1].fields) == sent
