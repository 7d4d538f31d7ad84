"""Counts what a load would do, by decision, and writes nothing: it previews each account of the load."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import batched
from uuid import UUID

from shared.diagnostics.preview import Preview, PreviewSync
from shared.load.steer import walk
from shared.model.faults import AccountFault
from shared.model.load import Selection
from shared.model.outcome import Ending
from shared.ports.load import AccountPages

_PAGE = 1_000


@dataclass(slots=True)
class PlanCounts:
    """How many accounts each decision concerns; `park` by cause. `wait`: nothing can be decided now."""

    create: int = 0
    adopt: int = 0
    update: int = 0
    unchanged: int = 0
    filtered: int = 0
    wait: int = 0
    park: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def total(self) -> int:
        """How many accounts were counted."""
        decided = self.create + self.adopt + self.update + self.unchanged + self.filtered
        return decided + self.wait + sum(self.park.values())


@dataclass(frozen=True, slots=True)
class CountPlan:
    """The use case behind `accountsync load start --dry-run`. `at_once`: previews at a time."""

    accounts: AccountPages
    preview: PreviewSync
    at_once: int

    async def of(
        self,
        selection: Selection,
        limit: int,
        tell: Callable[[int], None] = lambda _: None,
        longest: float | None = None,
    ) -> PlanCounts:
        """Preview each account; `tell` is called with the number so far. May raise faults of the systems.

        After `longest` seconds it counts no more accounts: the plan's `total` says how many there are in it.
        """
        found, counted = Counter[str](), 0
        try:
            async with asyncio.timeout(longest):
                async for ids in walk(self.accounts, selection, limit, _PAGE):
                    for some in batched(ids, self.at_once, strict=False):
                        found.update(await asyncio.gather(*map(self._decision, some)))
                        counted += len(some)
                        tell(counted)
        except TimeoutError:
            if longest is None:
                raise
        return _counts(found)

    async def _decision(self, account_id: UUID) -> str:
        try:
            return _name_of(await self.preview.of(account_id))
        except AccountFault as fault:
            return f"park|{fault.problem.cause}"


def _name_of(preview: Preview) -> str:
    if preview.problem is not None:
        return f"park|{preview.problem.cause}"
    match preview.ending:
        case Ending.CREATED:
            return "create"
        case Ending.UPDATED | Ending.UNCHANGED if preview.adopts:
            return "adopt"
        case Ending.UPDATED:
            return "update"
        case Ending.UNCHANGED:
            return "unchanged"
        case Ending.RETRYING:
            return "wait"
        case _:
            return "filtered"


def _counts(found: Counter[str]) -> PlanCounts:
    parked = {name.partition("|")[2]: count for name, count in found.most_common() if "|" in name}
    named = {name: count for name, count in found.items() if "|" not in name}
    return PlanCounts(**named, park=parked)
