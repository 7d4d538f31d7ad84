"""Reconcile over a world: a run driven from its first page to its end, and repairs of what it found."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from shared.load.differences import kind_of_check
from shared.load.reconcile import Reconcile
from shared.model.change import AccountChange, Source
from shared.model.reconciliation import REPAIRABLE, Difference, Kind, Reconciliation
from shared.wiring.reconcile import ReconcilePorts, reconcile_over
from tests.fakes.reconciling import FakeDifferences, FakeRows
from tests.fakes.runs import FakePages, FakeRuns
from tests.flow.world import ORGANIZATION, Gate, World, account


async def _open(step: str) -> None:
    """A gate that is always open."""


@dataclass
class Comparing:
    """Reconcile over a world, in pages of `size` rows."""

    world: World
    size: int = 3
    runs: FakeRuns = field(default_factory=FakeRuns)
    kept: FakeDifferences = field(default_factory=FakeDifferences)

    def __post_init__(self) -> None:
        self.pages = FakePages(self.world.clock)
        self.rows = FakeRows(self.world.sales)

    def reconcile(self, gate: Gate = _open) -> Reconcile:
        own = ReconcilePorts(runs=self.runs, queue=self.pages, differences=self.kept, rows=self.rows)
        return reconcile_over(self.world.application(gate), own, self.size)

    async def run(self, by: str = "a person") -> tuple[Reconciliation, Sequence[Difference]]:
        """Start a run, do all its pages, and give what it found."""
        run = await self.reconcile().start(by)
        return await self.go_on(run.id)

    async def go_on(self, run_id: str) -> tuple[Reconciliation, Sequence[Difference]]:
        reconcile = self.reconcile()
        while (page := self.pages.take_next()) is not None:
            await reconcile.handle(page)
        run = await reconcile.newest()
        assert run is not None
        return run, await self.kept.of_run(run_id)

    async def repair(self, found: Sequence[Difference]) -> None:
        """Send the checks of a repair, and let the app carry them out."""
        now = self.world.clock.now()
        checks = [check(one, now) for one in found if one.kind in REPAIRABLE]
        await self.world.sync(*checks)


def check(one: Difference, now: datetime) -> AccountChange:
    return AccountChange(
        organization_id=ORGANIZATION,
        account_id=one.account_id,
        kind=kind_of_check(one.kind),
        occurred_at=now,
        source=Source.RECONCILE,
        operation_id=uuid4(),
        verify=True,
    )


def kinds(found: Sequence[Difference]) -> dict[UUID, tuple[Kind, tuple[str, ...]]]:
    return {one.account_id: (one.kind, tuple(sorted(one.fields))) for one in found}


def linked_to(world: World, name: str, other: str) -> None:
    """Link the account to the other one's customer, as only a hand in the tables can."""
    stored, theirs = world.states.rows[account(name)], world.states.rows[account(other)]
    customer = theirs.state.customer
    world.states.rows[account(name)] = replace(stored, state=replace(stored.state, customer=customer))
