"""Reconcile over the real adapters and the simulated ERPs: each planted difference is found, and no other."""

from typing import Any

import pytest

from local.dynamics.nav.environment import CRONUS
from shared.model.customer import CustomerKey
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.model.field_source import CURRENCY
from shared.model.reconciliation import Kind, RunState
from tests.contract.conftest import Simulated
from tests.contract.targets import business_central
from tests.contract.targets.business_central import BUSINESS_CENTRAL
from tests.contract.targets.description import Description
from tests.contract.targets.nav import NAV
from tests.contract.targets.operations import OPERATIONS
from tests.flow import world as worlds
from tests.flow.reconciling import Comparing, kinds, linked_to
from tests.flow.world import World, account

HOUR = 3600
ERPS = [OPERATIONS, BUSINESS_CENTRAL, *NAV]
SETTINGS: dict[System, dict[str, object]] = {
    System.OPERATIONS: {},
    System.BUSINESS_CENTRAL: {
        "target": "business-central",
        "business_central_url": "https://api.invalid/v2.0/contoso.example/production",
        "business_central_company": business_central.COMPANY,
    },
    System.NAV: {
        "target": "nav",
        "nav_url": "https://nav.invalid/DynamicsNAV110",
        "nav_company": CRONUS,
        "nav_user": "ACCOUNTSYNC",
        "nav_access_key": "unused",
        "nav_local_currency": "GBP",
    },
}
COLUMNS = {
    "telephone1": "555 1234",
    "fax": "555 1235",
    "emailaddress1": "a@contoso.com",
    "websiteurl": "https://contoso.com",
    "address1_line1": "Street 1",
    "address1_line2": "Floor 2",
    "address1_city": "Redmond",
    "address1_stateorprovince": "WA",
    "address1_postalcode": "98052",
    "address1_country": "United States",
}
OTHERS = {
    "name": "Another name",
    "telephone1": "555 9",
    "emailaddress1": "b@contoso.com",
    "address1_country": "France",
}


def world_of(erp: Description, simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> World:
    simulated.start_anew()
    monkeypatch.setattr(worlds, "field_map_of", lambda _name: erp.field_map)
    world = World(settings=SETTINGS[erp.system])
    target: Any = erp.adapter(simulated.client(erp.system, clock=world.clock), erp.field_map)
    target.settle_late = lambda: None  # the simulator executes at once
    world.operations = target
    return world


def mapped_columns(field_map: FieldMap) -> dict[str, str]:
    """The field of each column that is mapped to one."""
    return {entry.path: name for name, entry in field_map.fields.items() if entry.column}


def each_column() -> list[Any]:
    return [
        pytest.param(erp, column, field, id=f"{erp.system}{erp.variant}-{field}")
        for erp in ERPS
        for column, field in mapped_columns(erp.field_map).items()
    ]


async def synced(world: World, *names: str) -> None:
    await world.sync(*(world.save(name, **COLUMNS) for name in names))
    assert {str(ending) for ending in world.endings()} == {"created"}
    world.clock.advance(HOUR)


@pytest.mark.parametrize(("erp", "column", "field"), each_column())
async def test_a_change_whose_event_was_lost_is_found_by_its_field(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch, erp: Description, column: str, field: str
) -> None:
    world = world_of(erp, simulated, monkeypatch)
    await synced(world, "A1", "O'Neil", "B*")
    comparing = Comparing(world, 2)
    assert (await comparing.run())[1] == []
    is_currency = erp.field_map.fields[field].via == CURRENCY
    changed = {} if is_currency else {column: OTHERS.get(column, "9")}
    world.sales.save(account("O'Neil"), "Euro" if is_currency else None, **changed)
    world.clock.advance(HOUR)
    run, found = await comparing.run()
    assert kinds(found) == {account("O'Neil"): (Kind.DIFFERENT, (field,))}
    assert (run.accounts, run.customers, run.not_ours) == (3, 3, 0)
    await comparing.repair(found)
    world.clock.advance(HOUR)
    assert (await comparing.run())[1] == []


@pytest.mark.parametrize("erp", ERPS, ids=lambda erp: f"{erp.system}{erp.variant}")
async def test_each_kind_is_found_in_the_erp(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch, erp: Description
) -> None:
    world = world_of(erp, simulated, monkeypatch)
    target: Any = world.operations
    await synced(world, "edited", "blocked", "free", "gone", "twice", "owner", "fine")
    await world.sync(world.save("blocked", statecode=1))
    world.clock.advance(HOUR)
    await target.create(CustomerKey(erp.company, "own"), {**erp.fields, erp.name_field: "A stranger"})
    edited = world.state("edited").customer
    assert edited is not None
    await target.update(edited, {erp.city_field: "Rome"})
    world.sales.save(account("blocked"), statecode=0)
    world.sales.save(account("free"), statecode=1)
    world.sales.delete(account("gone"))
    world.sales.save(account("new"), "Euro", accountnumber="new", name="New")
    linked_to(world, "twice", "owner")
    world.clock.advance(HOUR)
    comparing, hold = Comparing(world, 3), target.capabilities.blocking_field
    run, found = await comparing.run()
    stays = {account("twice"): (Kind.OWNED_TWICE, ())}
    assert kinds(found) == {
        account("new"): (Kind.MISSING, ()),
        account("edited"): (Kind.DIFFERENT, (erp.city_field,)),
        account("blocked"): (Kind.WRONGLY_BLOCKED, (hold,)),
        account("free"): (Kind.NOT_BLOCKED, (hold,)),
        account("gone"): (Kind.WITHOUT_ACCOUNT, (hold,)),
        **stays,
    }
    assert (run.state, run.not_ours) == (RunState.DONE, 1)
    await comparing.repair(found)
    world.clock.advance(HOUR)
    assert kinds((await comparing.run())[1]) == stays
