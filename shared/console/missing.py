"""A value of Sales that has no row in its mapping table: what the form that adds the row needs."""

from collections.abc import Collection
from typing import NamedTuple

from shared.console.desk import Desk
from shared.model.account import AccountCurrency
from shared.model.faults import Fault
from shared.model.mapping import CURRENCIES
from shared.model.mapping_edit import key_or_none
from shared.model.outcome import Cause


class Missing(NamedTuple):
    """The value as Sales spells it, if that is known, its table, and the code that Sales suggests."""

    table: str
    name: str
    code: str = ""


def missing(desk: Desk, cause: str, value: str, currencies: Collection[AccountCurrency]) -> Missing | None:
    """Return the value that an issue is about, if a new row of a mapping table is what it needs."""
    if cause == Cause.UNMAPPED_CURRENCY and value:
        found = (one for one in currencies if key_or_none(one.name) == key_or_none(value))
        currency = next(found, AccountCurrency(value))
        return Missing(CURRENCIES.name, currency.name, currency.iso_code or "")
    table, bar, name = value.partition("|")
    is_of_table = cause == Cause.UNMAPPED_VALUE and bar and table in desk.operator.field_map.mapping_tables
    return Missing(table, name) if is_of_table else None


async def currencies_for(desk: Desk, causes: Collection[str]) -> list[AccountCurrency]:
    """Read the currencies of Sales if a cause needs them; without them the form has no suggestion."""
    if Cause.UNMAPPED_CURRENCY not in causes:
        return []
    try:
        return list(await desk.operator.edit_mapping.review.sales.currencies())
    except Fault:
        return []
