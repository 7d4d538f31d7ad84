"""Starts, pauses, resumes and cancels a load: what a person asks for. The app carries it out."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from shared.load.unfinished import Unfinished
from shared.model.faults import ConditionRefused, QueueUnavailable, StateConflict
from shared.model.load import LONGEST_CONDITION, LoadRun, LoadState, Selection, decode_load, encode_load
from shared.model.page import RunKind
from shared.ports import Clock
from shared.ports.load import AccountPages
from shared.ports.pages import PageQueue, Runs, StoredRun

_COUNTED = 5_000  # the longest page of Dataverse
_CHANGES = 20  # the app writes a checkpoint at every page, perhaps just now


class LoadRefusedError(Exception):
    """This cannot be done with the newest load as it stands."""


class LoadGoesOnError(LoadRefusedError):
    """A load cannot be started, because another one is not over."""

    def __init__(self, run: LoadRun) -> None:
        super().__init__(
            f"Load {run.id} is {run.state}: one load goes on at a time. `accountsync load status` shows it, "
            "`accountsync load cancel` ends it."
        )


class NoSuchLoadError(Exception):
    """There was no load yet."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks for: see the options of `accountsync load start`."""

    selection: Selection
    by: str
    max_creates: int
    limit: int = 0
    rate: float = 0
    total: int = 0


async def walk(
    accounts: AccountPages, selection: Selection, limit: int, size: int
) -> AsyncIterator[Sequence[UUID]]:
    """Give the ids of the accounts, page by page; at most `limit` in all, 0 for all of them."""
    given, after = 0, ""
    while True:
        most = min(size, limit - given) if limit else size
        page = await accounts.page(selection, after, most)
        yield page.ids
        given, after = given + len(page.ids), page.after
        if len(page.ids) < most or given == limit:
            return


@dataclass(frozen=True, slots=True)
class SteerLoad:
    """The use case behind `accountsync load`."""

    runs: Runs
    pages: PageQueue
    accounts: AccountPages
    unfinished: Unfinished
    clock: Clock

    async def newest(self) -> LoadRun | None:
        """Return the newest load, if there was one."""
        stored = await self.runs.read(RunKind.LOAD)
        return decode_load(stored.document) if stored else None

    async def may_start(self, selection: Selection) -> None:
        """Raise LoadGoesOnError if another load is not over, and ConditionRefused."""
        run = await self.newest()
        if run is not None and not run.state.is_over:
            raise LoadGoesOnError(run)
        await self.try_condition(selection)

    async def try_condition(self, selection: Selection) -> datetime:
        """Ask Sales for one account, and return its time. Raises ConditionRefused."""
        if not is_one_condition(selection.where):
            raise ConditionRefused("its brackets or quotes do not match, or it is too long.")
        return (await self.accounts.page(selection, "", 1)).read_at

    async def count(self, selection: Selection, limit: int) -> int:
        """Count the accounts of a load, by their ids only."""
        return sum([len(ids) async for ids in walk(self.accounts, selection, limit, _COUNTED)])

    async def start(self, wanted: Wanted) -> LoadRun:
        """Start a load. Raises as `may_start`; StateConflict if somebody was faster; QueueUnavailable."""
        stored = await self.runs.read(RunKind.LOAD)
        if stored is not None and not (known := decode_load(stored.document)).state.is_over:
            raise LoadGoesOnError(known)
        run = LoadRun(
            id=uuid4(),
            organization_id=await self.accounts.organization(),
            begun_at=await self.try_condition(wanted.selection),
            by=wanted.by,
            selection=wanted.selection,
            limit=wanted.limit,
            rate=wanted.rate,
            max_creates=wanted.max_creates,
            total=wanted.total,
        )
        etag = await self.runs.write(RunKind.LOAD, encode_load(run), stored.etag if stored else None)
        try:
            await self.pages.send(run.next_page)
        except QueueUnavailable as fault:  # a load without a page must not stop the next one
            ended = run.halted(LoadState.CANCELLED, str(fault), "Start it again.", self.clock.now())
            await self.runs.write(RunKind.LOAD, encode_load(ended), etag)
            raise
        return run

    async def pause(self, by: str) -> LoadRun:
        """Send no more checks until `resume`. Raises NoSuchLoadError, LoadRefusedError."""
        remedy = "`accountsync load resume` goes on."
        return await self._change(
            lambda run: run.halted(LoadState.PAUSED, f"paused by {by}", remedy), {LoadState.RUNNING}
        )

    async def resume(self, max_creates: int | None = None, rate: float | None = None) -> LoadRun:
        """Go on, also with a load whose next page was lost. Raises the same as `pause`."""
        states = {LoadState.RUNNING, LoadState.PAUSED, LoadState.STOPPED}
        now = self.clock.now()
        run = await self._change(lambda run: run.resumed(max_creates, rate, now), states)
        await self.pages.send(run.next_page)
        return run

    async def cancel(self, by: str) -> tuple[LoadRun, int]:
        """Send no more checks. Return also at least how many are still queued or at work.

        The app may be sending a page just now; its checkpoint fails, so its checks are known to nobody.
        """
        now = self.clock.now()
        states = {LoadState.RUNNING, LoadState.PAUSED, LoadState.STOPPED}
        run = await self._change(
            lambda run: run.halted(LoadState.CANCELLED, f"cancelled by {by}", "", now), states
        )
        return run, len(await self.unfinished.of(run, now))

    async def _change(self, change: Callable[[LoadRun], LoadRun], states: set[LoadState]) -> LoadRun:
        """Change the load under its ETag. Raises NoSuchLoadError, LoadRefusedError, StateConflict."""
        for _ in range(_CHANGES):
            stored, run = await self._stored()
            if run.state not in states:
                raise LoadRefusedError(f"Load {run.id} is {run.state}: nothing was changed.")
            try:
                changed = change(run)
                await self.runs.write(RunKind.LOAD, encode_load(changed), stored.etag)
            except StateConflict:
                continue
            return changed
        raise StateConflict

    async def _stored(self) -> tuple[StoredRun, LoadRun]:
        stored = await self.runs.read(RunKind.LOAD)
        if stored is None:
            raise NoSuchLoadError("There is no load: `accountsync load start` starts one.")
        return stored, decode_load(stored.document)


def is_one_condition(text: str) -> bool:
    """Whether a $filter can be put into brackets: its own brackets and quotes match."""
    depth = 0
    for part in text.split("'")[::2]:  # what stands between quotes is text; '' is a quote in it
        for char in part:
            depth += (char == "(") - (char == ")")
            if depth < 0:
                return False
    return depth == 0 and text.count("'") % 2 == 0 and len(text) <= LONGEST_CONDITION
