"""Stores the progress of healing in the table Control, so that the next run continues from there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self
from uuid import uuid5

from shared.model.change import AccountChange, ChangeKind, Source
from shared.model.control import Bookmark
from shared.model.state import ScannedAccount
from shared.ports import Clock, Control

_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_PER_SECOND = 10.0  # checks that healing lets become due: live events pass between them


@dataclass(slots=True)
class Progress:
    """One run: its clock, its end, and its bookmarks. What is noted is stored in one request, at the end."""

    control: Control
    clock: Clock
    until: datetime
    _known: dict[str, Bookmark] = field(default_factory=dict[str, Bookmark])
    _noted: dict[str, Bookmark] = field(default_factory=dict[str, Bookmark])

    @classmethod
    async def begin(cls, control: Control, clock: Clock, longest: timedelta) -> Self:
        """Begin a run now, with the bookmarks as they are stored."""
        return cls(control, clock, clock.now() + longest, dict(await control.bookmarks()))

    @property
    def over(self) -> bool:
        """Whether the time is used up: no part may begin another page, the next run does the rest."""
        return self.clock.now() >= self.until

    def get(self, name: str) -> Bookmark | None:
        """Return the bookmark of this name, if there is one."""
        return self._known.get(name)

    def beginning(self, prefix: str) -> Mapping[str, Bookmark]:
        """Return the bookmarks whose names begin so, the newest first."""
        found = [item for item in self._known.items() if item[0].startswith(prefix)]
        return dict(sorted(found, key=lambda item: item[1].at, reverse=True))

    def note(self, name: str, bookmark: Bookmark) -> None:
        """Note the bookmark if it changed: a run that is killed before it is stored does its part again."""
        if self._known.get(name) != bookmark:
            self._known[name] = self._noted[name] = bookmark

    async def put(self, name: str, bookmark: Bookmark) -> None:
        """Store the bookmark now if it changed, because what follows counts on it."""
        self.note(name, bookmark)
        await self.store()

    async def store(self) -> None:
        """Store what was noted."""
        if self._noted:
            await self.control.put_bookmarks(self._noted)
            self._noted.clear()

    async def remove(self, name: str) -> None:
        """Forget the bookmark."""
        self._noted.pop(name, None)
        await self.control.remove_bookmark(name)
        del self._known[name]


def check(account: ScannedAccount, reason: str) -> AccountChange:
    """Make a check of the account. Its message id stays the same until the account is read again."""
    return AccountChange(
        organization_id=account.organization_id,
        account_id=account.account_id,
        kind=ChangeKind.CHECK,
        occurred_at=account.read_at or _NEVER,
        source=Source.HEAL,
        operation_id=uuid5(account.account_id, reason),
    )


def spread(
    changes: Sequence[AccountChange], first: datetime
) -> tuple[Sequence[tuple[AccountChange, datetime]], datetime]:
    """Give the changes due times from `first` on, and return them with the next free due time."""
    step = timedelta(seconds=1 / _PER_SECOND)
    dated = [(change, first + step * place) for place, change in enumerate(changes)]
    return dated, first + step * len(changes)
