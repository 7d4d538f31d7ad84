"""The weather at the two services: what share of their requests fails how, and what was counted of it.

The weather can be replaced for a while by a storm of 429, a total outage, or wrong credentials; the fault
rules of the simulators are then exchanged as a whole, so that an outage is total, and what follows is the
weather of before.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

type Rule = dict[str, Any]
LATEST_MEETING = 60.0  # seconds after the last piece of trouble
ERP = "erp"  # in a rule: whichever ERP the run is about


def _erp(kind: str, rate: float, **more: object) -> Rule:
    return {"system": ERP, "kind": kind, "rate": rate, **more}


def _dataverse(kind: str, rate: float, **more: object) -> Rule:
    return {"system": "dataverse", "kind": kind, "rate": rate, **more}


_LATE = {"delay_ms": 1500, "status": 504}
_READ = {"method": "GET", "path": "accounts"}
USUAL: tuple[Rule, ...] = (
    _erp("status", 0.03, status=429, retry_after=1),
    _erp("status", 0.03, status=503),
    _erp("status", 0.025, status=500),
    _erp("delay", 0.04, delay_ms=300),
    _erp("drop-before", 0.03),
    _erp("drop-after-commit", 0.03),
    _erp("late-commit", 0.05, method="POST", **_LATE),
    _erp("late-commit", 0.05, method="PATCH", **_LATE),
    _erp("late-commit", 0.01, method="PATCH", delay_ms=1000, hold=True),
    _erp("conflict", 0.05, method="PATCH"),
    _dataverse("status", 0.05, status=429, retry_after=1),
    _dataverse("status", 0.05, status=503),
    _dataverse("delay", 0.05, delay_ms=300, **_READ),
    _dataverse("drop-before", 0.06, **_READ),
    {"system": "events", "kind": "drop-after-commit", "rate": 0.03},
    {"system": "events", "kind": "drop-before", "rate": 0.03},
)
_REFUSED = (
    _erp("status", 0.02, status=400, code="Application_DialogException", method="POST"),
    _erp("status", 0.01, status=400, code="Application_DialogException", method="PATCH"),
)
# What one ERP answers, and another does not. A refusal without another cause parks the account.
OWN: dict[str, tuple[Rule, ...]] = {
    "operations": (
        _erp("status", 0.02, status=500, code="infolog", method="POST"),
        _erp("status", 0.01, status=500, code="infolog", method="PATCH"),
    ),
    "business-central": (
        *_REFUSED,
        _erp("status", 0.02, status=503, code="Application_QueueTimeout"),
        _erp("status", 0.01, status=408),
    ),
    "nav": (*_REFUSED, _erp("status", 0.02, status=503, code="Internal_TenantUnavailable")),
}
STORM = (
    _erp("status", 0.8, status=429, retry_after=1),
    _dataverse("status", 0.8, status=429, retry_after=1),
)
OUTAGE = (_erp("status", 1.0, status=503),)
WRONG_CREDENTIALS = (_erp("status", 1.0, status=401),)


@dataclass(slots=True)
class Weather:
    """One at a time; `requests_in` holds the requests that the ERP got in each outage."""

    control: httpx.AsyncClient
    target: str
    counts: Counter[str] = field(default_factory=Counter[str])
    requests_in: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    _standing: tuple[Rule, ...] = ()
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def usual(self) -> None:
        """From now on, the usual faults."""
        self._standing = usual(self.target)
        await self._replace(self._standing)

    async def calm(self) -> None:
        """From now on, none; waits for what replaces them to end."""
        async with self._one:
            self._standing = ()
            await self._replace(())

    async def storm(self, seconds: float) -> None:
        """429 nearly everywhere for a while."""
        await self._instead(STORM, seconds)

    async def outage(self, what: str, seconds: float) -> None:
        """No request to the ERP succeeds for a while; counts how many there were."""
        rules = OUTAGE if what == "outage" else WRONG_CREDENTIALS
        since = await self._instead(rules, seconds)
        query = {"system": self.target, "since": since}
        report = (await self.control.get("/requests", params=query)).raise_for_status().json()
        self.requests_in.append((what, sum(since <= e["time"] <= since + seconds for e in report["entries"])))

    async def share(self) -> dict[str, tuple[int, int]]:
        """By system: how many requests, and how many of them had a fault."""
        entries = (await self.control.get("/requests")).raise_for_status().json()["entries"]
        systems = {entry["system"] for entry in entries}
        return {
            system: (
                sum(entry["system"] == system for entry in entries),
                sum(entry["system"] == system and entry["fault"] is not None for entry in entries),
            )
            for system in sorted(systems)
        }

    async def has_met_the_erp(self) -> None:
        """Wait until a request to the ERP had a fault: after kills, a slow machine comes to it late."""
        deadline = time.monotonic() + LATEST_MEETING
        while time.monotonic() < deadline:
            if (await self.share()).get(self.target, (0, 0))[1]:
                return
            await asyncio.sleep(1)

    async def _instead(self, rules: tuple[Rule, ...], seconds: float) -> float:
        """These rules for a while, then those of before; when they began, in seconds of the epoch."""
        async with self._one:
            await self._replace(rules)
            began = time.time()
            await asyncio.sleep(seconds)
            await self._replace(self._standing)
        return began

    async def _replace(self, rules: tuple[Rule, ...]) -> None:
        """Exchange the rules; what the old ones did is counted."""
        for fault in (await self.control.get("/faults")).raise_for_status().json():
            self.counts[_name(fault["rule"])] += fault["fired"]
        (await self.control.delete("/faults")).raise_for_status()
        for rule in rules:
            of_target = rule | ({"system": self.target} if rule["system"] == ERP else {})
            (await self.control.post("/faults", json=of_target)).raise_for_status()


def usual(target: str) -> tuple[Rule, ...]:
    """The usual faults with this ERP."""
    return (*USUAL, *OWN[target])


def _name(rule: Rule) -> str:
    detail = " ".join(str(rule[name]) for name in ("status", "code") if name in rule)
    return f"{rule['system']}: {rule['kind']} {detail}".strip()
