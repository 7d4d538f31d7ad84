"""The broker in a process of its own, with the queues of these tests, and its control endpoint."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

PLAIN, SESSIONS, DUPLICATES, SHARED = "plain", "sessions", "duplicates", "shared"
EXPIRING, BRIEF, SHORT_LOCKS = "expiring", "brief", "short-locks"
QUEUES: dict[str, dict[str, object]] = {
    PLAIN: {"MaxDeliveryCount": 3},
    SESSIONS: {"MaxDeliveryCount": 3, "RequiresSession": True},
    DUPLICATES: {"RequiresDuplicateDetection": True, "DuplicateDetectionHistoryTimeWindow": "PT10M"},
    EXPIRING: {"DeadLetteringOnMessageExpiration": True},
    BRIEF: {"DefaultMessageTimeToLive": "PT0.2S"},
    SHORT_LOCKS: {"LockDuration": "PT3S"},
    SHARED: {"MaxDeliveryCount": 10},
}
DEADLINE = 15.0


def config_text(lanes: Iterable[str]) -> str:
    """A config file with all queues for each lane: what runs at the same time must not share queues."""
    queues = [
        {"Name": f"{lane}-{name}", "Properties": properties}
        for lane in lanes
        for name, properties in QUEUES.items()
    ]
    namespace = {"Name": "sbemulatorns", "Queues": queues, "Topics": []}
    return json.dumps({"UserConfig": {"Namespaces": [namespace], "Logging": {"Type": "Console"}}})


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker as one lane sees it. Its control endpoint is called synchronously."""

    connection_string: str
    control: httpx.Client
    process: "subprocess.Popen[str]"
    lane: str = ""

    def name_of(self, queue: str) -> str:
        return f"{self.lane}-{queue}"

    def counts(self, queue: str) -> dict[str, Any]:
        return self.control.get(f"/queues/{self.name_of(queue)}").raise_for_status().json()

    def expire_locks(self, queue: str) -> None:
        self.control.post("/expire-locks", json={"queue": self.name_of(queue)}).raise_for_status()

    def clear(self, queue: str) -> None:
        self.control.post("/clear", json={"queue": self.name_of(queue)}).raise_for_status()

    def disconnect(self, queue: str) -> int:
        """Drop the connections that use this queue. How many there were."""
        request = {"clients": "all", "queue": self.name_of(queue)}
        return self.control.post("/disconnect", json=request).raise_for_status().json()["disconnected"]

    async def until(self, queue: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the counts of a queue satisfy a condition. Fails after the deadline."""
        end = time.monotonic() + DEADLINE
        while not holds(counts := self.counts(queue)):
            assert time.monotonic() < end, f"still {counts}"
            await asyncio.sleep(0.02)
        return counts


@contextlib.contextmanager
def running_broker(config: Path, *options: str) -> Iterator[Broker]:
    command = [sys.executable, "-m", "local.servicebus", "--config", str(config), "--port", "0"]
    with subprocess.Popen(
        [*command, "--exit-with-parent", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with httpx.Client(base_url=ready["control"], trust_env=False) as control:
            try:
                yield Broker(ready["connection_string"], control, process)
            finally:
                process.terminate()
                process.wait(10)
