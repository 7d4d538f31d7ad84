"""The local stand as the suites measure on it: latencies, what the systems were asked, when events ended.

The settings are the defaults; the stand's own latencies are set only while something is measured.
"""

import asyncio
import contextlib
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from local.demo.seed import run_timers, seed
from local.demo.watch import LOOKS, ON_THE_WAY, Ledger, Tail, idle
from local.stand import Stand
from local.stand_options import StandOptions

SALES_MS, ERP_MS = 80.0, 200.0
OWN_LATENCY = (SALES_MS + ERP_MS) / 1000  # what the two systems alone need for a change
POLL_SECONDS = 0.1
# So long after a mapping row changed, healing has the accounts that were read meanwhile checked again minutes
# later: the default of CURRENCY_CACHE_SECONDS, and five seconds between two clocks.
ROWS_ARE_NEW = 66.0
ON_DISK = re.compile(r'"(GET|PUT|POST|PATCH|MERGE|DELETE) (\S+) HTTP/1.1"')


@dataclass(slots=True)
class Ground:
    """A running stand; `tail` gives each line of the hosts' logs once."""

    stand: Stand
    control: httpx.AsyncClient
    broker: httpx.AsyncClient
    tail: Tail

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls) -> "AsyncIterator[Ground]":
        """The stand with its mapping table, healed once; raises ChildError and DemoError."""
        options = StandOptions(table_access_log=True, core_tools=False, webhook=False)
        async with Stand.start(options) as stand:
            await seed(stand)
            await run_timers(stand)
            await asyncio.sleep(ROWS_ARE_NEW)
            here = stand.addresses
            async with (
                httpx.AsyncClient(base_url=here.control, timeout=60) as control,
                httpx.AsyncClient(base_url=here.servicebus_control, timeout=60) as broker,
            ):
                yield cls(stand, control, broker, Tail(stand.host_logs))

    async def slow(self, sales: float = SALES_MS, erp: float = ERP_MS) -> None:
        """Let the two systems answer so many milliseconds later."""
        latency = {"dataverse": sales, self.stand.options.erp.key: erp}
        (await self.control.post("/settings", json={"latency_ms": latency})).raise_for_status()

    async def fast(self) -> None:
        """Let the two systems answer at once."""
        await self.slow(0, 0)

    def watch(self) -> "Watch":
        """Follow what happens from now on."""
        for _ in self.tail.records():
            pass
        return Watch(self)

    def host_cpu(self) -> float:
        """Seconds of CPU that the host and the app have used (Linux; elsewhere 0)."""
        status = Path(f"/proc/{self.stand.host_pid()}/stat")
        if not status.exists():
            return 0.0
        fields = status.read_text().rpartition(")")[2].split()  # behind the name, which may have spaces
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # utime and stime of proc(5)

    async def requests_of(self, system: str) -> list[dict[str, Any]]:
        """What this system was asked since `forget_requests`."""
        found = await self.control.get("/requests", params={"system": system})
        return found.raise_for_status().json()["entries"]

    async def forget_requests(self) -> None:
        """Begin to count at zero."""
        (await self.control.delete("/requests")).raise_for_status()

    async def table_requests(self) -> list[str]:
        """Every request to the tables so far; the log is read as soon as a mark of ours is in it."""
        mark = f"mark-{uuid4()}"
        async with TableServiceClient.from_connection_string(self.stand.addresses.tables) as service:
            with contextlib.suppress(ResourceNotFoundError):
                await service.get_table_client("CurrencyMapping").get_entity("bench", mark)
        async with asyncio.timeout(20):
            while mark not in (text := self.stand.table_log.read_text(errors="replace")):  # noqa: ASYNC110 - not ours
                await asyncio.sleep(0.05)
        return [request for request in _requests(text) if "mark-" not in request]


def _requests(text: str) -> Iterator[str]:
    for method, path in ON_DISK.findall(text):
        yield f"{method} {path.partition('devstoreaccount1/')[2]}"


@dataclass(slots=True)
class Watch:
    """Follows the log of the hosts from one moment on."""

    ground: Ground
    ledger: Ledger = field(default_factory=Ledger)
    lines: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def until_ended(self, events: int, longest: float = 600) -> None:
        """Wait until so many events have ended, and nothing waits any more. Raises TimeoutError."""
        async with asyncio.timeout(longest):
            while not await self._ended(events):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(POLL_SECONDS)

    async def _ended(self, events: int) -> bool:
        found = (await self.ground.broker.get("/queues")).raise_for_status().json()  # before the log is read
        for record in self.ground.tail.records():
            if record.get("event") in ("intake", "outcome"):
                self.ledger.add(record)
                self.lines.append(record)
        return idle(found) and self.ledger.outcomes().total() >= events

    def seconds(self) -> float:
        """From the first event that came in to the last that ended."""
        times = [datetime.fromisoformat(line["time"]) for line in self.lines]
        return (max(times) - min(times)).total_seconds()

    def ends(self) -> dict[str, datetime]:
        """When each event ended, by operation id; a merged one with the check that served it."""
        looked: dict[str, datetime] = {}
        found: dict[str, datetime] = {}
        for line in reversed([line for line in self.lines if line["event"] == "outcome"]):
            ended, account = datetime.fromisoformat(line["time"]), line["account_id"]
            if line["ending"] in LOOKS:
                looked[account] = ended
            if line["ending"] != ON_THE_WAY:
                found[line["operation_id"]] = looked.get(account, ended) if _merged(line) else ended
        return found

    def endings(self) -> Counter[str]:
        """How the events ended."""
        return self.ledger.outcomes()


def _merged(line: dict[str, Any]) -> bool:
    return line["ending"] == "merged"
