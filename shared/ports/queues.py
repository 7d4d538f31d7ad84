"""What people need of the queues: dead letters and rejected events, and the counts."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from shared.model.queues import Bin, Leftover, QueueDepth

type Resend = Callable[[Leftover], Awaitable[bool]]
"""Sends a leftover again; False leaves it where it is."""


class Leftovers(Protocol):
    """The dead letters of each queue, and the rejected events."""

    # The messages there, oldest first; none is removed. Raises QueueUnavailable.
    def peek(self, place: Bin) -> AsyncIterator[Leftover]: ...
    # Send the wanted messages again, then remove them. Returns how many were sent, and how many stayed.
    async def take(
        self, place: Bin, wanted: Callable[[Leftover], bool], resend: Resend
    ) -> tuple[int, int]: ...
    # Post an event to the queue that Dataverse posts to. Raises QueueUnavailable.
    async def post_event(self, body: bytes) -> None: ...


class QueueDepths(Protocol):
    """The queues' counts."""

    # Each queue of the app. Raises QueueUnavailable.
    async def depths(self) -> Sequence[QueueDepth]: ...
