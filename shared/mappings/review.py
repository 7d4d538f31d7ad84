"""Compares a mapping table with the ERP and Sales, and counts the accounts that a change affects.

Reads only. A system that cannot be read becomes a finding. So a person with access to the table alone can
work, and with `--strict` everything was certainly checked.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.mappings.findings import Finding, Kind
from shared.mappings.plan import Plan, by_key
from shared.mappings.sheet import WantedRow
from shared.model.account import AccountCurrency
from shared.model.faults import Fault
from shared.model.mapping import CURRENCIES, MappingTable, Usage, currency_key
from shared.model.mapping_edit import Mapped, MappingRow, RowChange, key_or_none
from shared.ports import SalesInquiry, SyncStates, Target
from shared.ports.mappings import OptionLabels

_ISO_4217 = re.compile("[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Effect:
    """The accounts that a plan affects: accounts to update in the ERP, and parked accounts to release."""

    by_key: Mapping[str, Usage]

    def of(self, change: RowChange) -> Usage:
        """Return the accounts of one row's currency."""
        return self.by_key.get(key_or_none(change.mapped.crm) or "", Usage())


@dataclass(frozen=True, slots=True)
class Review:
    """Reads both systems for one table; `labels` are those of Sales' choices, if the table has any."""

    target: Target
    sales: SalesInquiry
    states: SyncStates
    of: MappingTable = CURRENCIES
    labels: OptionLabels | None = None

    async def rows(self, rows: Iterable[WantedRow]) -> list[Finding]:
        """Return warnings about codes, each with its row number."""
        rows = list(rows)
        if not self.of.of_currencies:
            return await self._unknown_codes(rows)
        findings = [_not_iso(row) for row in rows if not _ISO_4217.fullmatch(row.mapped.ax)]
        findings += await self._unknown_codes(rows)
        try:
            iso_codes = _iso_codes(await self.sales.currencies())
        except Fault as fault:
            return [*findings, _not_checked("the ISO codes of Sales", fault)]
        return findings + [
            _other_iso(row, iso)
            for row in rows
            if (iso := iso_codes.get(currency_key(row.mapped.crm))) and iso != row.mapped.ax.upper()
        ]

    async def corrected(self, rows: Iterable[WantedRow]) -> tuple[list[WantedRow], list[Finding]]:
        """Return the rows with their codes in the upper and lower case of the ERP, and the corrections."""
        rows = list(rows)
        codes = {row.mapped.ax for row in rows if row.mapped.ax != row.mapped.ax.upper()}
        if not self.of.of_currencies:
            return rows, []  # in other tables of the ERP, both cases may be right
        try:
            wrong = {code for code in codes if await self.target.knows_currency(code.upper())}
        except Fault:
            return rows, []  # said by `rows`
        findings = [_wrong_case(row, self._erp) for row in rows if row.mapped.ax in wrong]
        return [_in_capitals(row) if row.mapped.ax in wrong else row for row in rows], findings

    async def table(self, table: Sequence[MappingRow], longest_code: int) -> list[Finding]:
        """Return all that is wrong with the table as it is, also currencies of Sales that it lacks."""
        findings: list[Finding] = []
        good: list[WantedRow] = []
        for key, group in by_key(table).items():
            name, code = group[0].mapped.crm, group[0].mapped.ax.strip()
            if group[0].key is None:
                findings.append(
                    Finding(Kind.BAD_NAME, f'The row "{group[0].row_key}" has no usable name.', name=name)
                )
            elif len(group) > 1:
                message = f'{len(group)} rows are of the {self.of.noun} "{key}"; keep one.'
                findings.append(Finding(Kind.DUPLICATE, message, name=name))
            elif not code:
                findings.append(Finding(Kind.EMPTY_CODE, f'"{name}" has no code.', name=name))
            elif len(code) > longest_code:
                message = f'The code "{code[:20]}" of "{name}" is longer than {longest_code} characters.'
                findings.append(Finding(Kind.LONG_CODE, message, name=name))
            else:
                good.append(WantedRow(None, group[0].mapped))
        proper, wrong_case = await self.corrected(good)
        reviewed = [*wrong_case, *await self.rows(proper)]
        findings += [Finding(found.kind, found.message, name=found.name) for found in reviewed]
        return findings + await self._not_mapped(table)

    @property
    def _erp(self) -> str:
        return self.target.capabilities.name

    async def effect(self) -> Effect:
        """Count the accounts of each value."""
        return Effect(await self.states.usage(self.of))

    async def _unknown_codes(self, rows: Sequence[WantedRow]) -> list[Finding]:
        codes = dict.fromkeys(row.mapped.ax for row in rows)
        try:
            unknown = {code for code in codes if not await self._knows(code)}
        except Fault as fault:
            what = "currencies" if self.of.of_currencies else "codes"
            return [_not_checked(f"the {what} of {self._erp}", fault)]
        what = "currency " if self.of.of_currencies else ""
        return [_unknown(row, f"{self._erp} has no {what}") for row in rows if row.mapped.ax in unknown]

    async def _knows(self, code: str) -> bool:
        """Whether the ERP has the code, as far as it shows a list."""
        if self.of.of_currencies:
            return await self.target.knows_currency(code)
        return all([await self.target.knows_value(field, code) is not False for field in self.of.fields])

    async def _not_mapped(self, table: Sequence[MappingRow]) -> list[Finding]:
        if not self.of.of_currencies:
            return await self._labels_not_mapped(table)
        try:
            currencies = await self.sales.currencies()
        except Fault:
            return []  # said already
        return [
            Finding(Kind.NOT_MAPPED, f'Sales has the currency "{name}", the table does not.', name=name)
            for name in (row.mapped.crm for row in missing(table, currencies))
        ]

    async def _labels_not_mapped(self, table: Sequence[MappingRow]) -> list[Finding]:
        """Return a finding for each choice of Sales whose label and number are not in the table."""
        present, found, labels = by_key(table), dict[str, None](), self.labels
        if labels is None:
            return []
        try:
            for column in self.of.labels:
                for number, label in (await labels.of(column, fresh=True)).items():
                    if (key_or_none(label) or str(number)) not in present and str(number) not in present:
                        found[label or str(number)] = None
        except Fault as fault:
            return [_not_checked("the labels of Sales", fault)]
        return [
            Finding(Kind.NOT_MAPPED, f'Sales has the choice "{name}", the table does not.', name=name)
            for name in found
        ]


def missing(table: Sequence[MappingRow], currencies: Sequence[AccountCurrency]) -> list[WantedRow]:
    """Return the currencies of Sales that the table does not have, with their ISO codes."""
    present = by_key(table)
    rows = proposed(currencies)
    return [row for row in rows if key_or_none(row.mapped.crm) not in present]


def proposed(currencies: Sequence[AccountCurrency]) -> list[WantedRow]:
    """Return the rows that the currencies of Sales would give."""
    ordered = sorted(currencies, key=lambda currency: currency.name.casefold())
    return [WantedRow(None, Mapped(currency.name, currency.iso_code or "")) for currency in ordered]


def released(plan: Plan, effect: Effect) -> int:
    """Count the parked accounts that the plan releases: their currency has a good row afterwards."""
    bad = {finding.name for finding in plan.findings if finding.kind is Kind.UNKNOWN_CODE}
    good = (change.after.crm for change in plan.changes if change.after and change.after.crm not in bad)
    keys = {key_or_none(name) for name in good}
    return sum(effect.by_key.get(key or "", Usage()).parked for key in keys)


def affected(plan: Plan, effect: Effect) -> int:
    """Count the accounts of the currencies whose rows the plan changes."""
    keys = {key_or_none(change.mapped.crm) for change in plan.changes}
    return sum(effect.by_key.get(key or "", Usage()).accounts for key in keys)


def _iso_codes(currencies: Iterable[AccountCurrency]) -> dict[str, str]:
    named = ((key_or_none(currency.name), currency.iso_code) for currency in currencies)
    return {key: code.upper() for key, code in named if key and code}


def _not_iso(row: WantedRow) -> Finding:
    message = f'The code "{row.mapped.ax}" is not three capital letters, as ISO 4217 has them.'
    return Finding(Kind.NOT_ISO, message, row.number, row.mapped.crm)


def _unknown(row: WantedRow, lacks: str) -> Finding:
    message = f'{lacks}"{row.mapped.ax}" (for "{row.mapped.crm}").'
    return Finding(Kind.UNKNOWN_CODE, message, row.number, row.mapped.crm)


def _wrong_case(row: WantedRow, erp: str) -> Finding:
    name, code = row.mapped
    message = f'The code "{code}" of "{name}" is written "{code.upper()}" in {erp}.'
    return Finding(Kind.CODE_CASE, message, row.number, name)


def _in_capitals(row: WantedRow) -> WantedRow:
    return row._replace(mapped=row.mapped._replace(ax=row.mapped.ax.upper()))


def _other_iso(row: WantedRow, iso: str) -> Finding:
    message = f'Sales has the ISO code {iso} for "{row.mapped.crm}", not {row.mapped.ax}.'
    return Finding(Kind.OTHER_ISO_CODE, message, row.number, row.mapped.crm)


def _not_checked(what: str, fault: Fault) -> Finding:
    return Finding(Kind.NOT_CHECKED, f"Not compared with {what}: {fault}")
