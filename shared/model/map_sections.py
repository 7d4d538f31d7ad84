"""The sections of a field map that are no fields: company, key, row rules and hold."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, PositiveInt, model_validator

from shared.model.field_source import Entry, Name, SourceColumn, exactly_one


class Company(SourceColumn):
    """The company (legal entity): from a setting or from a column. `field` is the ERP's field name."""

    field: Name
    setting: str | None = None
    column: Name | None = None
    lookup: Name | None = None
    values: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        exactly_one("company", setting=self.setting, column=self.column)
        return self


class Key(Entry):
    """The customer's number: from a column, or assigned by the ERP; then a second key finds the customer.

    `field` is the ERP's field name. The second key is a text field that holds the account's id; its values
    must be unique in the ERP. `number_column` is where an assigned number is written back to, if that is
    asked for.
    """

    column: Name | None = None
    field: Name
    assigned_by_erp: bool = False
    second_key: Name | None = None
    number_column: Name = "accountnumber"
    max_length: PositiveInt = 20

    @model_validator(mode="after")
    def _one_mode(self) -> Self:
        if self.assigned_by_erp and self.second_key is None:
            message = "[key] assigned_by_erp needs a second_key to find the customer again"
            raise ValueError(message)
        if not self.assigned_by_erp and self.column is None:
            message = "[key] needs a column, or assigned_by_erp = true"
            raise ValueError(message)
        return self


class RowRule(Entry):
    """A condition that an account must meet to be synchronised. It has exactly one of the three tests."""

    column: Name
    in_: tuple[int | str | bool, ...] | None = Field(default=None, alias="in")
    not_in: tuple[int | str | bool, ...] | None = None
    filled: bool | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        exactly_one(f"only_if {self.column}", **{"in": self.in_}, not_in=self.not_in, filled=self.filled)
        return self

    def holds(self, value: object) -> bool:
        """Whether the account passes."""
        if self.in_ is not None:
            return value in self.in_
        if self.not_in is not None:
            return value not in self.not_in
        return (value not in (None, "")) == self.filled


class Hold(Entry):
    """The hold: the field that blocks a customer, and the value that blocks it."""

    field: Name
    blocked: str
