"""A TCP proxy in front of the tables: cuts connections before and after a request got through, delays, or
refuses everyone for a while.

In: the port of the table service. Out: a port of our own, and counts of what was done. A request is taken to
be one chunk of a connection, which is how HTTP/1.1 clients send short ones.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Self

CHUNK = 256 * 1024
LONGEST_DELAY = 0.4


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of the requests."""

    cut_before: float = 0.0
    cut_after: float = 0.0
    delay: float = 0.0


CALM = Rates()


@dataclass(slots=True)
class TableProxy:
    """Use `async with`; `rates` and `away` may change at any time."""

    target: int
    port: int
    random: Random
    rates: Rates = CALM
    away: bool = False
    counts: Counter[str] = field(default_factory=Counter[str])
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=CHUNK)
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in [*self._open]:
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def nobody_there(self) -> AsyncIterator[None]:
        """Cut every connection, and every new one, until the block ends."""
        self.away = True
        for writer in [*self._open]:
            writer.transport.abort()
        try:
            yield
        finally:
            self.away = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            self.counts["tables: refused"] += 1
            writer.transport.abort()
            return
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, onward}
        self._open |= both
        try:
            await self._relay(reader, writer, there, onward)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for one in both:
                one.transport.abort()
            self._open -= both

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
    ) -> None:
        """Both directions at a time; the end of either is the end of both."""
        cut = asyncio.Event()
        ways = {
            asyncio.ensure_future(self._requests(reader, onward, cut)),
            asyncio.ensure_future(_answers(there, writer, cut)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _requests(
        self, reader: asyncio.StreamReader, onward: asyncio.StreamWriter, cut: asyncio.Event
    ) -> None:
        while chunk := await reader.read(CHUNK):
            self.counts["tables: requests"] += 1
            drawn, rates = self.random.random(), self.rates
            if drawn < rates.cut_before:
                self.counts["tables: cut before"] += 1
                return
            if drawn < rates.cut_before + rates.cut_after:
                self.counts["tables: cut after"] += 1
                cut.set()
            elif drawn < rates.cut_before + rates.cut_after + rates.delay:
                self.counts["tables: delay"] += 1
                await asyncio.sleep(self.random.uniform(0.05, LONGEST_DELAY))
            onward.write(chunk)
            await onward.drain()


async def _answers(there: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event) -> None:
    """Pass answers on; one that is to be cut is read, so that the request was carried out, and kept."""
    while chunk := await there.read(CHUNK):
        if cut.is_set():
            return
        writer.write(chunk)
        await writer.drain()
