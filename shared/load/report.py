"""How the checks of a load ended: one walk through AccountSync, page by page."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from shared.model.load import LoadRun
from shared.model.outcome import Ending
from shared.ports.load import CheckedAccounts


@dataclass(slots=True)
class LoadReport:
    """The load's accounts by the end of their check; `parked` by cause.

    `covered`: an event had the account checked meanwhile. `at_work`: the check is retried or under way.
    `open`: not checked yet, or gone from Sales before its check. `sent` counts an account twice that was
    changed while the load went on, because the walk comes to it again.
    """

    sent: int
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    filtered: int = 0
    deleted: int = 0
    covered: int = 0
    at_work: int = 0
    open: int = 0
    parked: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def written(self) -> int:
        """How many customers were created or updated."""
        return self.created + self.updated


class Result(NamedTuple):
    """How the check of one account ended: an ending, "parked|CAUSE", or "" while it has not ended."""

    account_id: UUID
    ending: str


@dataclass(frozen=True, slots=True)
class ReportLoad:
    """The use case behind `accountsync load report`."""

    checked: CheckedAccounts

    async def results(self, run: LoadRun) -> AsyncIterator[Result]:
        """Give the result of each account that the load has checked."""
        after = ""
        while True:
            page = await self.checked.page(after)
            for row in page.rows:
                if (ending := row.result(run)) is not None:
                    yield Result(row.account_id, ending)
            if not (after := page.after):
                return

    async def of(self, run: LoadRun) -> LoadReport:
        """Count the results."""
        counts, waiting = Counter[str](), {sent.account_id for sent in run.recent}
        async for result in self.results(run):
            counts[result.ending] += 1
            waiting.discard(result.account_id)
        parked = {
            ending.partition("|")[2]: count
            for ending, count in counts.most_common()
            if ending.startswith(f"{Ending.PARKED}|")
        }
        return LoadReport(
            sent=run.sent,
            created=counts[Ending.CREATED],
            updated=counts[Ending.UPDATED],
            unchanged=counts[Ending.UNCHANGED],
            filtered=counts[Ending.FILTERED],
            deleted=counts[Ending.DELETED],
            covered=counts[Ending.COVERED],
            at_work=counts[""],
            open=len(waiting),
            parked=parked,
        )
