"""The invariants of the customers: equal, single, and nobody's but their own account's."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.chaos.expected import differences, never_written, texts_of
from local.chaos.plan import label
from local.chaos.sales import Written
from local.chaos.standing import Row, Standing
from local.erps.erp import Erp

_LABEL, _DIGITS = re.compile(r"A\d{4,}"), re.compile(r"^\d{4,}")


@dataclass(frozen=True, slots=True)
class Truth:
    """What the users wrote, and the rows of Sales as they stand, by account id."""

    erp: Erp
    accounts: Mapping[int, Written]
    rows: Mapping[str, Mapping[str, Any]]
    assigned: bool


def unequal(truth: Truth, standing: Standing, *, parked_too: bool) -> Iterator[str]:
    """Each account whose customer is not as the account is; parked ones only if asked for."""
    by_number = {number_of(truth.erp, row): row for row in standing.customers}
    owners = owners_of(truth, standing)
    for number, written in truth.accounts.items():
        state = standing.states.get(written.id, {})
        if state.get("Phase") == "parked" and (not parked_too or _waits(truth, state, number, owners)):
            continue
        if number not in owners:
            yield from _without_customer(truth, standing, number, owners)
            continue
        customer = by_number.get(owners[number])
        for difference in _compare(truth, written, customer, owners):
            yield f"{label(number)} ({written.id}), customer {owners[number]}: {difference}"


def doubled(standing: Standing, truth: Truth) -> Iterator[str]:
    """Customers that stand twice, or that no account has."""
    numbers = Counter(number_of(truth.erp, row) for row in standing.customers)
    yield from (f"{number} stands {times} times" for number, times in numbers.items() if times > 1)
    owned = set(owners_of(truth, standing).values())
    yield from (f"{number} stands there, and no account knows it" for number in numbers.keys() - owned)
    if truth.assigned:
        ids = Counter(id_in(truth.erp, row) for row in standing.customers)
        yield from (f"account {found} has {times} customers" for found, times in ids.items() if times > 1)


def foreign(standing: Standing, truth: Truth) -> Iterator[str]:
    """Customers that carry another account's marks, or whose rows of ownership say otherwise."""
    owners = owners_of(truth, standing)
    for number, times in Counter(owners.values()).items():
        if times > 1:
            yield f"{times} accounts hold customer {number} for theirs"
    mark_of = {customer: label(account) for account, customer in owners.items()}
    id_of = {customer: truth.accounts[account].id for account, customer in owners.items()}
    for row in standing.customers:
        number = number_of(truth.erp, row)
        if (marks := marks_in(truth.erp, row)) - {mark_of.get(number)}:
            yield f"customer {number} of {mark_of.get(number)} carries marks of {sorted(marks)}"
        owner = standing.owners.get(number, {}).get("AccountId")
        if number in id_of and owner != id_of[number]:
            yield f"customer {number} of account {id_of[number]} is registered to {owner}"
        if truth.assigned and number in id_of and id_in(truth.erp, row) != id_of[number]:
            yield f"customer {number} of {id_of[number]} bears {id_in(truth.erp, row)}"


def number_of(erp: Erp, customer: Row) -> str:
    """The customer's number, as numbers are compared."""
    return customer[erp.fields.number].upper()


def id_in(erp: Erp, customer: Row) -> str:
    """The id of its account that the customer bears; a code field keeps it in upper case."""
    return customer[erp.id_field].lower()


def marks_in(erp: Erp, customer: Row) -> set[str]:
    """The accounts whose marks the customer's texts carry; a telephone number is marked by digits."""
    phone = {f"A{digits}" for digits in _DIGITS.findall(customer[erp.fields.phone])}
    return phone | {mark for name in texts_of(erp) for mark in _LABEL.findall(customer[name])}


@dataclass(slots=True)
class Marks:
    """Every mark that a customer ever was seen with; more than one is a foreign write, even if undone.

    A customer is known by the ERP's own id, where it has one: its number may pass to another customer.
    """

    erp: Erp
    seen: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))

    def add(self, customers: Iterable[Row]) -> None:
        """Take a look at the customers."""
        for row in customers:
            self.seen[row[self.erp.own_id or self.erp.fields.number]] |= marks_in(self.erp, row)

    def foreign(self) -> Iterator[str]:
        """Customers that were seen with the marks of two accounts."""
        for customer, marks in self.seen.items():
            if len(marks) > 1:
                yield f"customer {customer} was written by {sorted(marks)}"


def with_terms(truth: Truth, standing: Standing) -> int:
    """How many customers have payment terms."""
    name = truth.erp.fields.terms
    return sum(row[name] != truth.erp.stored(terms="")[name] for row in standing.customers)


def owners_of(truth: Truth, standing: Standing) -> dict[int, str]:
    """The account's customer, as the app knows it."""
    return {
        account: str(state["CustomerAccount"]).upper()
        for account, written in truth.accounts.items()
        if "CustomerAccount" in (state := standing.states.get(written.id, {}))
    }


def _compare(
    truth: Truth, written: Written, customer: Row | None, owners: Mapping[int, str]
) -> Iterator[str]:
    if customer is None:
        yield f"is missing in {truth.erp.title}"
    elif written.deleted:
        yield from never_written(truth.erp, written.versions, customer)
    else:
        row = truth.rows[written.id]
        yield from differences(truth.erp, row, customer)
        yield from _parent(truth, written, customer, owners)
        if truth.assigned and row["accountnumber"] != customer[truth.erp.fields.number]:
            yield f"the account has the number {row['accountnumber']!r}"


def _parent(truth: Truth, written: Written, customer: Row, owners: Mapping[int, str]) -> Iterator[str]:
    """The customer of another account, where it is not the parent's."""
    parent, name = written.columns.get("parent"), truth.erp.parent
    wanted = owners.get(parent, "none") if isinstance(parent, int) else ""
    if name and str(customer[name]).upper() != wanted:
        yield f"{name} is {customer[name]!r}, expected {wanted!r}"


def _waits(truth: Truth, state: Row, account: int, owners: Mapping[int, str]) -> bool:
    """Whether the account is rightly parked for its parent, which has no customer."""
    parent = truth.accounts[account].columns.get("parent")
    if not isinstance(parent, int) or parent in owners:
        return False
    return state.get("Issue") == f"ParentNotSynced|{truth.accounts[parent].id}"


def _without_customer(
    truth: Truth, standing: Standing, account: int, owners: Mapping[int, str]
) -> Iterator[str]:
    """Right for one that is gone or was never active, and for one whose number another account took first."""
    written = truth.accounts[account]
    if written.deleted or written.columns["statecode"] == 1:
        return
    state = standing.states.get(written.id, {})
    number = str(written.columns.get("accountnumber", "")).upper()
    taken = state.get("Phase") == "parked" and state.get("Issue") == "NumberTaken"
    if not (taken and number in owners.values()):
        where = f"{state.get('Phase')} {state.get('Issue', '')}".strip()
        yield f"{label(account)} ({written.id}) has no customer; it is {where}"
