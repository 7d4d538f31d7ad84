"""The mapping tables: the value in Sales, and the one in the ERP, such as a currency's name and its code.

A value has one key in its table, however it is typed.
"""

import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

PARTITION = "currency"
VALUE_HEADERS = ("Source", "Target")
# The editor's history stands in the same partition, from HISTORY up to HISTORY_END; no normalised name
# begins so, as it is case folded.
HISTORY, HISTORY_END = "HISTORY|", "HISTORY}"
LABELS_KEPT = timedelta(minutes=15)  # how long a process may go on with the labels of choices that it read
LONGEST_KEY = 512  # characters as the Table service counts them: UTF-16 units, 1 KiB in all
# Characters that the Table service refuses in keys, besides the control characters U+0000-U+001F and
# U+007F-U+009F (learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model);
# `%` too, so that escaping round-trips.
_FORBIDDEN = frozenset("/\\#?%")


@dataclass(frozen=True, slots=True)
class MappingTable:
    """What distinguishes one mapping table from another.

    `name`: its name in commands. `stored_in`, `partition`: where Table Storage has its rows; `source` and
    `target` are their two properties. `headers` are those of its spreadsheets. `noun`: what a row is of.
    `fields`: the ERP's fields whose values go through it. `labels`: the columns of choices whose labels do.
    """

    name: str
    stored_in: str
    partition: str
    source: str
    target: str
    headers: tuple[str, str]
    noun: str = "value"
    fields: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def of_currencies(self) -> bool:
        """Whether it is the table of currencies, which has names of its own in all that is stored."""
        return self.name == PARTITION

    @property
    def title(self) -> str:
        """The name of the sheet in a workbook."""
        return "Currency mapping" if self.of_currencies else "Mapping table"

    def command(self, verb: str) -> str:
        """Return the command of the tool that does this with the table."""
        return "accountsync " + (f"currency {verb}" if self.of_currencies else f"mapping {verb} {self.name}")

    def value(self, key: str) -> str:
        """Return the key, or a code, as an issue names it: with the table, except for a currency."""
        return key if self.of_currencies else f"{self.name}|{key}"


CURRENCIES = MappingTable(
    name=PARTITION,
    stored_in="CurrencyMapping",
    partition=PARTITION,
    source="CurrencyCRM",
    target="CurrencyAX",
    headers=("Currency CRM", "Currency AX"),
    noun="currency",
)


def value_table(
    name: str,
    headers: tuple[str, str] = VALUE_HEADERS,
    fields: tuple[str, ...] = (),
    labels: tuple[str, ...] = (),
) -> MappingTable:
    """Make the description of any other table: all of them share one table of Table Storage."""
    return MappingTable(
        name, "ValueMappings", name, "Source", "Target", headers, fields=fields, labels=labels
    )


@dataclass(frozen=True, slots=True)
class CurrencyMapping:
    """One row: `crm` is the value in Sales as typed by a person, `ax` is the one in the ERP."""

    crm: str
    ax: str
    etag: str = ""


@lru_cache(maxsize=4096)  # nearly every event has one of a few names
def currency_key(name: str) -> str:
    """Normalise a value of Sales: NFKC, white space collapsed and trimmed, case folded.

    Idempotent. Raises ValueError for a value that is empty, over 512 characters, or no Unicode text
    (lone surrogates).
    """
    if any("\ud800" <= char <= "\udfff" for char in name):
        message = "The name holds half of a surrogate pair, which no table can store; type it again."
        raise ValueError(message)
    key, before = fold(name), ""
    while key != before:  # folding can produce characters that fold again
        key, before = fold(key), key
    if not key:
        message = "The name is empty."
        raise ValueError(message)
    if not fits_key(escape_key(key)):
        message = f"The name is longer than {LONGEST_KEY} characters."
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
    """How many accounts have a value, and how many of them are parked for a missing or bad mapping."""

    accounts: int = 0
    parked: int = 0
