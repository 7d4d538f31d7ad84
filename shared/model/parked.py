"""How many accounts are parked, by cause, and which were parked last."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from typing import NamedTuple

from shared.model.issue import Issue

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class ParkedCount:
    """The parked accounts as they were from `at` on; `newest` are the few that were parked last.

    Not `complete`: there are more than were counted.
    """

    at: datetime
    causes: Mapping[str, int]
    newest: tuple[Issue, ...] = ()
    complete: bool = True

    def plus(self, issues: Iterable[Issue]) -> "ParkedCount":
        """Return the count with some more."""
        issues = list(issues)
        causes = Counter(self.causes) + Counter(issue.cause for issue in issues)
        newest = nlargest(MOST_NAMED, (*self.newest, *issues), key=lambda issue: issue.last_at)
        return ParkedCount(self.at, dict(causes.most_common()), tuple(newest), self.complete)


class Walk(NamedTuple):
    """A count under way, and where its next page begins."""

    so_far: ParkedCount
    after: str


class NotedCount(NamedTuple):
    """The newest count that was ended, and the one under way."""

    ended: ParkedCount | None = None
    walk: Walk | None = None
