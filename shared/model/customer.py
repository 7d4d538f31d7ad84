"""The customer as it stands, or is to stand, in the ERP; and hashes that remember its values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

type FieldValue = str | int | Decimal

_BYTES = 8


@dataclass(frozen=True, slots=True)
class CustomerKey:
    """A customer's number within its legal entity (company).

    `by` names another field that `number` is the value of: the second key under which a customer is found
    whose own number the ERP assigns.
    """

    company: str
    number: str
    by: str = ""

    @property
    def folded(self) -> "CustomerKey":
        """The key as the ERP compares it: trimmed, and without regard to case."""
        return CustomerKey(self.company.strip().upper(), self.number.strip().upper(), self.by)

    def same_as(self, other: "CustomerKey") -> bool:
        """Whether the ERP would find the same customer under both."""
        return self.folded == other.folded

    def __str__(self) -> str:
        """As people write it: company/number."""
        return f"{self.company}/{self.by}={self.number}" if self.by else f"{self.company}/{self.number}"


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer found in the ERP, with the fields that were asked for."""

    key: CustomerKey
    fields: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class CustomerBody:
    """What shall stand in the ERP for one account: the whole of the mapped fields, nothing else."""

    key: CustomerKey
    fields: Mapping[str, FieldValue]
    currency_key: str | None = None


def same_value(ours: FieldValue, theirs: FieldValue | None) -> bool:
    """Whether a value in the ERP is ours.

    The ERP keeps no trailing blanks, answers "" for an empty string, and sends 10 where 10.00 was given.
    """
    if isinstance(ours, str):
        return ours.rstrip() == ("" if theirs is None else str(theirs).rstrip())
    if theirs is None or isinstance(theirs, str):
        return False
    return Decimal(ours) == Decimal(theirs)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Hashes of 64 bits under a secret key; `key_id` tells keys apart without giving them away."""

    key: bytes
    key_id: str

    @classmethod
    def under(cls, secret: str) -> "Fingerprints":
        """Hashes under the key derived from `secret`."""
        key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"fingerprint-key").digest()
        return cls(key, hashlib.blake2b(key, digest_size=4, person=b"fingerprint-id").hexdigest())

    def of(self, field: str, value: FieldValue) -> str:
        """The hash of one field's value, 16 hexadecimal digits. Equal numbers have equal hashes."""
        canonical = value.rstrip() if isinstance(value, str) else f"{Decimal(value).normalize() + 0:f}"
        data = json.dumps([field, canonical], ensure_ascii=True).encode()
        return hashlib.blake2b(data, key=self.key, digest_size=_BYTES).hexdigest()

    def of_whole(self, fields: Mapping[str, FieldValue]) -> str:
        """One hash of all the fields together."""
        data = json.dumps(sorted(self.of_all(fields).items())).encode()
        return hashlib.blake2b(data, key=self.key, digest_size=_BYTES).hexdigest()

    def of_all(self, fields: Mapping[str, FieldValue]) -> dict[str, str]:
        """The hash of each field."""
        return {name: self.of(name, value) for name, value in fields.items()}


class Owner(NamedTuple):
    """The account that owns a customer, and how: claimed, created or adopted (version 1: creating)."""

    account_id: UUID
    stage: str


class Waiting(NamedTuple):
    """The accounts that wait for a customer's number, and the version of the row that says so."""

    accounts: frozenset[UUID]
    version: str
