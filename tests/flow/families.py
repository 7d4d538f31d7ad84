"""Accounts that refer to each other's customers, on fakes: Operations takes only customers that it has."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.model.change import AccountChange
from shared.model.control import Bookmark
from shared.model.customer import CustomerKey
from shared.model.outcome import Problem
from shared.model.state import Phase
from tests.flow.world import Gate, World, account

PARENTS = str(Path(__file__).with_name("parents.toml"))


async def _open(_: str) -> None:
    """Let every step pass."""


@dataclass
class Families(World):
    """The world with a field map that reads the parent's customer."""

    field_map: str = field(default=PARENTS)

    def __post_init__(self) -> None:
        World.__post_init__(self)
        self.operations.of_customers = frozenset({"InvoiceAccount"})
        compared = self.clock.now() + timedelta(seconds=1)  # the mapping is not new to healing
        self.control.bookmark_rows["mappings"] = Bookmark(compared)

    def child(self, name: str, parent: str | None, /, **columns: Any) -> AccountChange:
        """Save an account that refers to this one; give its event, which is not queued yet."""
        if account(name) not in self.sales.rows:
            columns = {"new_company": "usmf", **columns}
        return self.save(name, parentaccountid=str(account(parent)) if parent else None, **columns)

    def payer(self, name: str) -> object:
        """The invoice account of this account's customer; None if there is no customer."""
        customer = self.operations.customers.get(CustomerKey("usmf", name).folded)
        return customer["InvoiceAccount"] if customer else None

    def problem(self, name: str) -> Problem:
        """Why the account is parked, as its row in Issues says."""
        state = self.state(name)
        assert state.phase is Phase.PARKED
        assert state.issue is not None
        return self.issues.rows[state.issue, account(name)][0]

    async def rest(self, minutes: int = 3, gate: Gate = _open) -> None:
        """Work on everything that is due, with healing once a minute."""
        app = self.application(gate)
        for _ in range(minutes):
            end = self.clock.now() + timedelta(minutes=1)
            while (due := self._next_due()) is not None and due < end:
                self.clock.advance_to(due)
                if (page := self.pages.take()) is not None:
                    await app.run_cases.handlers[page.kind](page)
                else:
                    await self.deliver(self.take(), app)
            self.clock.advance_to(end)
            await app.heal.run()

    def _next_due(self) -> Any:
        return min(filter(None, (self.queue.next_due(), self.pages.next_due())), default=None)
