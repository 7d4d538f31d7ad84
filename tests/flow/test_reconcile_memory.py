"""A comparison of many accounts holds one page of them in memory, however many there are."""

import gc
import tracemalloc
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from shared.model.account import Account
from shared.model.customer import Customer, CustomerKey
from shared.model.page import PageDue
from shared.model.reconciliation import RunState
from shared.model.state import Page, Stored
from shared.ports.reconciling import AccountRow
from tests.flow.reconciling import Comparing
from tests.flow.world import World, account

PAGE = 100


def _number(place: int) -> str:
    return f"N{place:07}"


@dataclass(frozen=True)
class Many:
    """So many accounts and customers like the first: each is made when it is asked for, and not kept."""

    count: int
    account: Account
    stored: Stored
    customer: Customer

    async def after(self, version: str, size: int) -> Sequence[AccountRow]:
        first = int(version or 0)
        return [self._row(place) for place in range(first, min(first + size, self.count))]

    async def existing(self, account_ids: Collection[UUID]) -> frozenset[UUID]:
        return frozenset(account_ids)

    async def get(self, account_id: UUID) -> Stored | None:
        place = account_id.int - 1
        own = {"account_id": account_id, "customer": self._key(place), "version": place + 1}
        return replace(self.stored, state=replace(self.stored.state, **own))

    async def owner(self, key: CustomerKey) -> UUID | None:
        return UUID(int=int(key.number[1:]) + 1)

    async def customers_after(self, company: str, after: str, size: int) -> Page[Customer]:
        first = int(after[1:]) + 1 if after else 0
        last = min(first + size, self.count)
        rows = [self._customer(place) for place in range(first, last)]
        return Page(rows, _number(last - 1) if last < self.count else "")

    async def look_up(self, keys: Collection[CustomerKey]) -> Mapping[CustomerKey, Customer]:
        return {key: self._customer(int(key.number[1:])) for key in keys}

    def _row(self, place: int) -> AccountRow:
        columns = {**self.account.columns, "accountnumber": _number(place)}
        made = replace(self.account, account_id=UUID(int=place + 1), version=place + 1, columns=columns)
        return AccountRow(made, made.read_at)

    def _customer(self, place: int) -> Customer:
        return Customer(self._key(place), dict(self.customer.fields))

    def _key(self, place: int) -> CustomerKey:
        return replace(self.customer.key, number=_number(place))


async def most_memory(count: int, patch: pytest.MonkeyPatch) -> int:
    """Compare so many accounts; the most memory in bytes that was held on the way."""
    world = World()
    await world.sync(world.save("A"))
    world.clock.advance(3_600)
    row, stored = world.sales.rows[account("A")], world.states.rows[account("A")]
    assert stored.state.customer is not None
    fields = world.customer("A")
    assert fields is not None
    many = Many(count, row, stored, Customer(stored.state.customer, fields))
    comparing = Comparing(world, PAGE)
    patch.setattr(comparing, "rows", many)
    patch.setattr(world.states, "get", many.get)
    patch.setattr(world.owners, "owner", many.owner)
    patch.setattr(world.operations, "customers_after", many.customers_after)
    patch.setattr(world.operations, "look_up", many.look_up)
    reconcile = comparing.reconcile()
    await reconcile.start("a person")
    gc.freeze()  # what is there already is not looked through again at each collection
    tracemalloc.start()
    try:
        page: PageDue | None
        while (page := comparing.pages.take_next()) is not None:
            await reconcile.handle(page)
            gc.collect()  # the peak must not depend on when garbage is collected
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    run = await reconcile.newest()
    assert run is not None
    assert (run.state, run.accounts, run.customers, run.differences) == (RunState.DONE, count, count, 0)
    return most


async def test_ten_times_the_accounts_need_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    few = await most_memory(3 * PAGE, monkeypatch)
    # The fakes count what they are asked, and other parts of the process hold a little more meanwhile.
    assert await most_memory(30 * PAGE, monkeypatch) < 2 * few
