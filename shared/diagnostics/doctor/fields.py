"""Checks the fields that a field map writes against the ERP's description of them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from shared.diagnostics.doctor.columns import Tables
from shared.model.capabilities import Capabilities
from shared.model.description import FieldDescription, TargetDescription, ValueType
from shared.model.field_map import FieldMap
from shared.model.field_source import CUSTOMER, Column, MappedField
from shared.model.finding import Finding, Grade

_ACCOUNT_ID = 36  # characters
_REFUSED = "The ERP refuses every customer, so all accounts are parked."
_SOME = "Accounts with a longer value are refused by the ERP and parked, without any cut."
_NUMBER_TYPES = {ValueType.INTEGER, ValueType.DECIMAL}


@dataclass(frozen=True, slots=True)
class FieldRules:
    """A field map, the ERP as it is, and the tables of Sales; `settings` are the map's settings by name."""

    field_map: FieldMap
    erp: Capabilities
    described: TargetDescription
    tables: Tables
    settings: Mapping[str, str]

    def findings(self) -> Sequence[Finding]:
        """Return what is wrong with the fields; one finding that says so if nothing is."""
        found = [*self._key(), *self._block(), *self._lengths()]
        for name, entry in self.field_map.fields.items():
            found += self._entry(name, entry)
        if any(finding.grade is not Grade.NOT_CHECKED for finding in found):
            return found
        check, count = f"field map: fields of {self.erp.name}", len(self.field_map.names)
        return [Finding(check, Grade.FINE, f"All {count} fields exist, and take the map's values."), *found]

    def _key(self) -> Iterator[Finding]:
        key, used = self.field_map.key, self.erp.key_fields
        if self.described.keys != used:
            yield Finding(
                "field map: key",
                Grade.ERROR,
                f"The key of {self.described.entity} is {_list(self.described.keys)}, not {_list(used)}.",
                "The app cannot address a single customer.",
                "Correct `field` in [key] and [company], or the entity that the settings name.",
            )
        number = self.described.fields.get(key.field)
        if number is None:
            yield self._missing(key.field)
        elif not key.assigned_by_erp and number.max_length and key.max_length > number.max_length:
            yield self._short(key.field, number.max_length, key.max_length)
        if key.assigned_by_erp and key.second_key:
            yield from self._second_key(key.second_key)

    def _second_key(self, name: str) -> Iterator[Finding]:
        own = self.described.fields.get(name)
        if own is None:
            yield self._missing(name)
        elif own.type is not ValueType.TEXT or (own.max_length or _ACCOUNT_ID) < _ACCOUNT_ID:
            what = f'"{name}" is no text of {_ACCOUNT_ID} characters, which the id of an account needs.'
            remedy = "Name another field as second_key, or make this one longer."
            yield Finding(f"field map: {name}", Grade.ERROR, what, _REFUSED, remedy)

    def _block(self) -> Iterator[Finding]:
        hold = self.field_map.hold
        own = self.described.fields.get(hold.field)
        why = "The customer of a deleted or deactivated account is not blocked."
        if own is None or own.on_change is False:
            yield self._missing(hold.field, why) if own is None else self._fixed(hold.field, why)
        elif own.values is not None and hold.blocked not in own.values:
            what = f'"{hold.field}" has no value "{hold.blocked}".'
            remedy = f"Correct `blocked` in [hold]; the values are {_list(own.values)}."
            yield Finding(f"field map: {hold.field}", Grade.ERROR, what, why, remedy)
        elif own.values is None:
            what = f'{self.erp.name} does not tell the values of "{hold.field}".'
            remedy = f'Make sure that the field takes "{hold.blocked}".'
            yield Finding(
                f"field map: {hold.field}",
                Grade.NOT_CHECKED,
                what,
                f'If it takes no "{hold.blocked}": {why}',
                remedy,
            )

    def _lengths(self) -> Iterator[Finding]:
        """Say once that the ERP tells no lengths: no text field that the map uses has one."""
        used = [self.described.fields.get(name) for name in self.field_map.fields]
        texts = [own for own in used if own and own.type is ValueType.TEXT]
        if texts and not any(own.max_length for own in texts):
            yield Finding(
                f"field map: lengths of {self.erp.name}",
                Grade.NOT_CHECKED,
                f"{self.erp.name} does not tell how long its texts may be.",
                _SOME,
                "Compare `max_length` of each field in the field map with the field in the ERP.",
            )

    def _entry(self, name: str, entry: MappedField) -> Iterator[Finding]:
        own = self.described.fields.get(name)
        if own is None:
            yield self._missing(name)
        elif own.on_change is False and (entry.column or own.on_create is False):
            yield self._fixed(name, "One field that may not be changed makes the ERP refuse all others too.")
        elif _other_type(entry, own):
            what = f'"{name}" is a {own.type}, and the field map sends a {_sent_type(entry)}.'
            yield Finding(
                f"field map: {name}", Grade.ERROR, what, _REFUSED, "Correct `type` in the field map."
            )
        else:
            yield from self._values(name, entry, own)
            yield from self._length(name, entry, own)

    def _values(self, name: str, entry: MappedField, own: FieldDescription) -> Iterator[Finding]:
        sent = [text for text in self._fixed_texts(entry) if text]
        if own.values is not None and (unknown := sorted({*sent} - own.values)):
            what = f'"{name}" has no value {", ".join(unknown)}.'
            remedy = f"Correct the field map or its setting; the values are {_list(own.values)}."
            why = "Accounts with this value are refused and parked." if entry.via else _REFUSED
            yield Finding(f"field map: {name}", Grade.ERROR, what, why, remedy)

    def _length(self, name: str, entry: MappedField, own: FieldDescription) -> Iterator[Finding]:
        longest = self._longest(entry)
        if not own.max_length or not longest or longest <= own.max_length:
            return
        if entry.column:
            yield self._short(name, own.max_length, longest)
        else:
            what = f'"{name}" takes {own.max_length} characters, and its value has {longest}.'
            remedy = f"Shorten the value of {entry.setting or 'the constant in the field map'}."
            yield Finding(f"field map: {name}", Grade.ERROR, what, _REFUSED, remedy)

    def _longest(self, entry: MappedField) -> int | None:
        """Return how long a value may be that the map lets through; None if that is not known."""
        if entry.column is None or entry.value_map:
            longest = max(map(len, self._fixed_texts(entry)), default=0)
        elif entry.via == CUSTOMER:
            return entry.max_length or self.field_map.key.max_length
        elif entry.via or entry.label or entry.type != "text":
            return entry.max_length
        else:
            column = self.tables.described(Column(column=entry.column, lookup=entry.lookup))
            longest = column.max_length if column else None
        if entry.max_length is None or entry.constant is not None:
            return longest
        return min(longest or entry.max_length, entry.max_length)

    def _fixed_texts(self, entry: MappedField) -> list[str]:
        """Return the texts that the map can send, where they do not come from the account itself."""
        if entry.constant is not None:
            return [str(entry.constant)]
        if entry.setting is not None:
            return [self.settings.get(entry.setting, "")]
        if entry.value_map:
            return [*self.field_map.value_maps[entry.value_map].values()]
        return []

    def _missing(self, name: str, why: str = _REFUSED) -> Finding:
        meant = get_close_matches(name, self.described.fields, 1)
        hint = f' Did you mean "{meant[0]}"?' if meant else ""
        remedy = f"Correct the field map, or add the field to {self.described.entity} in the ERP.{hint}"
        what = f'{self.erp.name} has no field "{name}" in {self.described.entity}.'
        return Finding(f"field map: {name}", Grade.ERROR, what, why, remedy)

    def _fixed(self, name: str, why: str) -> Finding:
        what = f'{self.erp.name} does not let "{name}" change.'
        remedy = "Take the field out of the field map, or make it editable in the ERP."
        return Finding(f"field map: {name}", Grade.ERROR, what, why, remedy)

    def _short(self, name: str, takes: int, sent: int) -> Finding:
        what = f'"{name}" takes {takes} characters, and the field map lets {sent} through.'
        remedy = f'Set max_length = {takes} there; on_too_long = "truncate" cuts longer texts of [fields].'
        return Finding(f"field map: {name}", Grade.WARNING, what, _SOME, remedy)


def _sent_type(entry: MappedField) -> ValueType:
    if entry.type == "integer" or isinstance(entry.constant, int):
        return ValueType.INTEGER
    return ValueType.DECIMAL if entry.type == "decimal" else ValueType.TEXT


def _other_type(entry: MappedField, own: FieldDescription) -> bool:
    """Whether the ERP certainly takes no value of the map's type."""
    match _sent_type(entry):
        case ValueType.INTEGER:
            return own.type in {ValueType.TEXT, ValueType.CHOICE, ValueType.YES_NO}
        case ValueType.DECIMAL:
            return own.type not in {ValueType.DECIMAL, ValueType.OTHER}
        case _:
            return own.type in {*_NUMBER_TYPES, ValueType.YES_NO}


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
