"""Chooses whose checks a page sends: so many in each partition that an event never waits long behind them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.model.change import session_id


@dataclass(frozen=True, slots=True)
class Pace:
    """`page_size`: accounts of a page at most. `per_partition`: checks of a load in one partition at most.

    An event waits behind the checks of its own partition: eight of them, of about 0.3 s each, keep it waiting
    for two and a half seconds.
    """

    page_size: int
    per_partition: int
    partitions: int

    @property
    def bound(self) -> int:
        """How many changes may wait in all partitions together."""
        return self.per_partition * self.partitions


def leaves_room_unused(held: Iterable[UUID], pace: Pace) -> bool:
    """Whether a partition has room for more checks than there are accounts of it among those held back."""
    by_partition = Counter(session_id(account_id, pace.partitions) for account_id in held)
    full = [partition for partition, number in by_partition.items() if number >= pace.per_partition]
    return len(full) < pace.partitions


def choose(
    accounts: Sequence[UUID], unfinished: Iterable[UUID], room: int, pace: Pace
) -> tuple[list[UUID], list[UUID]]:
    """Return the accounts whose checks are sent now, at most `room`, and those that are held back."""
    busy = Counter(session_id(account_id, pace.partitions) for account_id in unfinished)
    chosen, held = list[UUID](), list[UUID]()
    for account_id in accounts:
        partition = session_id(account_id, pace.partitions)
        if len(chosen) < room and busy[partition] < pace.per_partition:
            busy[partition] += 1
            chosen.append(account_id)
        else:
            held.append(account_id)
    return chosen, held
