"""What the platform itself does to a row before keeping it: money, exchange rates, secrets of endpoints.

A complete row enters, the row to keep leaves; rules of registration are in their own module.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from local.dynamics.dataverse import registration
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Store


def apply_rules(store: Store, table: Table, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row as the platform keeps it; raises DataverseError."""
    if table.name == "account":
        return _money(store, table, values)
    return registration.apply_rules(store, table, values)


def _money(store: Store, table: Table, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Amounts in the base currency; a row with an amount but no currency gets the base currency
    (learn.microsoft.com/power-apps/developer/data-platform/transaction-currency-currency-entity)."""
    amounts = [c.name for c in table.columns.values() if c.kind == "Money" and not c.read_only]
    kept = dict(values)
    if any(kept.get(name) is not None for name in amounts) and kept.get("transactioncurrencyid") is None:
        kept["transactioncurrencyid"] = base_currency(store)
    currency = store.rows("transactioncurrency").get(kept.get("transactioncurrencyid") or "")
    rate = Decimal(str(currency.get("exchangerate"))) if currency else None
    kept["exchangerate"] = rate
    for name in amounts:
        amount = kept.get(name)
        kept[f"{name}_base"] = None if amount is None or not rate else round(amount / rate, 4)
    return kept


def base_currency(store: Store) -> str | None:
    """The id of the organisation's base currency: the first one it ever had."""
    return next(iter(store.rows("transactioncurrency")), None)
