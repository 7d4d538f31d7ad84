"""System jobs: every change makes one job per fired step, which posts its message apart from the save.

Changes and hand-made messages enter, posts leave; the record of every job stays to be looked at. A post to
Service Bus that fails waits and tries again after growing intervals
(learn.microsoft.com/power-apps/developer/data-platform/azure-integration); a webhook that fails ends its job
(.../use-webhooks). Nothing here ever blocks or refuses a save.
"""

import asyncio
import random
import uuid
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from local.dynamics.events.posting import Message, Outcome, Posting
from local.dynamics.events.steps import Endpoint
from local.dynamics.faults import FaultRule, Faults

type State = Literal["held", "waiting", "posting", "posted", "failed"]
type Order = Literal["fifo", "reverse", "random"]
SETTLED = ("posted", "failed")
KEPT_BODIES = 5000


@dataclass(slots=True)
class Job:
    """One message on its way; `operation_id` is the system job's id, `step_id` None for a hand-made one.

    `account_id` is the id of the row, which is one of `table`.
    """

    operation_id: str
    account_id: str
    message_name: str
    endpoint: Endpoint
    message: Message
    created: datetime
    table: str = "account"
    step_id: str | None = None
    repeat_of: str | None = None
    stripped: bool = False
    auto_delete: bool = False
    state: State = "waiting"
    tries: int = 0
    posted_at: datetime | None = None
    outcome: Outcome | None = None
    size: int = field(init=False)

    def __post_init__(self) -> None:
        """Remember the size: the body of an old job is not kept."""
        self.size = len(self.message.body)

    def report(self) -> dict[str, Any]:
        """The job as the control endpoint shows it."""
        outcome = self.outcome
        return {
            "operation_id": self.operation_id,
            "table": self.table,
            "account_id": self.account_id,
            "message": self.message_name,
            "via": self.endpoint.via,
            "state": self.state,
            "created_at": self.created.isoformat(),
            "posted_at": self.posted_at.isoformat() if self.posted_at else None,
            "tries": self.tries,
            "repeat_of": self.repeat_of,
            "stripped": self.stripped,
            "size": self.size,
            "status": outcome.status if outcome else None,
            "answer": outcome.answer if outcome else None,
            "error": outcome.error if outcome else None,
        }


@dataclass(slots=True)
class RetryIntervals:
    """Seconds between posts of a job that waits: the first one, doubled each time up to the cap."""

    first: float = 1.0
    cap: float = 60.0

    def after(self, tries: int) -> float:
        """The interval after that many tries."""
        return min(self.first * 2 ** min(tries - 1, 30), self.cap)


@dataclass(slots=True)
class Lane:
    """The jobs of one endpoint that wait for their turn, and how many workers take them."""

    jobs: asyncio.Queue[Job] = field(default_factory=asyncio.Queue[Job])
    workers: int = 0


@dataclass(slots=True)
class Jobs:
    """All jobs; each endpoint has its own lane, worked off in order; more `workers` blur it."""

    faults: Faults
    posting: Posting = field(default_factory=Posting)
    intervals: RetryIntervals = field(default_factory=RetryIntervals)
    workers: int = 1
    holding: bool = False
    records: list[Job] = field(default_factory=list[Job])
    on_progress: Callable[[Job], None] = lambda job: None
    _bodies: deque[Job] = field(default_factory=deque[Job])
    _held: list[Job] = field(default_factory=list[Job])
    _lanes: dict[str, Lane] = field(default_factory=dict[str, Lane])
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def add(self, job: Job) -> None:
        """Take a job on; it is posted later, or held."""
        self.records.append(job)
        if self.holding:
            self._progress(job, "held")
            self._held.append(job)
        else:
            self._enqueue(job)

    def find(self, operation_id: str) -> Job | None:
        """The first job with an operation id."""
        return next((job for job in self.records if job.operation_id == operation_id), None)

    def pending(self) -> int:
        """How many jobs are not settled yet, held ones included."""
        return sum(job.state not in SETTLED for job in self.records)

    def states(self) -> dict[str, int]:
        """How many jobs are in each state."""
        return dict(Counter(job.state for job in self.records))

    async def release(self, order: Order, seed: int) -> int:
        """Post all held jobs one after the other in the order asked for; answers how many there were."""
        self.holding = False
        held, self._held = self._held, []
        if order == "reverse":
            held.reverse()
        elif order == "random":
            random.Random(seed).shuffle(held)
        for job in held:
            await self._deliver(job)
        return len(held)

    def clear(self) -> None:
        """Forget settled and held jobs; what is under way goes on."""
        self._held.clear()
        self._bodies.clear()
        self.records[:] = [job for job in self.records if job.state not in (*SETTLED, "held")]

    async def close(self) -> None:
        """Stop all workers and close connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.posting.close()

    def _enqueue(self, job: Job) -> None:
        self._progress(job, "waiting")
        lane = self._lanes.setdefault(job.endpoint.id, Lane())
        while lane.workers < self.workers:
            lane.workers += 1
            self._start(self._work(lane))
        lane.jobs.put_nowait(job)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, lane: Lane) -> None:
        while lane.workers <= self.workers:
            await self._deliver(await lane.jobs.get())
        lane.workers -= 1

    async def _deliver(self, job: Job) -> None:
        job.tries += 1
        self._progress(job, "posting")
        job.outcome = outcome = await self._post(job)
        if outcome.retry:
            self._progress(job, "waiting")
            self._start(self._later(job, self.intervals.after(job.tries)))
            return
        job.posted_at = datetime.now(UTC)
        self._progress(job, "posted" if outcome.delivered else "failed")
        self._bodies.append(job)
        if len(self._bodies) > KEPT_BODIES:
            old = self._bodies.popleft()
            old.message = replace(old.message, body=b"")

    def _progress(self, job: Job, state: State) -> None:
        job.state = state
        self.on_progress(job)

    async def _later(self, job: Job, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._enqueue(job)

    async def _post(self, job: Job) -> Outcome:
        path = f"/{job.endpoint.via}/{job.message_name}/{job.account_id}"
        fault = self.faults.draw("events", "POST", path)
        if fault is None:
            return await self.posting.post(job.endpoint, job.message)
        return await self._faulty(job, fault)

    async def _faulty(self, job: Job, fault: FaultRule) -> Outcome:
        """A fault on the way: late, lost before it was sent, or sent with its acknowledgement lost."""
        await asyncio.sleep(fault.delay_ms / 1000)
        if fault.kind in ("delay", "late-commit"):
            return await self.posting.post(job.endpoint, job.message)
        retry = job.endpoint.via == "queue"
        if fault.kind == "drop-after-commit":
            sent = await self.posting.post(job.endpoint, job.message)
            return Outcome(False, retry, sent.status, sent.answer, "The acknowledgement was lost.")
        if fault.kind == "status" and not retry:
            return Outcome(False, False, fault.status or 503, error="The endpoint refused the message.")
        return Outcome(False, retry, error="The connection was lost before the message was sent.")


def new_operation_id() -> str:
    """The id of a new system job."""
    return str(uuid.uuid4())
