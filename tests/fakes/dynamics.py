"""Sales and Operations in memory, just enough of them for the pipeline; the exact ones are the simulators."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from uuid import UUID

from shared.field_maps import load_field_map
from shared.model.account import Account, AccountCurrency
from shared.model.capabilities import Capabilities
from shared.model.customer import Customer, CustomerKey, FieldValue
from shared.model.faults import CustomerAlreadyExists, CustomerNotFound
from shared.targets.operations.capabilities import capabilities
from tests.fakes.clock import FakeClock

type Refuses = Callable[[str, UUID | CustomerKey], Exception | None]
"""The operation and what it is about -> what it is refused with, if it is."""


@dataclass
class FakeSales:
    """Implements AccountReader; `save` changes an account as a person would."""

    clock: FakeClock
    rows: dict[UUID, Account] = field(default_factory=dict)
    reads: int = 0
    version: int = 1000
    trouble: Exception | None = None
    refuses: Refuses = lambda _operation, _about: None

    def save(self, account_id: UUID, currency: str | None = None, /, **columns: object) -> None:
        self.version += 1
        old = self.rows.get(account_id)
        merged = {"statecode": 0, **(old.columns if old else {}), **columns}
        kept = old.currency if old else None
        given = AccountCurrency(currency) if currency else kept
        self.rows[account_id] = Account(account_id, self.version, self.clock.now(), merged, given)

    def delete(self, account_id: UUID) -> None:
        self.rows.pop(account_id, None)

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
    `answers` makes the values of an answer to a write from those that were sent.
    """

    clock: FakeClock
    customers: dict[CustomerKey, dict[str, FieldValue]] = field(default_factory=dict)
    currencies: set[str] = field(default_factory=lambda: {"USD", "EUR", "GBP"})
    script: list[Exception] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    trouble: Exception | None = None
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    next_fault: Callable[[], Exception | None] | None = None
    refuses: Refuses = lambda _operation, _about: None
    answers: Callable[[Mapping[str, FieldValue]], Mapping[str, FieldValue]] = dict
    seconds: float = 0
    capabilities: Capabilities = field(default_factory=lambda: capabilities(load_field_map("operations")))

    async def probe(self) -> None:
        self._begin("probe")

    async def find(self, key: CustomerKey) -> Customer | None:
        self._begin("GET", "find", key)
        if not key.by:
            fields = self.customers.get(key.folded)
            return None if fields is None else Customer(key, dict(fields))
        found = [item for item in self.customers.items() if item[1].get(key.by) == key.number]
        return Customer(CustomerKey(key.company, found[0][0].number), dict(found[0][1])) if found else None

    async def create(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        self._begin("POST", "create", key)
        number = CustomerKey(key.company, f"C-{next(self.numbers):06d}") if key.by else key

        def commit() -> None:
            self.customers.setdefault(number.folded, {"OnHoldStatus": "No", **fields})

        if number.folded in self.customers:
            raise CustomerAlreadyExists(key)
        self._carry_out(commit)
        return Customer(number, self.answers(fields))

    async def update(self, key: CustomerKey, fields: Mapping[str, FieldValue]) -> Customer:
        self._begin("PATCH", "update", key)
        if key.folded not in self.customers:
            raise CustomerNotFound

        def commit() -> None:
            if key.folded in self.customers:
                self.customers[key.folded].update(fields)

        self._carry_out(commit)
        return Customer(key, self.answers(fields))

    async def knows_currency(self, code: str) -> bool:
        if self.trouble is not None:
            raise self.trouble
        return code.upper() in self.currencies

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
