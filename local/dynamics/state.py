"""The data of the simulators: what to seed or to reset enters, all rows leave."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from local.dynamics.dataverse import seed
from local.dynamics.dataverse.render import make_view, render
from local.dynamics.dataverse.store import Change, Origin
from local.dynamics.dataverse.values import read_payload
from local.dynamics.systems import Systems

type Rows = list[dict[str, Any]]


class StateChange(BaseModel):
    """The body of `POST /state`.

    `reset` empties accounts, events, and all that the ERP has, first. Accounts are written in the form of
    the Web API, without an event unless `events` is set; `transactioncurrencies` need `currencyname` and
    `isocurrencycode`. All others are kinds of rows of the ERP, in the form of its interface.
    """

    model_config = ConfigDict(extra="allow")

    reset: bool = False
    events: bool = False
    transactioncurrencies: Rows = Field(default_factory=list[dict[str, Any]])
    accounts: Rows = Field(default_factory=list[dict[str, Any]])

    @property
    def of_erp(self) -> dict[str, Rows]:
        """The rows of the ERP by kind; raises `ValueError`."""
        return ROWS_BY_KIND.validate_python(self.model_extra or {})


ROWS_BY_KIND = TypeAdapter(dict[str, list[dict[str, Any]]])


def apply_state(systems: Systems, change: StateChange) -> None:
    """Reset and seed; raises DataverseError or ValueError for rows that do not fit."""
    rows = change.of_erp
    if unknown := rows.keys() - set(systems.erp.kinds):
        raise ValueError(f"{systems.erp.name} has no {sorted(unknown)}.")
    if change.reset:
        reset(systems)
    seed.seed_currencies(systems.store, change.transactioncurrencies)
    _seed_accounts(systems, change)
    for kind in systems.erp.kinds:
        for row in rows.get(kind, ()):
            systems.erp.put(kind, row)


def reset(systems: Systems) -> None:
    """Empty everything that tests and demonstrations fill."""
    for table in ("account", "asyncoperation"):
        systems.store.clear(table)
    systems.erp.clear()
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
            "transactioncurrencies": dataverse_rows(systems, "transactioncurrency"),
            "serviceendpoints": dataverse_rows(systems, "serviceendpoint"),
            "sdkmessageprocessingsteps": dataverse_rows(systems, "sdkmessageprocessingstep"),
        }
    erp = systems.erp
    if system in (None, erp.name):
        found[erp.name] = {kind: erp.rows(kind) for kind in erp.kinds}
    return found


def dataverse_rows(systems: Systems, name: str) -> Rows:
    """All rows of a table as the Web API shows them."""
    store = systems.store
    table = store.tables[name]
    view = make_view(table, None, {})
    return [render(store, table, row, view) for row in store.rows(name).values()]
