"""What a person did on the operator's page: one row that is never changed."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

_TIME_BITS, _RANDOM_BITS = 48, 80


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """One action. `who` is the person's object id; `what` is a word for the action.

    `ids` are what it was about: account ids, systems, numbers of messages, or the id of an edit. `count` is
    how many there were, `why` the reason that the person gave.
    """

    id: UUID
    at: datetime
    who: UUID
    what: str
    ids: tuple[str, ...]
    count: int
    why: str = ""


def action_id(now: datetime) -> UUID:
    """Make an id that falls with time, so that a list in the order of the ids begins with the newest."""
    past = 2**_TIME_BITS - 1 - int(now.timestamp() * 1000)
    return UUID(int=(past << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS))
