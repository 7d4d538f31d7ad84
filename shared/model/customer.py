"""The customer as it is, or must be, in the ERP; and hashes that stand for its values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

type FieldValue = str | int | Decimal

_BYTES = 8


@dataclass(frozen=True, slots=True)
class CustomerKey:
    """A customer's number within its legal entity (company).

    If `by` names a field, `number` is that field's value: the second key, which finds a customer whose number
    the ERP assigns. `id` is the ERP's own stable id of the customer, if the ERP has one and it is known: then
    the customer is read and written by it, whatever its number is now. Keys are compared without it.
    """

    company: str
    number: str
    by: str = ""
    id: str = field(default="", compare=False)

    @property
    def folded(self) -> "CustomerKey":
        """Return the key as the ERP compares it: trimmed and without case."""
        return CustomerKey(self.company.strip().upper(), self.number.strip().upper(), self.by)

    def same_as(self, other: "CustomerKey") -> bool:
        """Whether the ERP finds the same customer under both keys."""
        return self.folded == other.folded

    def __str__(self) -> str:
        """As people write it: company/number."""
        return f"{self.company}/{self.by}={self.number}" if self.by else f"{self.company}/{self.number}"


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer found in the ERP, with the fields that were read."""

    key: CustomerKey
    fields: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True)
class CustomerBody:
    """The customer that the ERP must have for one account: all mapped fields, nothing else."""

    key: CustomerKey
    fields: Mapping[str, FieldValue]


def same_value(ours: FieldValue, theirs: FieldValue | None, *, code: bool = False) -> bool:
    """Whether the ERP's value equals ours.

    The ERP removes trailing blanks, returns "" for an empty value, and 10 for 10.00. It stores a `code`
    trimmed and in upper case.
    """
    if isinstance(ours, str):
        return stored_text(ours, code=code) == stored_text("" if theirs is None else str(theirs), code=code)
    if theirs is None or isinstance(theirs, str):
        return False
    return Decimal(ours) == Decimal(theirs)


def stored_text(text: str, *, code: bool) -> str:
    """Return the text as the ERP stores it."""
    return text.strip().upper() if code else text.rstrip()


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Makes 64-bit hashes with a secret key. `key_id` identifies the key without revealing it.

    `codes` are the fields whose values the ERP stores trimmed and in upper case.
    """

    key: bytes
    key_id: str
    codes: frozenset[str] = frozenset()

    @classmethod
    def under(cls, secret: str, codes: frozenset[str] = frozenset()) -> "Fingerprints":
        """Make hashes with the key derived from `secret`."""
        key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"fingerprint-key").digest()
        return cls(key, hashlib.blake2b(key, digest_size=4, person=b"fingerprint-id").hexdigest(), codes)

    def of(self, field: str, value: FieldValue) -> str:
        """Return the hash of one field's value, 16 hexadecimal digits. Equal numbers have equal hashes."""
        if isinstance(value, str):
            canonical = stored_text(value, code=field in self.codes)
        else:
            canonical = f"{Decimal(value).normalize() + 0:f}"
        # `dumps` of two texts takes a third of the time that it takes for their list.
        data = f"[{json.dumps(field)}, {json.dumps(canonical)}]".encode()
        return hashlib.blake2b(data, key=self.key, digest_size=_BYTES).hexdigest()

    def of_whole(self, fields: Mapping[str, FieldValue]) -> str:
        """Return one hash of all fields together."""
        data = json.dumps(sorted(self.of_all(fields).items())).encode()
        return hashlib.blake2b(data, key=self.key, digest_size=_BYTES).hexdigest()

    def of_all(self, fields: Mapping[str, FieldValue]) -> dict[str, str]:
        """Return the hash of each field."""
        return {name: self.of(name, value) for name, value in fields.items()}

    def same(self, field: str, ours: FieldValue, theirs: FieldValue | None) -> bool:
        """Whether the ERP's value of the field equals ours."""
        return same_value(ours, theirs, code=field in self.codes)


class Waiting(NamedTuple):
    """The accounts that wait for a customer's number, and the version of the owner row that lists them."""

    accounts: frozenset[UUID]
    version: str
