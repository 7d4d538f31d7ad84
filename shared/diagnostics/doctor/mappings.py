"""Checks that the table CurrencyMapping is complete and right for the currencies that accounts use.

What is wrong with a row is found by `shared/mappings/review.py`, as in `accountsync currency check`. This
check adds how many accounts each currency stops. All are warnings: the app works, and what a row stops is
parked with its cause until finance has corrected the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.diagnostics.doctor.field_map import not_checked
from shared.mappings.findings import Finding as Reviewed
from shared.mappings.findings import Kind
from shared.mappings.review import Review, missing
from shared.model.account import AccountCurrency
from shared.model.description import CurrencyUse
from shared.model.faults import Fault
from shared.model.finding import Finding, Grade
from shared.model.mapping_edit import MappingRow, key_or_none
from shared.ports import CurrencyMappings
from shared.ports.metadata import SalesMetadata

_CHECK = "currency mapping"
_EDIT = "accountsync currency set NAME CODE"
_STOPS = {Kind.DUPLICATE, Kind.EMPTY_CODE, Kind.LONG_CODE, Kind.UNKNOWN_CODE}
_WARNS: Mapping[Kind, str] = {
    Kind.BAD_NAME: "No account can have a currency of this name, so the row is of no use.",
    Kind.CODE_CASE: "The code is sent as it is written, and another case may be refused.",
    Kind.OTHER_ISO_CODE: "Customers may get a wrong currency.",
}
_REMEDIES: Mapping[Kind, str] = {
    Kind.DUPLICATE: "Remove all rows but one: `accountsync currency check` lists them.",
    Kind.UNKNOWN_CODE: f"Correct the code with `{_EDIT}`, or add the currency to the ERP.",
    Kind.BAD_NAME: "Remove the row from the table CurrencyMapping.",
    Kind.OTHER_ISO_CODE: f"If the code is wrong, correct it with `{_EDIT}`.",
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

    async def check(self) -> Sequence[Finding]:
        """Read the table, the ERP's currencies and the currencies in use, and compare."""
        if not self.needed:
            return [Finding(_CHECK, Grade.FINE, "The field map sends no currency.")]
        try:
            table = await self.mappings.rows()
        except Fault as fault:
            return [not_checked(_CHECK, fault)]
        uses, found = None, list[Finding]()
        try:
            uses = await self.sales.used_currencies()
        except Fault as fault:
            found.append(not_checked(f"{_CHECK}: currencies in use", fault))
        reviewed = await self.review.table(table, self.longest_code)
        return [*compare(table, uses, reviewed), *found]


def compare(
    table: Sequence[MappingRow], uses: Sequence[CurrencyUse] | None, reviewed: Sequence[Reviewed]
) -> Sequence[Finding]:
    """Return what is wrong with the table, with the accounts that it stops; one finding if nothing is.

    `uses` is None if it is not known which currencies are in use.
    """
    by_name = {key_or_none(use.currency.name): use for use in uses or ()}
    unmapped = {row.mapped.crm for row in missing(table, [use.currency for use in uses or ()])}
    found = [_unmapped(use) for use in uses or () if use.currency.name in unmapped]
    stopping = {review.name for review in reviewed if review.kind in _STOPS}
    for review in reviewed:
        if review.kind is Kind.NOT_CHECKED:
            remedy = "Run the doctor again when the system answers."
            found.append(Finding(f"{_CHECK}: codes", Grade.NOT_CHECKED, review.message, "", remedy))
        elif review.kind in _STOPS or (review.kind in _WARNS and review.name not in stopping):
            stopped = None if uses is None else by_name.get(key_or_none(review.name)) or _NOBODY
            found.append(_wrong(review, stopped))
    if any(finding.grade is not Grade.NOT_CHECKED for finding in found):
        return found
    what = f"All {len(uses)} currencies in use have a row." if uses else "All rows of the table are right."
    return [Finding(_CHECK, Grade.FINE, what), *found]


def _unmapped(use: CurrencyUse) -> Finding:
    name = use.currency.name
    return Finding(
        f"{_CHECK}: {name}",
        Grade.WARNING,
        f'The currency "{name}" has no row in CurrencyMapping.',
        f"It stops {_accounts(use)}: each is parked when it is checked.",
        f"Add the row with `{_EDIT}`; the parked accounts are then checked again.",
    )


def _wrong(review: Reviewed, use: CurrencyUse | None) -> Finding:
    """Return the finding of a row. One that no account uses stops nobody yet; None: that is not known."""
    stops = review.kind in _STOPS and (use is None or use.accounts > 0)
    if stops:
        why = f"It stops {_accounts(use) if use else 'its accounts'}: each is parked when it is checked."
    else:
        why = _WARNS.get(review.kind, "No account uses the currency yet; one that does would be parked.")
    remedy = _REMEDIES.get(review.kind, f"Correct the code with `{_EDIT}`.")
    row = review.name.strip() or "a row without a name"
    return Finding(f"{_CHECK}: {row}", Grade.WARNING, review.message, why, remedy)


def _accounts(use: CurrencyUse) -> str:
    count = f"at least {use.accounts:,}" if use.at_least else f"{use.accounts:,}"
    return f"{count} active account" + ("" if use.accounts == 1 and not use.at_least else "s")
