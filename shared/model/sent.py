"""Checks that a walk through many accounts has sent, and how it knows them again."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from pydantic import AwareDatetime


class Sent(NamedTuple):
    """A check that was sent, when it is due, and the partition that it was put into."""

    account_id: UUID
    due: AwareDatetime
    partition: str = ""  # unknown in a document of an older release


class Walk(Protocol):
    """A walk through many accounts; `recent` are its checks that had not ended at its last page."""

    @property
    def recent(self) -> Sequence[Sent]: ...
    # The operation id of the walk's check of this account.
    def operation(self, account_id: UUID) -> UUID: ...
