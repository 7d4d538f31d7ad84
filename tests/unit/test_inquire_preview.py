"""The preview says what the sync then does, and writes nothing itself."""

from collections.abc import Callable, Sequence

import pytest

from shared.diagnostics.preview import Preview
from shared.model.customer import CustomerKey
from shared.model.outcome import Ending
from tests.flow.world import World, account


async def preview(world: World) -> Preview:
    """What a sync of the account would do, asked without a trace."""
    before = (dict(world.states.rows), dict(world.owners.rows), list(world.queue.sent))
    requests = len(world.operations.requests)
    found = await world.preview().of(account("a"))
    assert (dict(world.states.rows), dict(world.owners.rows), list(world.queue.sent)) == before
    assert set(world.operations.requests[requests:]) <= {"GET"}
    return found


async def a_new_account(world: World) -> None:
    world.save("a", "Euro", name="Contoso", accountnumber="C-1")


async def a_synced_account(world: World) -> None:
    await world.sync(world.save("a", "Euro", name="Contoso", accountnumber="C-1", telephone1="1"))
    world.clock.advance(600)


async def a_changed_account(world: World) -> None:
    await a_synced_account(world)
    world.save("a", telephone1="2", address1_city="Köln")


async def an_account_of_an_unmapped_currency(world: World) -> None:
    world.save("a", "Rouble", name="Contoso", accountnumber="C-1")


async def an_account_without_number(world: World) -> None:
    world.save("a", "Euro", name="Contoso")


async def an_account_whose_number_changed(world: World) -> None:
    await a_synced_account(world)
    world.save("a", accountnumber="C-2")


async def an_account_whose_customer_is_there_under_its_name(world: World) -> None:
    fields = {"OrganizationName": "CONTOSO", "PartyType": "Organization"}
    world.operations.customers[CustomerKey("usmf", "C-1").folded] = dict(fields)
    await a_new_account(world)


async def an_account_whose_customer_has_another_name(world: World) -> None:
    world.operations.customers[CustomerKey("usmf", "C-1").folded] = {"OrganizationName": "Fabrikam"}
    await a_new_account(world)


async def an_account_whose_number_another_account_has(world: World) -> None:
    await world.sync(world.save("b", "Euro", name="Contoso", accountnumber="C-1"))
    await a_new_account(world)


async def an_account_whose_customer_was_renamed_too(world: World) -> None:
    await a_synced_account(world)
    customers = world.operations.customers
    customers[CustomerKey("USMF", "C-2")] = customers.pop(CustomerKey("USMF", "C-1"))
    world.save("a", accountnumber="C-2", telephone1="2")


async def an_account_whose_number_a_deleted_account_had(world: World) -> None:
    await world.sync(world.save("b", "Euro", name="Contoso", accountnumber="C-1"))
    world.clock.advance(600)
    await world.sync(world.delete("b"))
    world.save("a", "Euro", name="Contoso", accountnumber="C-1", telephone1="2")


async def an_account_whose_number_a_deleted_account_of_another_name_had(world: World) -> None:
    await world.sync(world.save("b", "Euro", name="Fabrikam", accountnumber="C-1"))
    world.clock.advance(600)
    await world.sync(world.delete("b"))
    await a_new_account(world)


async def a_deactivated_account(world: World) -> None:
    await a_synced_account(world)
    world.save("a", statecode=1)


async def a_deactivated_account_without_customer(world: World) -> None:
    world.save("a", "Euro", name="Contoso", accountnumber="C-1", statecode=1)


async def an_account_whose_customer_vanished(world: World) -> None:
    await a_synced_account(world)
    world.operations.customers.clear()
    world.save("a", telephone1="3")


SCENES: Sequence[Callable[[World], object]] = [
    a_new_account,
    a_synced_account,
    a_changed_account,
    an_account_of_an_unmapped_currency,
    an_account_without_number,
    an_account_whose_number_changed,
    an_account_whose_customer_is_there_under_its_name,
    an_account_whose_customer_has_another_name,
    an_account_whose_number_another_account_has,
    an_account_whose_customer_was_renamed_too,
    an_account_whose_number_a_deleted_account_had,
    an_account_whose_number_a_deleted_account_of_another_name_had,
    a_deactivated_account,
    a_deactivated_account_without_customer,
    an_account_whose_customer_vanished,
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_the_preview_says_what_the_sync_then_does(scene: Callable[[World], object]) -> None:
    world = World()
    await scene(world)  # type: ignore[misc]
    found = await preview(world)
    await world.sync(world.check("a", verify=False))
    outcome = world.outcomes[-1][1]
    assert (found.ending, found.detail) == (
        outcome.ending,
        outcome.detail if found.ending is not Ending.PARKED else found.detail,
    )
    if found.problem is not None:
        assert world.state("a").issue == found.problem.key
    sent = {field.name for field in found.fields if field.sent}
    assert sent == set(outcome.fields)


async def test_each_field_tells_where_its_value_comes_from_and_what_stands_in_operations() -> None:
    world = World()
    await a_changed_account(world)
    world.operations.customers[CustomerKey("usmf", "C-1").folded]["PrimaryContactFax"] = "by hand"
    fields = {field.name: field for field in (await preview(world)).fields}
    phone, fax = fields["PrimaryContactPhone"], fields["PrimaryContactFax"]
    assert (phone.source, phone.value, phone.in_operations, phone.sent) == (
        "column telephone1",
        "2",
        "1",
        True,
    )
    assert (fax.differs, fax.sent) == (True, False), "a sync does not see what was changed in Operations"
    assert fields["SalesCurrencyCode"].source == "the account's currency, through the currency mapping"
    assert fields["CustomerGroupId"].source == "setting OPERATIONS_CUSTOMER_GROUP"
    assert fields["PartyType"].source == "constant of the field map"
    assert (
        fields["AddressCountryRegionISOCode"].source
        == "column address1_country, through the value map country"
    )


async def test_an_account_that_sales_does_not_have_is_said_to_be_gone() -> None:
    found = await preview(World())
    assert not found.exists_in_sales


async def test_a_mapping_made_just_now_is_seen() -> None:
    world = World()
    await an_account_of_an_unmapped_currency(world)
    assert (await preview(world)).problem is not None
    world.mappings.set("Rouble", "EUR")
    found = await preview(world)
    assert (found.ending, found.problem) == (Ending.CREATED, None)
