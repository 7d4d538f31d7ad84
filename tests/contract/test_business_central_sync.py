"""The pipeline with the real adapter against the simulated Business Central: what stands there at the end."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.model.field_map import FieldMap
from tests.contract.conftest import Simulated
from tests.contract.targets.business_central import ASSIGNED, COMPANY, MAP, NAME, SYSTEM, adapter
from tests.flow import world as worlds
from tests.flow.world import World, account

HOUR = 3600
SETTINGS: dict[str, object] = {
    "target": NAME,
    "business_central_url": "https://api.invalid/v2.0/contoso.example/production",
    "business_central_company": COMPANY,
    "existing_customer": "match",
}
type NewWorld = Callable[[FieldMap], "BusinessCentralWorld"]


class BusinessCentralWorld(World):
    """Sales, tables and queues in memory; the ERP is the simulator behind the real adapter."""

    def connect(self, simulated: Simulated, field_map: FieldMap) -> None:
        self.simulated = simulated
        target: Any = adapter(simulated.client(SYSTEM, clock=self.clock), field_map)
        target.settle_late = lambda: None  # the simulator executes at once
        self.operations = target

    def rows(self) -> list[dict[str, Any]]:
        """The customers, as the API shows them."""
        service = self.simulated.simulator.business_central.service
        customers = service.customers(service.environment.companies[COMPANY])
        return [customers.shown(row) for row in customers.table.by_id.values()]

    def only(self) -> dict[str, Any]:
        (row,) = self.rows()
        return row

    def seed(self, **rows: Any) -> None:
        self.simulated.state(business_central=rows)

    def requests(self, method: str) -> int:
        entries = self.simulated.simulator.log.report(NAME, 0)["entries"]
        return sum(entry["method"] == method for entry in entries)

    async def later(self, **columns: object) -> list[str]:
        """The account changes an hour later."""
        self.clock.advance(HOUR)
        return await self.sync(self.save("A1", **columns))

    async def endings_of_a_check(self) -> list[str]:
        """Somebody has the account checked against Business Central, an hour later."""
        self.clock.advance(HOUR)
        return await self.sync(self.check("A1"))


@pytest.fixture
def new_world(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> NewWorld:
    simulated.start_anew()

    def make(field_map: FieldMap) -> BusinessCentralWorld:
        monkeypatch.setattr(worlds, "field_map_of", lambda _name: field_map)
        world = BusinessCentralWorld(settings=SETTINGS)
        world.connect(simulated, field_map)
        return world

    return make


@pytest.mark.parametrize(
    ("order", "city"), [("page", "Berlin Mitte"), ("body", "Berlin")], ids=["replaced", "kept"]
)
async def test_a_post_code_that_changes_the_city_costs_one_change_and_then_none(
    new_world: NewWorld, order: str, city: str
) -> None:
    world = new_world(MAP)
    world.seed(
        validation_order=order,
        post_codes=[{"code": "10115", "city": "Berlin Mitte", "county": "BE", "country": "DE"}],
    )
    await world.sync(world.save("A1", address1_country="United States", address1_city="Redmond"))
    german = {"address1_country": "Germany", "address1_postalcode": "10115", "address1_city": "Berlin"}
    assert await world.later(**german) == ["updated"]
    assert world.requests("PATCH") == 1
    assert (world.only()["country"], world.only()["city"]) == ("DE", city)
    assert [
        await world.endings_of_a_check(),
        await world.later(fax="1"),
        await world.endings_of_a_check(),
    ] == [["unchanged"]] * 3
    assert world.requests("PATCH") == 1
    assert await world.later(telephone1="555 1234") == ["updated"]
    assert (world.only()["phoneNumber"], world.only()["city"]) == ("555 1234", city)


@pytest.mark.parametrize("order", ["page", "body"])
async def test_an_account_that_moves_takes_its_whole_address_along(new_world: NewWorld, order: str) -> None:
    world = new_world(MAP)
    world.seed(validation_order=order)
    await world.sync(
        world.save("A1", address1_country="Germany", address1_city="Berlin", address1_stateorprovince="BE")
    )
    assert await world.later(address1_country="France") == ["updated"]
    row = world.only()
    assert (row["country"], row["city"], row["state"]) == ("FR", "Berlin", "BE")
    assert await world.endings_of_a_check() == ["unchanged"]


async def test_values_that_are_stored_in_another_form_are_not_sent_again(new_world: NewWorld) -> None:
    world = new_world(MAP)
    await world.sync(world.save("A1", accountnumber="c-1", address1_postalcode="n1 7gu"))
    assert (world.only()["number"], world.only()["postalCode"]) == ("C-1", "N1 7GU")
    assert [await world.endings_of_a_check(), await world.later(fax="1")] == [["unchanged"]] * 2
    assert (world.requests("PATCH"), world.state("A1").replaced) == (0, {})


@pytest.mark.parametrize("field_map", [MAP, ASSIGNED], ids=["given", "assigned"])
@pytest.mark.parametrize("kind", ["drop-after-commit", "drop-before"])
async def test_a_creation_whose_answer_was_lost_makes_one_customer(
    new_world: NewWorld, field_map: FieldMap, kind: str
) -> None:
    world = new_world(field_map)
    world.simulated.fault(SYSTEM, kind, method="POST", count=1)
    await world.sync(world.save("A1"))
    assert world.state("A1").issue is None
    assert (world.only()["displayName"], world.only()["currencyCode"]) == ("Account A1", "USD")
    assert await world.later(name="New") == ["updated"]
    assert world.only()["displayName"] == "New"


async def test_a_customer_that_was_renamed_is_followed_and_a_new_one_of_its_number_left_alone(
    new_world: NewWorld,
) -> None:
    world = new_world(MAP)
    await world.sync(world.save("A1"))
    service = world.simulated.simulator.business_central.service
    customers = service.customers(service.environment.companies[COMPANY])
    row = customers.table.with_key("A1")
    assert row is not None
    customers.change(row, {"number": "C2"})
    world.seed(customers=[{"number": "A1", "displayName": "A stranger"}])
    await world.later(telephone1="555")
    by_number = {one["number"]: one for one in world.rows()}
    assert (by_number["C2"]["displayName"], by_number["C2"]["phoneNumber"]) == ("Account A1", "555")
    assert (by_number["A1"]["displayName"], by_number["A1"]["phoneNumber"]) == ("A stranger", "")
    assert world.state("A1").issue == "KeyChanged"


@pytest.mark.parametrize("before", ["Ship", "Invoice", "_x0020_"])
async def test_a_release_gives_back_what_stood_there(new_world: NewWorld, before: str) -> None:
    world = new_world(MAP)
    await world.sync(world.save("A1"))
    world.seed(customers=[{"number": "A1", "blocked": before}])
    await world.later(statecode=1)
    assert world.only()["blocked"] == "All"
    await world.later(statecode=0)
    assert world.only()["blocked"] == before


async def test_a_value_that_is_refused_parks_its_account_until_it_is_right(new_world: NewWorld) -> None:
    world = new_world(MAP)
    assert await world.sync(world.save("A1", telephone1="555 ext. 12")) == ["parked"]
    assert (world.state("A1").issue, world.rows()) == ("RefusedByErp", [])
    assert await world.later(telephone1="555 12") == ["created"]
    assert world.owners.rows
    assert account("A1") in world.states.rows
