"""Translates values between the field map and NAV's page.

NAV stores the company's own currency as a blank code (table 18, field Currency Code). Servers that were
observed write the blank value of the option Blocked as `_x0020_`; whether all do is documented nowhere, so
a server gets the form that it writes.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from shared.model.customer import FieldValue
from shared.model.field_map import FieldMap
from shared.model.field_source import CURRENCY

_BLANKS = {"", " ", "_x0020_"}


class Values:
    """The values of one field map's fields; it remembers how the server writes a blank Blocked."""

    def __init__(self, field_map: FieldMap, local_currency: str | None) -> None:
        fields = field_map.fields
        self._names = (*sorted(field_map.names), field_map.hold.field)
        self._currencies = {name for name, entry in fields.items() if entry.via == CURRENCY}
        self._numbers = {name for name, entry in fields.items() if entry.type != "text"}
        self._hold = field_map.hold.field
        self._local = (local_currency or "").strip()
        self._blank: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that are read."""
        return self._names

    def is_local(self, code: str) -> bool:
        """Whether the code is that of the company's own currency."""
        return bool(self._local) and code.strip().upper() == self._local.upper()

    def to_send(self, fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        """Return the fields as NAV takes them, in their order."""
        return {name: self._outgoing(name, value) for name, value in fields.items()}

    def of_row(self, row: Mapping[str, Any]) -> dict[str, FieldValue]:
        """Return the mapped fields and the hold of a row, as far as it has them in a form that is known."""
        found = {name: self._incoming(name, row[name]) for name in self._names if name in row}
        return {name: value for name, value in found.items() if value is not None}

    def answered(
        self, sent: Mapping[str, FieldValue], read: Mapping[str, FieldValue]
    ) -> dict[str, FieldValue]:
        """Return the fields that a write confirms: those that were read after it, or else those sent."""
        # The hold counts only if it was sent: otherwise a person may have set it, and may lift it.
        found = {**sent, **read}
        return {name: value for name, value in found.items() if name in sent or name != self._hold}

    def _outgoing(self, name: str, value: FieldValue) -> FieldValue:
        if name in self._currencies and self.is_local(str(value)):
            return ""
        if name == self._hold and value in _BLANKS:
            return value if self._blank is None else self._blank
        return value

    def _incoming(self, name: str, value: object) -> FieldValue | None:
        if name in self._numbers:
            return _number(value)
        if value is None:
            value = ""
        if not isinstance(value, str | int | Decimal):
            return None
        if name == self._hold and value in _BLANKS:
            self._blank = str(value)
        if name in self._currencies and not str(value).strip() and self._local:
            return self._local
        return value


def _number(value: object) -> FieldValue | None:
    """Return a number, which V3 writes as a text."""
    if isinstance(value, int | Decimal):
        return value
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None
