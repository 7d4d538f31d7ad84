"""The currencies of the demonstration, by hand: how Sales calls them, and their codes in the ERP."""

from typing import NamedTuple


class Currency(NamedTuple):
    """One row of the table CurrencyMapping; `row_key` is the normalised, escaped name, `iso` is for Sales."""

    crm: str
    row_key: str
    ax: str
    iso: str


MAPPED = (
    Currency("US Dollar", "us dollar", "USD", "USD"),
    Currency("Euro", "euro", "EUR", "EUR"),
    Currency("Pound Sterling", "pound sterling", "GBP", "GBP"),
    Currency("Swiss Franc", "swiss franc", "CHF", "CHF"),
    Currency("Japanese Yen", "japanese yen", "JPY", "JPY"),
    Currency("Danish Krone", "danish krone", "DKK", "DKK"),
    Currency("Norwegian Krone", "norwegian krone", "NOK", "NOK"),
    Currency("Swedish Krona", "swedish krona", "SEK", "SEK"),
    Currency("Polish Złoty", "polish złoty", "PLN", "PLN"),
    Currency("Canadian Dollar", "canadian dollar", "CAD", "CAD"),
    Currency("Australian Dollar", "australian dollar", "AUD", "AUD"),
    Currency("Rand R/c #1", "rand r%2Fc %231", "ZAR", "ZAR"),
    Currency("Indian Rupee", "indian rupee", "INR", "INR"),
)
# The operator's slip: the code is TRY, and no ERP knows TLR.
MISTYPED = Currency("Turkish Lira", "turkish lira", "TLR", "TRY")
# Sales has it, the table does not.
UNMAPPED = Currency("Bhutanese Ngultrum", "bhutanese ngultrum", "", "BTN")

IN_SALES = (*MAPPED, MISTYPED, UNMAPPED)
IN_TABLE = (*MAPPED, MISTYPED)
# As an environment comes: the usual codes, whether Sales uses them or not. TLR is none of them.
_CODES = """
    AED ARS AUD BGN BRL BTN CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KRW
    KWD MAD MXN MYR NOK NZD PEN PHP PLN QAR RON RSD SAR SEK SGD THB TND TRY TWD UAH USD VND ZAR
"""
CODES = tuple(_CODES.split())
