"""Looks up the values of an account that go through mapping tables, and the labels of its choices.

A value is never guessed: without exactly one row with a code that the ERP knows, the account is parked.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.model.account import Account
from shared.model.faults import AccountFault
from shared.model.field_map import FieldMap
from shared.model.field_source import MappedField
from shared.model.mapping import MappingTable
from shared.model.outcome import Cause, Problem
from shared.ports.mappings import CurrencyMappings, OptionLabels
from shared.sync.desired_customer import key_of, only_code

type Keys = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class TableValues:
    """Looks up by one field map. `tables` are its mapping tables by name, without that of currencies."""

    field_map: FieldMap
    tables: Mapping[str, CurrencyMappings]
    labels: OptionLabels
    knows: Callable[[str, str], Awaitable[bool | None]]

    async def keys(self, account: Account, *, fresh: bool) -> tuple[Keys, Mapping[str, str]]:
        """Return the keys under which each value is looked up by field, and the labels of the other fields.

        A choice has two keys, its label and its number. Raises AccountFault for a value that cannot be a key.
        """
        fields, labels = dict[str, tuple[str, ...]](), dict[str, str]()
        for name, entry in self.field_map.looked_up.items():
            value = account.columns.get(entry.path)
            if value is None or not str(value).strip():
                continue
            texts = await self._texts(name, entry, value, fresh=fresh)
            if entry.table is None:
                labels[name] = texts[0]
            else:
                fields[name] = tuple(dict.fromkeys(key_of(name, text) for text in texts))
        return fields, labels

    async def of(self, keys: Keys, *, fresh: bool) -> Mapping[str, str]:
        """Return the ERP's values by field; `fresh` reads the tables, not the copies in the process.

        Raises AccountFault for a value without a usable row or with a code that the ERP does not know.
        """
        return {field: await self._code(field, own, fresh=fresh) for field, own in keys.items()}

    async def _texts(self, name: str, entry: MappedField, value: object, *, fresh: bool) -> list[str]:
        """Return the texts that may stand in the mapping table for the value, the better first."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if not (entry.label and entry.column):
            return [text]
        label = (await self.labels.of(entry.column, fresh=fresh)).get(_number(name, value), "").strip()
        if not label and entry.table is None:
            raise AccountFault(Problem(Cause.UNMAPPED_VALUE, field=name, value=text))
        return [label, text] if label else [text]

    async def _code(self, field: str, keys: tuple[str, ...], *, fresh: bool) -> str:
        table = self.field_map.mapping_table(self.field_map.fields[field].table or "")
        for key in keys:
            if rows := await self.tables[table.name].look_up(key, fresh=fresh):
                code = only_code(rows, Problem(Cause.BAD_MAPPING, field=field, value=table.value(key)))
                if await self.knows(field, code) is False:
                    raise _fault(Cause.UNKNOWN_ERP_VALUE, field, table, code)
                return code
        raise _fault(Cause.UNMAPPED_VALUE, field, table, keys[0])


def _fault(cause: Cause, field: str, table: MappingTable, key: str) -> AccountFault:
    return AccountFault(Problem(cause, field=field, value=table.value(key)))


def _number(field: str, value: object) -> int:
    """Return the number of a choice's option."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise AccountFault(Problem(Cause.BAD_VALUE, field=field))
