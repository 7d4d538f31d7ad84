"""Chooses the partitions of a walk's next checks: so few in each that an event never waits long behind them.

A check of a walk need not go through its account's own partition. Where two partitions have a message of one
account at the same time, the account's lease keeps it to one worker. So all partitions stay equally busy, and
no account waits for one of them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from shared.model.change import session_of
from shared.model.sent import Sent


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


def choose(unfinished: Iterable[Sent], most: int, pace: Pace) -> list[str]:
    """Return the partitions of the next checks, at most `most`: the emptiest first."""
    waiting = Counter(sent.partition for sent in unfinished)
    free = [
        (place, partition)
        for partition in map(session_of, range(pace.partitions))
        for place in range(waiting[partition], pace.per_partition)
    ]
    return [partition for _, partition in sorted(free)[: max(0, most)]]
