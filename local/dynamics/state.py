"""The data of both simulators: what to seed or to reset enters, all rows leave."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from local.dynamics.business_central import seed as business_central_seed
from local.dynamics.dataverse import seed
from local.dynamics.dataverse.render import make_view, render
from local.dynamics.dataverse.store import Change, Origin
from local.dynamics.dataverse.values import read_payload
from local.dynamics.nav.state import NavState, apply_nav_state, read_nav_state
from local.dynamics.nav.state import reset as reset_nav
from local.dynamics.operations.queries import show
from local.dynamics.systems import Systems

type Rows = list[dict[str, Any]]


class StateChange(BaseModel):
    """The body of `POST /state`.

    `reset` empties accounts, customers, groups, currencies (of Operations) and events first. Accounts are
    written in the form of the Web API, without an event unless `events` is set; `transactioncurrencies` need
    `currencyname` and `isocurrencycode`. The others are written in the form of their data entity; the rows of
    Business Central stand under `business_central`.
    """

    model_config = ConfigDict(extra="forbid")

    reset: bool = False
    events: bool = False
    transactioncurrencies: Rows = Field(default_factory=list[dict[str, Any]])
    accounts: Rows = Field(default_factory=list[dict[str, Any]])
    currencies: Rows = Field(default_factory=list[dict[str, Any]])
    groups: Rows = Field(default_factory=list[dict[str, Any]])
    customers: Rows = Field(default_factory=list[dict[str, Any]])
    business_central: business_central_seed.BusinessCentralChange | None = None
    nav: NavState | None = None


SETS = {"currencies": "Currencies", "groups": "CustomerGroups", "customers": "CustomersV3"}


def apply_state(systems: Systems, change: StateChange) -> None:
    """Reset and seed; raises DataverseError or OperationsError for rows that the services would refuse."""
    if change.reset:
        reset(systems)
    seed.seed_currencies(systems.store, change.transactioncurrencies)
    _seed_accounts(systems, change)
    for name, entity_set in SETS.items():
        for row in getattr(change, name):
            seed_record(systems, entity_set, row)
    if change.business_central is not None:
        business_central_seed.apply(systems.business_central, change.business_central)
    if change.nav is not None:
        apply_nav_state(systems.nav, change.nav)


def reset(systems: Systems) -> None:
    """Empty everything that tests and demonstrations fill."""
    for table in ("account", "asyncoperation"):
        systems.store.clear(table)
    for entity_set in SETS.values():
        systems.records.clear(entity_set)
    systems.business_central.reset()
    systems.queue.forget()
    systems.jobs.clear()
    reset_nav(systems.nav)


def _seed_accounts(systems: Systems, change: StateChange) -> None:
    store = systems.store
    table = store.tables["account"]
    listener = store.on_change
    if not change.events:
        store.on_change = _ignore
    try:
        with store.transaction():
            for row in change.accounts:
                store.create(table, read_payload(table, row).values, Origin())
    finally:
        store.on_change = listener


def _ignore(_change: Change) -> None:
    """Seeded accounts make no events."""


def seed_record(systems: Systems, entity_set: str, row: dict[str, Any]) -> None:
    """Write one row of a data entity, over one that is there."""
    rules, records = systems.operations.rules, systems.records
    entity = rules.entities[entity_set]
    values = {name: item.empty for name, item in entity.properties.items()} | row
    unknown = set(row) - set(entity.properties)
    if unknown:
        raise ValueError(f"{entity_set} has no properties {sorted(unknown)}.")
    before = records.find(entity, values)
    if before is None:
        records.insert(entity, values)
    else:
        records.replace(entity, before, values)


def read_state(systems: Systems, system: str | None) -> dict[str, Any]:
    """All rows, by system and kind."""
    found: dict[str, Any] = {}
    if system in (None, "dataverse"):
        found["dataverse"] = {
            "accounts": dataverse_rows(systems, "account"),
            "transactioncurrencies": dataverse_rows(systems, "transactioncurrency"),
            "serviceendpoints": dataverse_rows(systems, "serviceendpoint"),
            "sdkmessageprocessingsteps": dataverse_rows(systems, "sdkmessageprocessingstep"),
        }
    if system in (None, "operations"):
        entities = systems.operations.rules.entities
        found["operations"] = {
            name: [show(entities[entity_set], row, None) for row in systems.records.rows(entity_set).values()]
            for name, entity_set in SETS.items()
        }
    if system in (None, "business-central"):
        most = dict(systems.queue.most)
        found["business-central"] = {
            **business_central_seed.rows(systems.business_central),
            "most_parallel_requests": most,
        }
    if system in (None, "nav"):
        found["nav"] = read_nav_state(systems.nav)
    return found


def dataverse_rows(systems: Systems, name: str) -> Rows:
    """All rows of a table as the Web API shows them."""
    store = systems.store
    table = store.tables[name]
    view = make_view(table, None, {})
    return [render(store, table, row, view) for row in store.rows(name).values()]
