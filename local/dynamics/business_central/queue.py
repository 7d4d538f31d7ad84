"""The queue before an environment: how many requests of one identity are worked on at a time.

Five run, 95 wait, further ones get 429; who waits longer than eight minutes gets 503
(learn.microsoft.com/dynamics365/business-central/dev-itpro/administration/operational-limits-online). The
highest number of requests that one identity had there at a time is kept.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from local.dynamics.business_central.errors import failure
from local.dynamics.calls import Answer, Call


@dataclass(slots=True)
class RequestQueue:
    """The limits and the counts of all identities."""

    running: int = 5
    waiting: int = 95
    seconds: float = 480.0
    most: dict[str, int] = field(default_factory=dict[str, int])
    _present: Counter[str] = field(default_factory=Counter[str])
    _places: dict[str, asyncio.Semaphore] = field(default_factory=dict[str, asyncio.Semaphore])

    @asynccontextmanager
    async def place(self, call: Call) -> AsyncGenerator[Answer | None]:
        """Hold a place for one request; yields the answer if the request is turned away.

        A request without a token has no identity: it holds no place, and the service refuses it.
        """
        authorization = call.headers.get("authorization", "")
        if not authorization:
            yield None
            return
        identity = identity_of(authorization)
        if self._present[identity] >= self.running + self.waiting:
            yield failure(429, None)
            return
        self._present[identity] += 1
        self.most[identity] = max(self.most.get(identity, 0), self._present[identity])
        try:
            async with self._running(identity) as refusal:
                yield refusal
        finally:
            self._present[identity] -= 1

    @asynccontextmanager
    async def _running(self, identity: str) -> AsyncGenerator[Answer | None]:
        place = self._places.setdefault(identity, asyncio.Semaphore(self.running))
        try:
            await asyncio.wait_for(place.acquire(), self.seconds)
        except TimeoutError:
            yield failure(503, "Application_QueueTimeout")
            return
        try:
            yield None
        finally:
            place.release()

    def forget(self) -> None:
        """Start the counts anew."""
        self.most.clear()


def identity_of(authorization: str) -> str:
    """A name for the identity behind a token, which does not show the token."""
    return hashlib.sha256(authorization.encode()).hexdigest()[:12]
