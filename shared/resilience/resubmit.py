"""Sweeps what ended outside the pipeline: dead letters of both queues, and events that were not understood.

Listed, shown, and sent again: a change under an operation id of its own, an event as it came.
"""

from dataclasses import dataclass

from shared.model.change import decode_change
from shared.model.faults import MessageRefused
from shared.ports import ChangeQueue
from shared.ports.recovery import Bin, Leftover, Leftovers
from shared.resilience.replay import resubmitted
from shared.telemetry import LOGGER


@dataclass(frozen=True, slots=True)
class Sweep:
    """Sends leftovers again."""

    leftovers: Leftovers
    queue: ChangeQueue

    async def resubmit(
        self, place: Bin, note: str, sequence_numbers: frozenset[int] | None = None
    ) -> tuple[int, int]:
        """Those of these sequence numbers, or all; how many were sent again, and how many left there."""

        async def resend(leftover: Leftover) -> bool:
            if leftover.truncated:
                return False
            try:
                if place is Bin.CHANGE_DEAD_LETTERS:
                    await self.queue.send(resubmitted(decode_change(leftover.body), note))
                else:
                    await self.leftovers.post_event(leftover.body)
            except ValueError:
                LOGGER.warning("dead letter %d is no account change", leftover.sequence_number)
                return False
            except MessageRefused as refusal:
                LOGGER.warning("message %d stays: %s", leftover.sequence_number, refusal)
                return False
            return True

        def wanted(leftover: Leftover) -> bool:
            return sequence_numbers is None or leftover.sequence_number in sequence_numbers

        return await self.leftovers.take(place, wanted, resend)
