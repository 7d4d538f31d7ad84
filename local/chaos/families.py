"""Who is whose parent in the plan of a run.

An account has only parents that were created before it, so that no circle comes about by chance. Circles are
planted: accounts that cannot be written until their circle is closed, and that nothing touches later.
"""

from dataclasses import dataclass, field
from random import Random

WITH_PARENT = 0.4  # of the accounts
CIRCLES = ((0, 1, 2), (3,))  # the third account is the first one's parent, and so on; one is its own
PLANTED = sum(map(len, CIRCLES))
UNMAPPED = "Norwegian Krone"  # mapped at the end only


@dataclass(slots=True)
class Parents:
    """Who is whose parent, while the plan is made."""

    random: Random
    of: dict[int, int] = field(default_factory=dict[int, int])

    def choose(self, account: int, alive: list[int]) -> dict[str, object]:
        """The column of a new parent for the account, if there is one before it."""
        before = [other for other in alive if other < account]
        if not before:
            return {}
        self.of[account] = self.random.choice(before)
        return {"parent": self.of[account]}

    def has_children(self, account: int, alive: list[int]) -> bool:
        """Whether a living account refers to this one."""
        return any(self.of.get(other) == account for other in alive)


def circle_of(place: int) -> int:
    """The place of the parent of a planted account."""
    (circle,) = (circle for circle in CIRCLES if place in circle)
    return circle[circle.index(place) - 1]


def planted(accounts: int) -> dict[int, int]:
    """The planted accounts of a run with so many others, each with its parent."""
    return {accounts + place: accounts + circle_of(place) for place in range(PLANTED)}
