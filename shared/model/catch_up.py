"""What catch-up reads from Sales, what it knows of the accounts, and what it stores between two runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

LONGEST_LINK = 12_000  # characters; no web server takes an address that is longer


class ChangedAccount(NamedTuple):
    """An account that Sales names, with the version of its row; None if it was deleted."""

    account_id: UUID
    version: int | None


class ChangePage(NamedTuple):
    """A page of changed accounts, the time in Sales when it was read, and the links that follow.

    `following` is the next page, "" after the last one. `delta` stands on the last page: a later pass begins
    there. Without change tracking there is none.
    """

    accounts: Sequence[ChangedAccount]
    at: datetime
    following: str = ""
    delta: str = ""


class Refusal(StrEnum):
    """Why Sales does not tell what changed."""

    LINK = "link"  # it expired, or is refused for another reason: only a full read helps
    TRACKING_OFF = "tracking-off"


class KnownAccount(NamedTuple):
    """What AccountSync has of an account: the version last read, and whether it was found deleted."""

    account_id: UUID
    organization_id: UUID
    version: int | None
    deleted: bool


class Walk(StrEnum):
    """The ways in which catch-up reads accounts."""

    FIRST = "first"  # all accounts, to get the first link
    CHANGES = "changes"  # what changed or was deleted since the link
    FULL = "full"  # all accounts, because the link was refused
    DELETIONS = "deletions"  # the accounts in AccountSync that Sales does not have any more
    MODIFIED = "modified"  # by the column modifiedon, where change tracking is off

    @property
    def finds_deletions(self) -> bool:
        """Whether a deleted account is found."""
        return self in {Walk.CHANGES, Walk.DELETIONS}


class Tally(NamedTuple):
    """The accounts that a pass has read, the checks that it sent, and the deletions among them."""

    accounts: int = 0
    checks: int = 0
    deletions: int = 0

    def plus(self, accounts: int, checks: int, deletions: int) -> "Tally":
        """Return the tally with what one more page gave."""
        return Tally(self.accounts + accounts, self.checks + checks, self.deletions + deletions)


class Passed(NamedTuple):
    """How the last pass ended."""

    at: datetime
    walk: Walk
    tally: Tally


class Silence(NamedTuple):
    """What shows whether events come at all.

    `watched` is not used any more; an older version reads it. `event_at`: the newest event that is known.
    `first_at` and `last_at`: the first and the last write, since then, of a check that catch-up sent.
    `missing` says why nothing seems to come; "" if all is well.
    """

    watched: tuple[UUID, ...] = ()
    event_at: datetime | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    missing: str = ""


NOTHING_YET, NOTHING_SEEN = Tally(), Silence()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUpState:
    """Where catch-up stands.

    `walk` and `page` are those of the pass under way: it began at `begun_at`, by the clock of Sales, has the
    `tally`, and `serves` the request of a person. `link` is where the next pass begins. `untracked`: the last
    pass went by modifiedon. `since` is when the last whole pass began. `next_due` is the next free due time
    of a check. `answered` is the last request that was served, `trouble` what went wrong with it, and `away`
    whether that was a system that does not answer.
    """

    walk: Walk | None = None
    page: str = ""
    begun_at: datetime | None = None
    tally: Tally = NOTHING_YET
    serves: str = ""
    link: str = ""
    untracked: bool = False
    since: datetime | None = None
    next_due: datetime | None = None
    last: Passed | None = None
    answered: str = ""
    trouble: str = ""
    away: bool = False
    silence: Silence = NOTHING_SEEN


class Request(NamedTuple):
    """A person asks for a pass now."""

    id: str
    at: datetime


class Noted(NamedTuple):
    """What the table Control has of catch-up; without an ETag there is no state yet."""

    state: CatchUpState
    etag: str | None
    request: Request | None
