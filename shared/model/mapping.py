"""The mapping table of currencies: the name in Sales, and the code in the ERP.

A name has one key in the table, however it is typed.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

PARTITION = "currency"
# The editor's history stands in the same partition, from HISTORY up to HISTORY_END; no normalised name
# begins so, as it is case folded.
HISTORY, HISTORY_END = "HISTORY|", "HISTORY}"
LONGEST_KEY = 512  # characters as the Table service counts them: UTF-16 units, 1 KiB in all
# Characters that the Table service refuses in keys, besides the control characters U+0000-U+001F and
# U+007F-U+009F (learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model);
# `%` too, so that escaping round-trips.
_FORBIDDEN = frozenset("/\\#?%")


@dataclass(frozen=True, slots=True)
class CurrencyMapping:
    """One row: `crm` is the name in Sales as typed by a person, `ax` is the code in the ERP."""

    crm: str
    ax: str
    etag: str = ""


@lru_cache(maxsize=4096)  # nearly every event has one of a few names
def currency_key(name: str) -> str:
    """Normalise a currency name: NFKC, white space collapsed and trimmed, case folded.

    Idempotent. Raises ValueError for a name that is empty, over 512 characters, or no Unicode text
    (lone surrogates).
    """
    if any("\ud800" <= char <= "\udfff" for char in name):
        message = "A currency name holds half of a surrogate pair, which no table can store; type it again."
        raise ValueError(message)
    key, before = fold(name), ""
    while key != before:  # folding can produce characters that fold again
        key, before = fold(key), key
    if not key:
        message = "A currency name is empty."
        raise ValueError(message)
    if not fits_key(escape_key(key)):
        message = f"A currency name is longer than {LONGEST_KEY} characters."
        raise ValueError(message)
    return key


def fold(text: str) -> str:
    """Normalise a text for comparison: NFKC, case folded, white space collapsed and trimmed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def escape_key(text: str) -> str:
    """Make a PartitionKey or RowKey of `text`; `unescape_key` reverses it."""
    return "".join(
        quote(char, safe="") if char in _FORBIDDEN or unicodedata.category(char) == "Cc" else char
        for char in text
    )


def fits_key(key: str) -> bool:
    """Whether an escaped key is short enough for the Table service."""
    return len(key.encode("utf-16-le")) <= 2 * LONGEST_KEY


def unescape_key(key: str) -> str:
    """Return the text from which `escape_key` made `key`."""
    return unquote(key)


class Changes(NamedTuple):
    """Whether changed rows were found, and where the search goes on; "" once the whole table was read."""

    found: bool
    after: str


class Usage(NamedTuple):
    """How many accounts have a currency, and how many of them are parked for a missing or bad mapping."""

    accounts: int = 0
    parked: int = 0
