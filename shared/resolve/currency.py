"""Resolves an account's currency: the name in Sales -> the code in Operations, through the table."""

from dataclasses import dataclass

from shared.model.account import Account
from shared.model.currency import currency_key
from shared.model.faults import AccountFault
from shared.model.outcome import Cause, Problem
from shared.ports import CurrencyMappings, ErpCurrencies


def key_of_currency(account: Account) -> str | None:
    """The key under which the account's currency is looked up; None if it has none.

    Raises AccountFault(BadValue) for a name that no table could hold.
    """
    if account.currency is None:
        return None
    try:
        return currency_key(account.currency.name)
    except ValueError as error:
        raise AccountFault(Problem(Cause.BAD_VALUE, field="currencyname")) from error


@dataclass(frozen=True, slots=True)
class ResolveCurrency:
    """Looks a currency up, and makes sure that Operations knows the code."""

    mappings: CurrencyMappings
    erp_currencies: ErpCurrencies

    async def code(self, key: str, *, fresh: bool) -> str:
        """The code for the currency; `fresh` asks the table itself.

        Raises AccountFault(UnmappedCurrency | BadMapping | UnknownErpCurrency): never a guess.
        """
        rows = await self.mappings.look_up(key, fresh=fresh)
        if not rows:
            raise AccountFault(Problem(Cause.UNMAPPED_CURRENCY, value=key))
        code = rows[0].ax.strip()
        if len(rows) > 1 or not code:
            raise AccountFault(Problem(Cause.BAD_MAPPING, value=key))
        if not await self.erp_currencies.knows(code):
            raise AccountFault(Problem(Cause.UNKNOWN_ERP_CURRENCY, value=code))
        return code
