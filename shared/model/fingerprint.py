"""Short keyed hashes of field values: what was sent is remembered without keeping personal data."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.model.customer import FieldValue

_BYTES = 8


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
