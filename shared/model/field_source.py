"""Where the value of one field comes from, as an entry of the field map says it."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from shared.model.mapping import fold

CURRENCY = "currency"
CUSTOMER = "customer"
CURRENCY_COLUMN = "transactioncurrencyid"
_TABLE = "table:"
# A part of Issues' keys and of names in AccountSync, in commands and addresses: few characters, no surprises.
_TABLE_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", re.ASCII)
_LONGEST_NAME = 60

type Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Entry(BaseModel):
    """An entry of the file: it cannot be changed, and has no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # built as parts of the map


class SourceColumn(Entry):
    """An entry that reads a column. `column = "a.b"` is the same as `column = "a"` with `lookup = "b"`."""

    @model_validator(mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        """Divide the name of a look-up's column into its two parts."""
        if not isinstance(given, Mapping):
            return given
        entry = cast(Mapping[str, object], given)
        path = str(entry.get("column") or "")
        column, dot, lookup = path.partition(".")
        if not dot:
            return entry
        if entry.get("lookup") is not None:
            message = f'column = "{path}" names the column of the look-up too: leave out lookup'
            raise ValueError(message)
        return {**entry, "column": column, "lookup": lookup}


class Column(SourceColumn):
    """A column of the account; with `lookup`, a column of the row that the look-up column refers to.

    `of_row`: the value is the id of that row.
    """

    column: Name
    lookup: Name | None = None
    of_row: bool = False

    @cached_property
    def selected(self) -> str:
        """The name by which the Web API reads the column of the account."""
        return f"_{self.column}_value" if self.of_row else self.column

    @cached_property
    def path(self) -> str:
        """The name under which `Account.columns` holds the value."""
        return f"{self.column}.{self.lookup}" if self.lookup else self.column


class MappedField(SourceColumn):
    """Where the value of one ERP field comes from, and which values are allowed.

    `via` is how the value is translated: `CURRENCY`, `CUSTOMER`, "table:NAME" or the name of a value map.
    `label`: the value is the label of an option, not its number.
    """

    column: Name | None = None
    lookup: Name | None = None
    setting: str | None = None
    constant: str | int | None = None
    via: str | None = None
    label: bool = False
    type: Literal["text", "integer", "decimal"] = "text"
    required: bool = False
    max_length: PositiveInt | None = None
    on_too_long: Literal["park", "truncate"] = "park"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        exactly_one("a field", column=self.column, setting=self.setting, constant=self.constant)
        if message := self._refusal():
            raise ValueError(message)
        return self

    def _refusal(self) -> str | None:
        if self.table is not None and (message := table_name_refusal(self.table)):
            return message
        if self.via == CURRENCY and self.column != CURRENCY_COLUMN:
            return f'via = "{CURRENCY}" goes with column = "{CURRENCY_COLUMN}"'
        if self.via == CUSTOMER and (self.column is None or self.lookup or self.type != "text"):
            return f'via = "{CUSTOMER}" goes with a column that refers to an account, and no other source'
        if self.table is not None and self.column is None:
            return f'via = "{self.via}" goes with a column'
        if self.label and (self.column is None or self.lookup or self.via in {CURRENCY, CUSTOMER}):
            return "label = true goes with a column of choices of the account itself"
        return None

    @cached_property
    def path(self) -> str:
        """The name under which `Account.columns` holds the value; "" where no column is read."""
        return Column(column=self.column, lookup=self.lookup).path if self.column else ""

    @cached_property
    def table(self) -> str | None:
        """The name of the mapping table that the value goes through, other than the one of currencies."""
        if self.via is None or not self.via.startswith(_TABLE):
            return None
        return self.via.removeprefix(_TABLE)

    @cached_property
    def value_map(self) -> str | None:
        """The name of the value map that the value goes through."""
        return None if self.via in {CURRENCY, CUSTOMER} or self.table is not None else self.via


class TableHeaders(Entry):
    """The headers of a mapping table in spreadsheets: for the value in Sales, and for the one in the ERP."""

    headers: tuple[str, str]

    @field_validator("headers", mode="after")
    @classmethod
    def _two_texts(cls, headers: tuple[str, str]) -> tuple[str, str]:
        if not all(map(fold, headers)) or fold(headers[0]) == fold(headers[1]):
            message = "headers takes two different texts: of the value in Sales, and of the one in the ERP"
            raise ValueError(message)
        return headers


def table_name_refusal(name: str) -> str | None:
    """Say why a mapping table cannot have this name; None if it can."""
    if name == CURRENCY:
        return f'the mapping table of currencies is via = "{CURRENCY}"'
    if not _TABLE_NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        return (
            f'"{name[:_LONGEST_NAME]}" cannot be the name of a mapping table: it takes small letters, digits '
            f"and single hyphens, and begins with a letter, such as payment-terms"
        )
    return None


def exactly_one(where: str, **given: object) -> None:
    """Raise ValueError unless one of these keys has a value, and no other."""
    if sum(value is not None for value in given.values()) != 1:
        message = f"{where} needs exactly one of {', '.join(given)}"
        raise ValueError(message)
