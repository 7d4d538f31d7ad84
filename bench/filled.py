"""The app in memory with many accounts and mapping rows, of which a few accounts are active."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from bench.memory import Memory, account_id
from bench.stream import Event
from local.demo.currencies import UNMAPPED
from shared.storage.tables import ACCOUNT_SYNC, CURRENCY_MAPPING, CUSTOMER_OWNERS, ISSUES
from tests.fakes.clock import FakeClock
from tests.fakes.table_client import InMemoryTable, Key, Row, TableService

ACTIVE, A_SECOND = 40, 8.0
PARKED = 1  # of a hundred accounts


@dataclass(frozen=True, slots=True)
class Size:
    """How much is stored."""

    accounts: int
    mappings: int


async def filled(size: Size, clock: FakeClock | None = None, *, by_matches: bool = False) -> Memory:
    """The app with so many accounts in tables in memory, of which a few are active."""
    clock = clock or FakeClock()
    memory = Memory(clock, service=TableService(by_matches=by_matches, now=clock.now))
    await settle(memory)
    table = cast(InMemoryTable, memory.of[CURRENCY_MAPPING])
    table.fill(_mapping_rows(size.mappings - len(table.rows), memory.service))
    await heal_all(memory)
    _fill_accounts(memory, size.accounts - ACTIVE - 1)
    return memory


def _fill_accounts(memory: Memory, count: int) -> None:
    """Copy an account that is in step, its customer, and one that is parked, which each hundredth is."""
    states, owners, issues = (
        cast(InMemoryTable, memory.of[name]) for name in (ACCOUNT_SYNC, CUSTOMER_OWNERS, ISSUES)
    )
    ((problem, parked), issue) = next(iter(issues.rows.items()))
    fine, stuck = (states.rows[str(of), "state"] for of in (account_id(0), parked))
    company, owner = next((company, row) for (company, _), row in owners.rows.items())
    ids = [str(UUID(int=number << 96 | number)) for number in range(count)]
    every = 100 // PARKED
    states.fill({(key, "state"): stuck if n % every == 0 else fine for n, key in enumerate(ids)})
    owners.fill({(company, f"z-{number:07d}"): owner for number in range(count)})
    issues.fill({(problem, key): issue for key in ids[::every]})


async def settle(memory: Memory) -> None:
    """Map the currencies and create the active accounts and a parked one, and let healing handle them."""
    await memory.map_currencies()
    currencies = [*["Euro"] * ACTIVE, UNMAPPED.crm]
    created = [
        Event(account, "create", {"name": f"Customer {account}", "currency": currency})
        for account, currency in enumerate(currencies)
    ]
    await memory.take(created, A_SECOND)
    await heal_all(memory)


async def heal_all(memory: Memory) -> None:
    """Let healing handle every mapping row that is new, with all that it does later because of it."""
    for _ in range(3):
        await memory.heal()
        memory.clock.advance(600)
        await memory.take([], A_SECOND)


def mapping_columns(number: int) -> Mapping[str, str]:
    """A mapping row that no account uses."""
    return {"CurrencyCRM": f"Currency {number}", "CurrencyAX": "EUR", "UpdatedBy": "bench"}


def _mapping_rows(count: int, service: TableService) -> dict[Key, Row]:
    names = ((number, f"currency {number:07d}") for number in range(count))
    return {("currency", key): service.stored(mapping_columns(number)) for number, key in names}
