"""Sales and Operations in memory, just enough of them for the pipeline; the exact ones are the simulators."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from uuid import UUID

from shared.field_maps import load_field_map
from shared.model.account import Account, AccountCurrency
from shared.model.capabilities import Capabilities
from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.description import FieldDescription, TargetDescription, ValueType
from shared.model.faults import AccountFault, CustomerAlreadyExists, CustomerNotFound, System
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause, Problem
from shared.model.state import Page
from shared.targets.keyset import page_after
from shared.targets.operations.capabilities import capabilities
from tests.fakes.clock import FakeClock

type Refuses = Callable[[str, UUID | CustomerKey], Exception | None]
"""The operation and what it is about -> what it is refused with, if it is."""


@dataclass
class FakeLabels:
    """Implements OptionLabels, without a copy; `trouble` is what a question is answered with."""

    columns: dict[str, dict[int, str]] = field(default_factory=dict)
    trouble: Exception | None = None

    async def of(self, column: str, *, fresh: bool) -> Mapping[int, str]:
        if self.trouble is not None:
            raise self.trouble
        return dict(self.columns.get(column, {}))


@dataclass
class FakeSales:
    """Implements AccountReader; `save` changes an account as a person would."""

    clock: FakeClock
    rows: dict[UUID, Account] = field(default_factory=dict)
    gone: dict[UUID, int] = field(default_factory=dict)
    modified: dict[UUID, datetime] = field(default_factory=dict)
    reads: int = 0
    version: int = 1000
    trouble: Exception | None = None
    refuses: Refuses = lambda _operation, _about: None

    def save(self, account_id: UUID, currency: str | None = None, /, **columns: object) -> None:
        self.version += 1
        self.modified[account_id] = self.clock.now()
        old = self.rows.get(account_id)
        merged = {"statecode": 0, **(old.columns if old else {}), **columns}
        kept = old.currency if old else None
        given = AccountCurrency(currency) if currency else kept
        self.rows[account_id] = Account(account_id, self.version, self.clock.now(), merged, given)

    def delete(self, account_id: UUID) -> None:
        if self.rows.pop(account_id, None) is not None:
            self.version += 1
            self.gone[account_id] = self.version

    async def probe(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    async def write_back(self, account_id: UUID, column: str, number: str) -> None:
        self._refuse("write-back", account_id)
        if account_id in self.rows:
            self.save(account_id, **{column: number})

    async def read(self, account_id: UUID) -> Account | None:
        self.reads += 1
        await self.probe()
        self._refuse("read", account_id)
        account = self.rows.get(account_id)
        return replace(account, read_at=self.clock.now()) if account else None

    def _refuse(self, operation: str, account_id: UUID) -> None:
        if (refusal := self.refuses(operation, account_id)) is not None:
            raise refusal


type Late = tuple[datetime, Callable[[], None]]


@dataclass
class FakeOperations:
    """Implements Target.

    `script` holds what the next writes do instead of answering: an exception raised before the commit, or,
    wrapped in `CommittedError`, one raised after it. `late` commits whatever was put there once it is due.
    `answers` makes the values of an answer to a write from those that were sent. `ids` are the ERP's own ids
    by customer, None if it has none. `refuses_fields`: a creation with one of them inserts the customer
    without it, and is refused; a change with one of them is refused. `of_customers`: fields that take only
    the number of a customer of the company. `remembers`: its codes are known without a question.
    """

    clock: FakeClock
    customers: dict[CustomerKey, dict[str, FieldValue]] = field(default_factory=dict)
    currencies: set[str] = field(default_factory=lambda: {"USD", "EUR", "GBP"})
    codes: dict[str, set[str]] = field(default_factory=dict)  # of the fields for which it has lists
    script: list[Exception] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    trouble: Exception | None = None
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    next_fault: Callable[[], Exception | None] | None = None
    refuses: Refuses = lambda _operation, _about: None
    answers: Callable[[Mapping[str, FieldValue]], Mapping[str, FieldValue]] = dict
    seconds: float = 0
    ids: dict[CustomerKey, str] | None = None
    refuses_fields: frozenset[str] = frozenset()
    of_customers: frozenset[str] = frozenset()
    remembers: bool = False
    described: TargetDescription = field(default_factory=lambda: described_by(load_field_map("operations")))
    capabilities: Capabilities = field(default_factory=lambda: capabilities(load_field_map("operations")))

    async def probe(self) -> None:
        self._begin("probe")

    def rename(self, old: str, new: str) -> None:
        """Give the customer another number; its id stays."""
        key = next(known for known in self.customers if known.number == old)
        self.customers[replace(key, number=new)] = self.customers.pop(key)
        if self.ids is not None and key in self.ids:
            self.ids[replace(key, number=new)] = self.ids.pop(key)

    def _stored(self, key: CustomerKey) -> CustomerKey | None:
        """The key under which the customer stands: by its id, its second key or its number."""
        if key.id and self.ids is not None:
            return next((known for known in self.customers if self.ids.get(known) == key.id), None)
        if key.by:
            return next(
                (known for known, item in self.customers.items() if item.get(key.by) == key.number), None
            )
        return key.folded if key.folded in self.customers else None

    def _shown(self, stored: CustomerKey, asked: CustomerKey) -> CustomerKey:
        if self.ids is None:
            return CustomerKey(asked.company, stored.number) if asked.by else asked
        own = self.ids.setdefault(stored, f"id-{next(self.numbers)}")
        return CustomerKey(asked.company, stored.number, id=own)

    async def find(self, key: CustomerKey) -> Customer | None:
        self._begin("GET", "find", key)
        if (stored := self._stored(key)) is None:
            return None
        return Customer(self._shown(stored, key), dict(self.customers[stored]))

    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        self._begin("POST", "create", key)
        number = CustomerKey(key.company, f"C-{next(self.numbers):06d}") if key.by else key

        def commit() -> None:
            self.customers.setdefault(number.folded, {"OnHoldStatus": "No", **fields})

        if number.folded in self.customers:
            raise CustomerAlreadyExists(key)
        self._check_customers(number, fields)
        if refused := self._refused(fields):
            accepted = {name: value for name, value in fields.items() if name not in refused}
            self.customers[number.folded] = {"OnHoldStatus": "No", **accepted}
            raise AccountFault(Problem(Cause.REFUSED, field=min(refused)))
        self._carry_out(commit)
        return Customer(self._shown(number.folded, number), self.answers(fields))

    async def update(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        self._begin("PATCH", "update", key)
        if (stored := self._stored(key)) is None:
            raise CustomerNotFound
        self._check_customers(key, fields)
        if refused := self._refused(fields):
            raise AccountFault(Problem(Cause.REFUSED, field=min(refused)))

        def commit() -> None:
            if stored in self.customers:
                self.customers[stored].update(fields)

        self._carry_out(commit)
        return Customer(self._shown(stored, key), self.answers(fields))

    def _check_customers(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> None:
        for name in self.of_customers:
            number = str(fields.get(name) or key.number)
            if number != key.number and replace(key, number=number, by="").folded not in self.customers:
                raise AccountFault(Problem(Cause.REFUSED, field=name))

    def _refused(self, fields: Mapping[str, FieldValue]) -> set[str]:
        return {name for name in self.refuses_fields if fields.get(name)}

    async def customers_after(self, company: str, after: str, size: int) -> Page[Customer]:
        self._begin("GET")
        last = CustomerKey(company, after).folded
        behind = [key for key in self.customers if key.company == last.company and key.number > last.number]
        page = [
            Customer(self._shown(key, key), dict(self.customers[key]))
            for key in sorted(behind, key=lambda key: key.number)[:size]
        ]
        return page_after(System.OPERATIONS, page, after)

    async def look_up(self, keys: Collection[CustomerKey]) -> Mapping[CustomerKey, Customer]:
        self._begin("GET")
        stored = {key.folded: self._stored(replace(key, id="")) for key in keys}
        return {
            key: Customer(self._shown(found, key), dict(self.customers[found]))
            for key, found in stored.items()
            if found is not None
        }

    async def knows_currency(self, code: str) -> bool:
        self._ask_for_codes()
        return code.upper() in self.currencies

    async def knows_value(self, field: str, code: str) -> bool | None:
        self._ask_for_codes()
        return code.upper() in self.codes[field] if field in self.codes else None

    def _ask_for_codes(self) -> None:
        if self.trouble is not None and not self.remembers:
            raise self.trouble

    async def describe(self) -> TargetDescription:
        self._begin("GET")
        return self.described

    def _begin(self, method: str, operation: str = "", key: CustomerKey | None = None) -> None:
        self.clock.advance(self.seconds)
        for due, commit in [item for item in self.late if item[0] <= self.clock.now()]:
            commit()
            self.late.remove((due, commit))
        self.requests.append(method)
        if self.trouble is not None:
            raise self.trouble
        if key is not None and (refusal := self.refuses(operation, key)) is not None:
            raise refusal

    def settle_late(self) -> None:
        """Let every request that is still under way commit now."""
        for _, commit in self.late:
            commit()
        self.late.clear()

    def _carry_out(self, commit: Callable[[], None]) -> None:
        if self.next_fault is not None:
            fault = self.next_fault()
        else:
            fault = self.script.pop(0) if self.script else None
        match fault:
            case None:
                commit()
            case CommittedError(reason):
                commit()
                raise reason
            case CommittedLateError(reason, due):
                self.late.append((due, commit))
                raise reason
            case _:
                raise fault


def described_by(field_map: FieldMap) -> TargetDescription:
    """Operations as its metadata would describe it for this field map: it tells no lengths."""
    names = {*field_map.names, field_map.company.field, field_map.key.field}
    fields = {name: FieldDescription(ValueType.TEXT) for name in names}
    fields[field_map.hold.field] = FieldDescription(ValueType.CHOICE, values=frozenset({"No", "All"}))
    keys = frozenset({field_map.company.field, field_map.key.field})
    return TargetDescription("CustomerV3", fields, keys)


class CommittedError(Exception):
    """Commit, then lose the answer with this fault."""

    __match_args__ = ("reason",)

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason = reason


class CommittedLateError(Exception):
    """Lose the answer now, commit at `due`."""

    __match_args__ = ("reason", "due")

    def __init__(self, reason: BaseException, due: datetime) -> None:
        super().__init__(reason)
        self.reason = reason
        self.due = due
