"""The customer as it stands, or shall stand, in Operations."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

type FieldValue = str | int | Decimal


@dataclass(frozen=True, slots=True)
class CustomerKey:
    """A customer's number within its legal entity (`dataAreaId`).

    `by` names another field that `number` is the value of: the second key under which a customer is found
    whose own number Operations assigns.
    """

    company: str
    number: str
    by: str = ""

    @property
    def folded(self) -> "CustomerKey":
        """The key as Operations compares it: trimmed, and without regard to case."""
        return CustomerKey(self.company.strip().upper(), self.number.strip().upper(), self.by)

    def same_as(self, other: "CustomerKey") -> bool:
        """Whether Operations would find the same customer under both."""
        return self.folded == other.folded

    def __str__(self) -> str:
        """As people write it: company/number."""
        return f"{self.company}/{self.by}={self.number}" if self.by else f"{self.company}/{self.number}"


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer found in Operations, with the fields that were asked for."""

    key: CustomerKey
    fields: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class CustomerBody:
    """What shall stand in Operations for one account: the whole of the mapped fields, nothing else."""

    key: CustomerKey
    fields: Mapping[str, FieldValue]
    currency_key: str | None = None


def same_value(ours: FieldValue, theirs: FieldValue | None) -> bool:
    """Whether a value in Operations is ours.

    Operations keeps no trailing blanks, answers "" for an empty string, and sends 10 where 10.00 was given.
    """
    if isinstance(ours, str):
        return ours.rstrip() == ("" if theirs is None else str(theirs).rstrip())
    if theirs is None or isinstance(theirs, str):
        return False
    return Decimal(ours) == Decimal(theirs)
