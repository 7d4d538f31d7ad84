"""Reports whether the app runs and, to callers with the key, the result of each outside system's probe.

`health` can also queue a probe message: a change for the account id of zeros, which shows that messages reach
`sync_account`. `sync_account` answers it before it reads anything, with the time and its build, and counts no
outcome for it.
"""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from pydantic import SecretStr

from shared.model.activity import together
from shared.model.change import NO_ACCOUNT, AccountChange, ChangeKind, Source
from shared.model.control import Answered
from shared.model.faults import Fault, System
from shared.model.finding import Grade
from shared.ports import ChangeQueue, Clock, Control, Probe
from shared.ports.counts import Counts
from shared.ports.doctor import Diagnoses
from shared.telemetry import LOGGER

PROBE_SECONDS = 3.0
CACHE = timedelta(seconds=10)
WINDOW = timedelta(minutes=10)
_NO_ORGANIZATION = UUID(int=0)


@dataclass(slots=True)
class Health:
    """The use case behind the function `health`. A probe takes at most 3 s; its answer is kept for 10 s."""

    build: str
    key: SecretStr | None
    probes: Mapping[System, Probe]
    clock: Clock
    queue: ChangeQueue
    control: Control
    diagnoses: Diagnoses
    counts: Counts
    _probed: tuple[datetime, dict[str, str]] | None = None

    async def report(
        self, key: str | None, *, probe: bool = False, doctor: bool = False
    ) -> dict[str, object]:
        """Return `{status, build}`; with the key also `systems`, `outcomes`, `probe` and `doctor`.

        `systems` has "ok" or what is wrong for each system, "events" if no events seem to come, and
        "changes" if none is taken. `probe` is the last answer of `sync_account` to a probe message,
        `outcomes` counts how the messages of the last ten minutes ended (None if that was not read),
        `doctor` has the errors of the doctor's newest check. `probe=True` and `doctor=True` ask for new ones;
        a later report shows them.
        """
        if not self._admits(key):
            return {"status": "ok", "build": self.build}
        # Read first: a caller waits for an answer that is newer than the one in this report.
        last: dict[str, object] = {"probe": await self._answer(), "doctor": await self._diagnosed()}
        last["outcomes"] = await self._outcomes()
        systems = dict(await self._systems())
        if missing := await self._events_missing():
            systems["events"] = missing
        if untaken := await self._untaken():
            systems["changes"] = untaken
        if probe and (trouble := await self._queue_probe()):
            systems[str(System.SERVICE_BUS)] = trouble
        if doctor:
            await self._ask_doctor()
        status = "ok" if set(systems.values()) == {"ok"} else "degraded"
        return {"status": status, "build": self.build, "systems": systems, **last}

    def _admits(self, key: str | None) -> bool:
        if self.key is None or not key:
            return False
        return secrets.compare_digest(key.encode(), self.key.get_secret_value().encode())

    async def _systems(self) -> dict[str, str]:
        now = self.clock.now()
        if self._probed is None or now - self._probed[0] > CACHE:
            found = await asyncio.gather(*(self._ask(probe) for probe in self.probes.values()))
            self._probed = now, dict(zip(map(str, self.probes), found, strict=True))
        return self._probed[1]

    async def _queue_probe(self) -> str:
        """Queue a probe message. Return the fault that prevented it, if any."""
        try:
            await self.queue.send(probe_change(self.clock.now()))
        except Fault as fault:
            return str(fault)
        return ""

    async def _events_missing(self) -> str:
        try:
            return await self.control.events_missing()
        except Fault:
            return ""  # the probe of the tables tells why

    async def _untaken(self) -> str:
        try:
            untaken = await self.control.untaken()
        except Fault:
            return ""  # the probe of the tables tells why
        return untaken.told if untaken else ""

    async def _outcomes(self) -> dict[str, int] | None:
        now = self.clock.now()
        try:
            return dict(together(now, await self.counts.since(now - WINDOW)).endings)
        except Fault:
            return None  # the probe of the tables tells why

    async def _answer(self) -> dict[str, str] | None:
        try:
            last = await self.control.last_answer()
        except Fault:
            return None  # the probe of the tables tells why
        return last and {"at": last.at.isoformat(), "build": last.build}

    async def _ask_doctor(self) -> None:
        with suppress(Fault):  # the probe of the tables tells why
            await self.diagnoses.ask(uuid4().hex)

    async def _diagnosed(self) -> dict[str, object] | None:
        try:
            newest = await self.diagnoses.newest()
        except Fault:
            return None
        if newest is None:
            return None
        errors = [f"{one.check}: {one.what} {one.remedy}" for one in newest.graded(Grade.ERROR)]
        return {"at": newest.at.isoformat(), "build": newest.build, "errors": errors}

    async def _ask(self, probe: Probe) -> str:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await probe()
        except TimeoutError:
            return f"no answer within {PROBE_SECONDS:.0f} s"
        except Fault as fault:
            return str(fault)
        return "ok"


def probe_change(now: datetime) -> AccountChange:
    """Make a probe message with an id of its own."""
    return AccountChange(
        organization_id=_NO_ORGANIZATION,
        account_id=NO_ACCOUNT,
        kind=ChangeKind.CHECK,
        occurred_at=now,
        source=Source.REPLAY,
        operation_id=uuid4(),
    )


@dataclass(frozen=True, slots=True)
class AnswerProbe:
    """Answers probe messages with the id of this build."""

    build: str
    control: Control
    clock: Clock

    async def answer(self) -> None:
        """Store the answer. A fault is only logged, because the caller can send another probe."""
        try:
            await self.control.put_answer(Answered(self.clock.now(), self.build))
        except Fault as fault:
            LOGGER.warning("a probe was not answered: %s", fault)
