"""Checks that a mapping table is complete and right, and that of currencies for those that accounts use.

What is wrong with a row is found by `shared/mappings/review.py`, as in `accountsync mapping check`. This
check adds how many accounts each value stops: Sales tells how many have a currency, the table AccountSync how
many are parked for another value. All are warnings: the app works, and what a row stops is
parked with its cause until finance has corrected the table.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.diagnostics.doctor.field_map import not_checked
from shared.mappings.findings import Finding as Reviewed
from shared.mappings.findings import Kind
from shared.mappings.review import Review, missing
from shared.model.account import AccountCurrency
from shared.model.description import CurrencyUse
from shared.model.faults import Fault, System, TransientFault
from shared.model.finding import Finding, Grade
from shared.model.mapping import CURRENCIES, MappingTable
from shared.model.mapping_edit import MappingRow, key_or_none
from shared.ports.mappings import CurrencyMappings
from shared.ports.metadata import SalesMetadata

LONGEST_COUNT = 15.0  # seconds; the accounts of AccountSync are read
_STOPS = {Kind.DUPLICATE, Kind.EMPTY_CODE, Kind.LONG_CODE, Kind.UNKNOWN_CODE}
_WARNS: Mapping[Kind, str] = {
    Kind.BAD_NAME: "No account can have a {noun} of this name, so the row is of no use.",
    Kind.CODE_CASE: "The code is sent as it is written, and another case may be refused.",
    Kind.OTHER_ISO_CODE: "Customers may get a wrong currency.",
}
_REMEDIES: Mapping[Kind, str] = {
    Kind.DUPLICATE: "Remove all rows but one: `{check}` lists them.",
    Kind.UNKNOWN_CODE: "Correct the code with `{edit}`, or add the {noun} to the ERP.",
    Kind.BAD_NAME: "Remove the row from the table {table}.",
    Kind.OTHER_ISO_CODE: "If the code is wrong, correct it with `{edit}`.",
    Kind.NOT_MAPPED: "Add the row with `{edit}`; the parked accounts are then checked again.",
}
_NOBODY = CurrencyUse(AccountCurrency(""), 0)


@dataclass(frozen=True, slots=True)
class MappingsCheck:
    """`needed`: whether the field map takes a currency from the table; `longest_code`: of a code."""

    mappings: CurrencyMappings
    review: Review
    sales: SalesMetadata
    longest_code: int
    needed: bool = True

    @property
    def name(self) -> str:
        """The name of the check."""
        return name_of(self.review.of)

    async def check(self) -> Sequence[Finding]:
        """Read the table, the ERP's codes and the currencies in use, and compare."""
        if not self.needed:
            return [Finding(self.name, Grade.FINE, "The field map sends no currency.")]
        try:
            table = await self.mappings.rows()
        except Fault as fault:
            return [not_checked(self.name, fault)]
        uses, found = None, list[Finding]()
        try:
            uses = await self._uses()
        except Fault as fault:
            what = "currencies" if self.review.of.of_currencies else "values"
            found.append(not_checked(f"{self.name}: {what} in use", fault))
        reviewed = await self.review.table(table, self.longest_code)
        return [*compare(table, uses, reviewed, self.review.of), *found]

    async def _uses(self) -> Sequence[CurrencyUse]:
        """Return the currencies of the accounts in Sales, or the values that accounts are parked for."""
        if self.review.of.of_currencies:
            return await self.sales.used_currencies()
        try:
            async with asyncio.timeout(LONGEST_COUNT):
                known = (await self.review.effect()).by_key
        except TimeoutError as error:
            reason = f"the accounts were not counted within {LONGEST_COUNT:.0f} s"
            raise TransientFault(System.TABLES, reason) from error
        parked = {key: usage.parked for key, usage in known.items() if usage.parked}
        return [CurrencyUse(AccountCurrency(key), count, at_least=True) for key, count in parked.items()]


def name_of(table: MappingTable) -> str:
    """Name the check of a mapping table."""
    return "currency mapping" if table.of_currencies else f"mapping {table.name}"


def without_values(finding: Finding) -> Finding:
    """Return a finding about a row of a mapping table without the row's name and code; others as they are."""
    table, of_row, _ = finding.check.partition(": ")
    of_table = table == name_of(CURRENCIES) or table.startswith("mapping ")
    if not (of_table and of_row and finding.grade is Grade.WARNING):
        return finding
    return replace(finding, check=table, what="A row is missing or wrong; your role does not show which.")


def compare(
    table: Sequence[MappingRow],
    uses: Sequence[CurrencyUse] | None,
    reviewed: Sequence[Reviewed],
    of: MappingTable = CURRENCIES,
) -> Sequence[Finding]:
    """Return what is wrong with the table, with the accounts that it stops; one finding if nothing is.

    `uses` is None if it is not known which currencies are in use.
    """
    by_name = {key_or_none(use.currency.name): use for use in uses or ()}
    in_use = () if of.labels else uses or ()  # choices are compared by the review
    unmapped = {row.mapped.crm for row in missing(table, [use.currency for use in in_use])}
    found = [_unmapped(use, of) for use in in_use if use.currency.name in unmapped]
    stops = _STOPS if of.of_currencies else {*_STOPS, Kind.NOT_MAPPED}
    stopping = {review.name for review in reviewed if review.kind in stops}
    for review in reviewed:
        if review.kind is Kind.NOT_CHECKED:
            remedy = "Run the doctor again when the system answers."
            found.append(Finding(f"{name_of(of)}: codes", Grade.NOT_CHECKED, review.message, "", remedy))
        elif review.kind in stops or (review.kind in _WARNS and review.name not in stopping):
            stopped = None if uses is None else by_name.get(key_or_none(review.name)) or _NOBODY
            found.append(_wrong(review, stopped, of))
    if any(finding.grade is not Grade.NOT_CHECKED for finding in found):
        return found
    every = f"All {len(uses or ())} currencies in use have a row."
    what = every if uses and of.of_currencies else "All rows of the table are right."
    return [Finding(name_of(of), Grade.FINE, what), *found]


def _unmapped(use: CurrencyUse, of: MappingTable) -> Finding:
    name = use.currency.name
    return Finding(
        f"{name_of(of)}: {name}",
        Grade.WARNING,
        f'The {of.noun} "{name}" has no row in {of.stored_in}.',
        f"It stops {_accounts(use)}: each is parked when it is checked.",
        _remedy(Kind.NOT_MAPPED, of),
    )


def _wrong(review: Reviewed, use: CurrencyUse | None, of: MappingTable) -> Finding:
    """Return the finding of a row. One that no account uses stops nobody yet; None: that is not known."""
    if review.kind in _WARNS:
        why = _WARNS[review.kind].format(noun=of.noun)
    elif use is None or use.accounts:
        why = f"It stops {_accounts(use) if use else 'its accounts'}: each is parked when it is checked."
    else:
        nobody = "No account uses the currency yet" if of.of_currencies else "No account is parked for it yet"
        why = f"{nobody}; one that has it would be parked."
    row = review.name.strip() or "a row without a name"
    return Finding(f"{name_of(of)}: {row}", Grade.WARNING, review.message, why, _remedy(review.kind, of))


def _remedy(kind: Kind, of: MappingTable) -> str:
    texts = {"check": of.command("check"), "edit": f"{of.command('set')} NAME CODE"}
    told = _REMEDIES.get(kind, "Correct the code with `{edit}`.")
    return told.format(**texts, noun=of.noun, table=of.stored_in)


def _accounts(use: CurrencyUse) -> str:
    count = f"at least {use.accounts:,}" if use.at_least else f"{use.accounts:,}"
    return f"{count} active account" + ("" if use.accounts == 1 and not use.at_least else "s")
