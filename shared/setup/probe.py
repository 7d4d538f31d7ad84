"""The probe: a change for the account id of zeros, which shows that messages reach `sync_account`.

`health` queues it for those who have the key; `sync_account` answers it before it reads anything, with the
time and its build, and counts no outcome for it.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from shared.model.change import NO_ACCOUNT, AccountChange, Operation, Source
from shared.model.faults import Fault
from shared.ports import Clock
from shared.ports.waiting import Answered, ProbeAnswers
from shared.telemetry import LOGGER

_NO_ORGANIZATION = UUID(int=0)


def probe_change(now: datetime) -> AccountChange:
    """Make a probe, which is one of a kind."""
    return AccountChange(
        organization_id=_NO_ORGANIZATION,
        account_id=NO_ACCOUNT,
        operation=Operation.LOOK,
        occurred_at=now,
        source=Source.PROBE,
        operation_id=uuid4(),
    )


@dataclass(frozen=True, slots=True)
class AnswerProbe:
    """Answers probes with this build."""

    build: str
    answers: ProbeAnswers
    clock: Clock

    async def answer(self) -> None:
        """Write the answer; a fault is logged, because whoever asked asks again."""
        try:
            await self.answers.put(Answered(self.clock.now(), self.build))
        except Fault as fault:
            LOGGER.warning("a probe was not answered: %s", fault)
