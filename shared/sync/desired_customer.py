"""Builds the customer that the ERP must have for an account, by the field map. Pure.

All values are built before anything is written. A value that is missing or does not fit raises `AccountFault`
with the field and the cause, never with a text of the customer.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import NamedTuple, Protocol

from shared.model.account import Account
from shared.model.customer import CustomerBody, CustomerKey, FieldValue
from shared.model.faults import AccountFault
from shared.model.field_map import FieldMap
from shared.model.field_source import CURRENCY, MappedField
from shared.model.mapping import CurrencyMapping, currency_key, fold
from shared.model.outcome import Cause, Problem
from shared.model.state import NO_KEYS, NOTHING
from shared.ports.mappings import CurrencyMappings
from shared.sync.parents import FindParents


class Keys(NamedTuple):
    """Under which keys the account's values are looked up: of its currency, and of fields with other tables.

    `labels` are the labels of choices that go through no table.
    """

    currency: str | None = None
    fields: Mapping[str, tuple[str, ...]] = NO_KEYS
    labels: Mapping[str, str] = NOTHING


class OtherValues(Protocol):
    """What looks up the values that go through other tables than that of currencies, and labels."""

    async def keys(
        self, account: Account, *, fresh: bool
    ) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, str]]:
        """Return the keys by field, and the labels."""
        ...

    async def of(self, keys: Mapping[str, tuple[str, ...]], *, fresh: bool) -> Mapping[str, str]:
        """Return the ERP's values by field."""
        ...


@dataclass(frozen=True, slots=True)
class MappedValues:
    """Looks up the values of an account that go through mapping tables. None is ever guessed.

    `others` is None if the field map has no other table than that of currencies, and no labels.
    """

    field_map: FieldMap
    currencies: CurrencyMappings
    knows: Callable[[str], Awaitable[bool]]
    others: OtherValues | None = None

    async def keys(self, account: Account, *, fresh: bool) -> Keys:
        """Return the keys of the account's values. Raises AccountFault for a value that cannot be a key."""
        currency = None
        if account.currency is not None and self.field_map.has_currency:
            currency = key_of("currencyname", account.currency.name)
        if self.others is None:
            return Keys(currency)
        return Keys(currency, *await self.others.keys(account, fresh=fresh))

    async def of(self, keys: Keys, *, fresh: bool) -> Mapping[str, str]:
        """Return the looked-up values by field; `fresh` reads the tables, not the copies in the process.

        Raises AccountFault for a value without a usable row or with a code that the ERP does not know.
        """
        found = dict(keys.labels)
        if keys.currency is not None:
            code = await self._currency(keys.currency, fresh=fresh)
            found |= {name: code for name, entry in self.field_map.fields.items() if entry.via == CURRENCY}
        return found | dict(await self.others.of(keys.fields, fresh=fresh)) if self.others else found

    async def _currency(self, key: str, *, fresh: bool) -> str:
        rows = await self.currencies.look_up(key, fresh=fresh)
        if not rows:
            raise AccountFault(Problem(Cause.UNMAPPED_CURRENCY, value=key))
        code = only_code(rows, Problem(Cause.BAD_MAPPING, value=key))
        if not await self.knows(code):
            raise AccountFault(Problem(Cause.UNKNOWN_ERP_CURRENCY, value=code))
        return code


def only_code(rows: Sequence[CurrencyMapping], otherwise: Problem) -> str:
    """Return the code of the only row. Raises AccountFault(otherwise) for several rows, or without a code."""
    code = rows[0].ax.strip()
    if len(rows) > 1 or not code:
        raise AccountFault(otherwise)
    return code


def key_of(field: str, text: str) -> str:
    """Return the key of a text in its mapping table. Raises AccountFault(BadValue) if it cannot be one."""
    try:
        return currency_key(text)
    except ValueError as error:
        raise AccountFault(Problem(Cause.BAD_VALUE, field=field)) from error


@dataclass(frozen=True)
class BuildCustomer:
    """Builds customers by one field map; `settings` are the values of the settings that the map names."""

    field_map: FieldMap
    settings: Mapping[str, str]

    def body(self, account: Account, mapped: Mapping[str, str]) -> CustomerBody:
        """Return the key and fields that the ERP must have for the account. Raises AccountFault.

        `mapped` are the values of fields that were looked up, such as in a mapping table.
        """
        key = self.key(account)
        fields: dict[str, FieldValue] = {key.by: key.number} if key.by else {}
        fields |= {
            name: self._value(name, entry, account, mapped) for name, entry in self.field_map.fields.items()
        }
        return CustomerBody(key, fields)

    def key(self, account: Account) -> CustomerKey:
        """Return the key under which the ERP must have the account's customer. Raises AccountFault."""
        company, second_key = self._company(account), self.field_map.key.second_key
        if self.field_map.key.assigned_by_erp and second_key:
            return CustomerKey(company, str(account.account_id), by=second_key)
        return CustomerKey(company, self._number(account))

    def _company(self, account: Account) -> str:
        company = self.field_map.company
        if company.setting:
            return self.settings[company.setting]
        path = f"{company.column}.{company.lookup}" if company.lookup else str(company.column)
        value = _text(company.field, account.columns.get(path))
        if not value:
            raise AccountFault(Problem(Cause.MISSING_VALUE, field=company.field, value=path))
        if company.values and value not in company.values:
            raise AccountFault(Problem(Cause.UNMAPPED_VALUE, field=company.field, value=value))
        return company.values.get(value, value)

    def _number(self, account: Account) -> str:
        key = self.field_map.key
        number = _text(key.field, account.columns.get(key.column or ""))
        if not number:
            raise AccountFault(Problem(Cause.NO_ACCOUNT_NUMBER, field=key.field))
        if _length(number) > key.max_length:
            raise AccountFault(Problem(Cause.VALUE_TOO_LONG, field=key.field))
        return number

    def _value(
        self, name: str, entry: MappedField, account: Account, mapped: Mapping[str, str]
    ) -> FieldValue:
        if entry.constant is not None:
            return entry.constant
        if entry.setting is not None:
            value: object = self.settings[entry.setting]
        elif entry.via == CURRENCY:
            value = mapped.get(name)
        else:
            value = mapped.get(name, account.columns.get(entry.path))
        if value is None or not str(value).strip():
            if entry.required:
                raise AccountFault(Problem(Cause.MISSING_VALUE, field=name, value=entry.path))
            return "" if entry.type == "text" else 0
        return self._converted(name, entry, value)

    def _converted(self, name: str, entry: MappedField, value: object) -> FieldValue:
        if entry.type != "text":
            return _number(name, entry, value)
        text = _text(name, value)
        if entry.value_map:
            text = self._mapped(name, entry.value_map, text)
        if entry.max_length and _length(text) > entry.max_length:
            if entry.on_too_long == "park":
                raise AccountFault(Problem(Cause.VALUE_TOO_LONG, field=name))
            text = _cut(text, entry.max_length)
        return text

    def _mapped(self, name: str, value_map: str, text: str) -> str:
        """Return the mapped value. A text that already is a result of the map is returned as that result."""
        mapped = self._value_maps[value_map].get(fold(text))
        if mapped is None:
            raise AccountFault(Problem(Cause.UNMAPPED_VALUE, field=name, value=text[:60]))
        return mapped

    @cached_property
    def _value_maps(self) -> Mapping[str, Mapping[str, str]]:
        return {
            name: {fold(result): result for result in entries.values()}
            | {fold(given): result for given, result in entries.items()}
            for name, entries in self.field_map.value_maps.items()
        }


def _text(field: str, value: object) -> str:
    """Return a value as text. Refuse half of a surrogate pair, which neither HTTP nor a table can carry."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case _:
            text = str(value).strip()
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AccountFault(Problem(Cause.BAD_VALUE, field=field)) from error
    return text


def _length(text: str) -> int:
    """Return the length as the ERP counts it: in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, length: int) -> str:
    """Cut a text to `length` UTF-16 units, without half characters."""
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore").rstrip()


def _number(name: str, entry: MappedField, value: object) -> FieldValue:
    try:
        number = Decimal(str(value))
        if not number.is_finite() or (entry.type == "integer" and number != int(number)):
            raise InvalidOperation
    except InvalidOperation as error:
        raise AccountFault(Problem(Cause.BAD_VALUE, field=name)) from error
    return int(number) if entry.type == "integer" else number


@dataclass(frozen=True, slots=True)
class ResolveCustomer:
    """Finds the customer that the ERP must have: the check, the preview and the comparison all use it."""

    mapped: MappedValues
    parents: FindParents
    build: BuildCustomer

    async def body(self, account: Account, keys: Keys, *, fresh: bool) -> CustomerBody:
        """Return the customer, after all look-ups. Raises AccountFault for what cannot be mapped."""
        mapped = await self.mapped.of(keys, fresh=fresh)
        if self.build.field_map.customer_fields:
            mapped = {**mapped, **await self.parents.numbers(account, self.build.key(account).company)}
        return self.build.body(account, mapped)
