"""The whole pipeline over the simulated NAV: what its adapter says is what the plan needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.dynamics.nav.environment import CRONUS
from shared.model.customer import CustomerKey
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.model.outcome import Ending
from shared.settings import Settings
from shared.targets.nav.target import NavTarget
from shared.wiring import Application
from shared.wiring.clients import Ports
from tests.contract.conftest import Simulated
from tests.contract.nav_stand import MAP, NavStand, assigned
from tests.flow.world import SETTINGS, Gate, World

NAV = {
    "target": "nav",
    "nav_url": "https://nav.invalid/DynamicsNAV110",
    "nav_company": CRONUS,
    "nav_user": "ACCOUNTSYNC",
    "nav_access_key": "unused",
    "nav_local_currency": "GBP",
}
BERLIN = {"address1_country": "DE", "address1_postalcode": "10115", "address1_city": "Potsdam"}


async def _open(_step: str) -> None:
    """Let every step pass."""


class NavWorld(World):
    """Sales, tables and queues in memory, and the simulated NAV as the ERP."""

    def over(self, nav: NavStand, field_map: FieldMap = MAP) -> "NavWorld":
        self.nav = nav
        self.map = field_map
        return self

    def target(self) -> NavTarget:
        nav = self.nav
        nav.clock = self.clock
        return nav.target(self.map)

    def application(self, gate: Gate = _open) -> Application:
        """One worker process. Nothing is gated: the steps of a crash are tried elsewhere."""
        del gate
        target = self.target()
        ports = Ports(
            clock=self.clock,
            jitter=lambda seconds: seconds / 2,
            reader=self.sales,
            target=target,
            mappings=self.mappings,
            states=self.states,
            value_mappings=lambda of: self.tables[of.name],
            labels=self.labels,
            owners=self.owners,
            issues=self.issues,
            control=self.control,
            queue=self.queue,
            rejected=self.rejected,
            leftovers=self.leftovers,
            runs=self.runs,
            pages=self.pages,
            accounts=self.accounts,
            waiting=self.waiting,
            checked=self.checked,
            counts=self.counts,
            probes={System.DATAVERSE: self.sales.probe, System.NAV: target.probe},
        )
        settings = Settings.model_validate({**SETTINGS, **NAV, **self.settings})
        return Application(settings, self.map, ports)

    async def check_later(self, name: str) -> list[str]:
        """How a verifying check ends an hour later."""
        self.clock.advance(3600)
        return await self.sync(self.check(name))


@pytest.fixture(params=["v4", "v3"])
def world(request: pytest.FixtureRequest, simulated: Simulated) -> Iterator[NavWorld]:
    nav = NavStand(simulated.simulator, simulated.clients[System.NAV])
    nav.start_anew(request.param)
    yield NavWorld().over(nav)
    nav.start_anew("v4")


def writes(nav: NavStand) -> list[str]:
    return [method for method in nav.requests() if method != "GET"]


async def test_what_nav_replaces_is_sent_once_and_never_again(world: NavWorld) -> None:
    """In the page's order NAV looks the post code up after the city was filled."""
    world.nav.environment.page_order = True
    assert await world.sync(world.save("A1", "Pound Sterling", name="Contoso")) == ["created"]
    assert writes(world.nav) == ["POST"]
    world.clock.advance(3600)
    assert await world.sync(world.save("A1", **BERLIN, telephone1="1")) == ["updated"]
    assert writes(world.nav) == ["PATCH"]
    stored = world.nav.stored("A1")
    assert (stored["Currency_Code"], stored["Phone_No"], stored["City"]) == ("", "1", "Berlin")
    world.clock.advance(3600)
    assert await world.sync(world.save("A1", description="not mapped")) == ["unchanged"]
    for _ in range(2):
        assert await world.check_later("A1") == ["unchanged"]
    assert writes(world.nav) == []


@pytest.mark.parametrize("currency", ["Euro", "Pound Sterling"])
async def test_a_customer_that_was_inserted_and_refused_is_completed(world: NavWorld, currency: str) -> None:
    world.nav.environment.refuse_creates = 1
    await world.sync(world.save("A1", currency, name="Contoso", **BERLIN, telephone1="1"))
    stored = world.nav.stored("A1")
    assert (stored["Name"], stored["Phone_No"]) == ("Contoso", "1")
    assert stored["Currency_Code"] == ("EUR" if currency == "Euro" else "")
    assert world.state("A1").customer is not None
    assert writes(world.nav) == ["POST", "PATCH"]
    assert await world.check_later("A1") == ["unchanged"]


async def test_with_numbers_of_the_series_it_is_found_by_the_accounts_id(
    world: NavWorld, tmp_path: Path
) -> None:
    world.over(world.nav, assigned(tmp_path))
    world.nav.environment.refuse_creates = 1
    for name in ("A1", "A2"):
        await world.sync(world.save(name, name=f"Contoso {name}"))
    customers = world.nav.environment.companies[CRONUS].tables["Customer"]
    assert {number: row.values["Name"] for number, row in customers.items()} == {
        "C00010": "Contoso A1",
        "C00020": "Contoso A2",
    }
    assert await world.check_later("A1") == ["unchanged"]


async def test_a_refused_value_parks_the_account_until_it_is_corrected(world: NavWorld) -> None:
    world.nav.environment.companies[CRONUS].related["Country/Region"].discard("FR")
    assert await world.sync(world.save("A1", name="Contoso", address1_country="FR")) == ["parked"]
    assert world.state("A1").issue == "RefusedByErp"
    assert world.nav.stored("A1")["Name"] == "Contoso"
    world.clock.advance(3600)
    ending = await world.sync(world.save("A1", address1_country="DE", telephone1="1"))
    assert ending in (["updated"], ["created"])
    stored = world.nav.stored("A1")
    assert (stored["Country_Region_Code"], stored["Phone_No"]) == ("DE", "1")


async def test_a_strangers_customer_is_never_written(world: NavWorld) -> None:
    await world.target().create(CustomerKey(CRONUS, "A1"), {"Name": "Fabrikam"})
    before = world.nav.stored("A1")
    assert await world.sync(world.save("A1", name="Contoso")) == ["parked"]
    assert world.state("A1").issue == "CustomerExists"
    assert world.nav.stored("A1") == before


@pytest.mark.parametrize("blank", ["_x0020_", " ", ""])
async def test_a_block_is_lifted_to_what_was_there_before(world: NavWorld, blank: str) -> None:
    world.nav.environment.blank = blank
    for name, before in (("A1", ""), ("A2", "Ship")):
        await world.sync(world.save(name, name="Contoso"))
        row = world.nav.stored(name)
        row.pop("company")
        world.nav.environment.put(
            world.nav.environment.companies[CRONUS],
            world.nav.environment.services["Customer"],
            {**row, "Blocked": before},
        )
        world.clock.advance(3600)
        await world.sync(world.save(name, statecode=1))
        assert world.nav.stored(name)["Blocked"] == "All"
        world.clock.advance(3600)
        await world.sync(world.save(name, statecode=0))
        assert world.nav.stored(name)["Blocked"] == before
    assert {outcome.ending for _, outcome in world.outcomes} <= {Ending.CREATED, Ending.UPDATED}


async def test_a_page_that_is_missing_lets_everything_wait_and_parks_nothing(world: NavWorld) -> None:
    page = world.nav.environment.services.pop("Customer")
    change = world.save("A1", name="Contoso")
    await world.send(change)
    outcome = await world.deliver(world.take())
    assert outcome.ending is Ending.RETRYING
    world.nav.environment.services["Customer"] = page
    await world.drain()
    assert world.nav.stored("A1")["Name"] == "Contoso"
    assert world.issues.rows == {}
