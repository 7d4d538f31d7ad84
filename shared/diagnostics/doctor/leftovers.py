"""Messages that a queue gave up on, and events that were rejected: who may read the counts is told."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.diagnostics.doctor.doctor import said
from shared.model.faults import NotPermitted
from shared.model.finding import Finding, Grade
from shared.ports.queues import QueueDepths

_NAME = "messages that ended elsewhere"
_REJECTED = "rejected-events"


@dataclass(frozen=True, slots=True)
class LeftoversCheck:
    """Reads the counts of the queues."""

    queues: QueueDepths

    async def check(self) -> Sequence[Finding]:
        """Return a finding for each queue in which something is left."""
        why = "Each is a change that did not arrive."
        try:
            depths = await self.queues.depths()
        except NotPermitted as fault:
            what = said(fault)
            return [Finding(_NAME, Grade.NOT_CHECKED, what, why, fault.remedy)]
        counts = {
            **{f"dead letters of {queue.name}": queue.dead_letters for queue in depths},
            **{queue.name: queue.active for queue in depths if queue.name == _REJECTED},
        }
        found = [
            Finding(_NAME, Grade.WARNING, f"{name}: {count}.", why, _remedy(name))
            for name, count in counts.items()
            if count
        ]
        return found or [Finding(_NAME, Grade.FINE, "There are none.")]


def _remedy(name: str) -> str:
    command = "rejected" if name == _REJECTED else "dead-letters"
    return f"See them with `accountsync {command} list`, correct the cause, send them again with `resubmit`."
