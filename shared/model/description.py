"""Describes the fields of the ERP's customers and the columns of Sales' tables, as far as the systems tell.

None stands for what a system does not tell. It never means that there is no limit or no value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.model.account import AccountCurrency


class ValueType(StrEnum):
    """What kind of value a field takes, in words for people."""

    TEXT = "text"
    INTEGER = "whole number"
    DECIMAL = "decimal number"
    CHOICE = "choice"
    YES_NO = "yes or no"
    LOOKUP = "reference to another row"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One field or column. `values` are those of a choice; `refers_to` are the tables of a reference.

    `on_create` and `on_change` say whether a value may be given with a new row, and to an existing one.
    """

    type: ValueType
    max_length: int | None = None
    values: frozenset[str] | None = None
    on_create: bool | None = None
    on_change: bool | None = None
    refers_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetDescription:
    """The ERP's entity of customers: its fields by name, and the names of those that are its key."""

    entity: str
    fields: Mapping[str, FieldDescription]
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table of Sales, with those of the wanted columns that it has."""

    name: str
    columns: Mapping[str, FieldDescription]
    change_tracking: bool


class Organization(NamedTuple):
    """The environment of Sales: its id, and the language code of its texts, if it may be read."""

    id: UUID
    base_language: int | None


class CurrencyUse(NamedTuple):
    """How many accounts have a currency. `at_least`: there may be more, as Sales counts no further."""

    currency: AccountCurrency
    accounts: int
    at_least: bool = False
