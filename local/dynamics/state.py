"""The data of the simulators: what to seed or to reset enters, all rows leave."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from local.dynamics.dataverse import seed
from local.dynamics.dataverse.render import make_view, render
from local.dynamics.dataverse.store import Change, Origin
from local.dynamics.dataverse.values import read_payload
from local.dynamics.systems import Systems, by_erp

type Rows = list[dict[str, Any]]


class StateChange(BaseModel):
    """The body of `POST /state`.

    `reset` empties accounts, contacts, events, and all that the ERPs have, first. Accounts are written in
    the form of the Web API, without an event unless `events` is set; `transactioncurrencies` need
    `currencyname` and `isocurrencycode`. The rows of an ERP stand under its name, in the form of its
    interface; those of Operations may stand by themselves.
    """

    model_config = ConfigDict(extra="allow")

    reset: bool = False
    events: bool = False
    transactioncurrencies: Rows = Field(default_factory=list[dict[str, Any]])
    accounts: Rows = Field(default_factory=list[dict[str, Any]])


def apply_state(systems: Systems, change: StateChange) -> None:
    """Reset and seed; raises DataverseError or ValueError for rows that do not fit."""
    if change.reset:
        reset(systems)
    seed.seed_currencies(systems.store, change.transactioncurrencies)
    _seed_accounts(systems, change)
    for erp, rows in by_erp(systems, change.model_extra):
        erp.seed(rows)


def reset(systems: Systems) -> None:
    """Empty everything that tests and demonstrations fill."""
    for table in ("account", "contact", "asyncoperation"):
        systems.store.clear(table)
    systems.dataverse.unreadable.clear()
    systems.dataverse.definitions.planted.clear()
    for erp in systems.erps:
        erp.planted.clear()
        erp.reset()
    systems.jobs.clear()


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


def read_state(systems: Systems, system: str | None) -> dict[str, Any]:
    """All rows, by system and kind."""
    found: dict[str, Any] = {}
    if system in (None, "dataverse"):
        found["dataverse"] = {
            "accounts": dataverse_rows(systems, "account"),
            "contacts": dataverse_rows(systems, "contact"),
            "transactioncurrencies": dataverse_rows(systems, "transactioncurrency"),
            "serviceendpoints": dataverse_rows(systems, "serviceendpoint"),
            "sdkmessageprocessingsteps": dataverse_rows(systems, "sdkmessageprocessingstep"),
        }
    found |= {erp.name: erp.state() for erp in systems.erps if system in (None, erp.name)}
    return found


def dataverse_rows(systems: Systems, name: str) -> Rows:
    """All rows of a table as the Web API shows them."""
    store = systems.store
    table = store.tables[name]
    view = make_view(table, None, {})
    return [render(store, table, row, view) for row in store.rows(name).values()]
