"""The users of Sales: they carry out the stream, and messages come again or late.

In: events. Out: accounts created and changed through the Web API of the simulators, and what Dataverse posted
for each event. Every run has a prefix of its own, so that its accounts and customers are new.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx

from bench.stream import Event
from local.stand_options import Addresses

LATE_BY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of an event of the stream: its operation id, and when it was made."""

    event: Event
    operation_id: str
    account_id: str
    created_at: datetime


@dataclass(slots=True)
class Users:
    """Connections to the Web API and to the control endpoint; `requests` counts those of the former."""

    web: httpx.AsyncClient
    control: httpx.AsyncClient
    prefix: str
    requests: int = 0
    ids: dict[int, str] = field(default_factory=dict[int, str])
    _currencies: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def at(cls, addresses: Addresses, prefix: str) -> Self:
        """Clients for these addresses."""
        web = httpx.AsyncClient(
            base_url=f"{addresses.dataverse}/api/data/v9.2/",
            headers={"Authorization": f"Bearer {addresses.token}", "Prefer": "return=representation"},
            timeout=60,
        )
        return cls(web, httpx.AsyncClient(base_url=addresses.control, timeout=60), prefix)

    async def __aenter__(self) -> Self:
        rows = await self._ask("GET", "transactioncurrencies?$select=currencyname", None)
        self._currencies = {row["currencyname"]: row["transactioncurrencyid"] for row in rows["value"]}
        (await self.control.delete("/events")).raise_for_status()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.web.aclose()
        await self.control.aclose()

    async def take(self, events: Sequence[Event], a_second: float = 0) -> list[Posted]:
        """Carry out the events one after the other, at this pace or as fast as Sales answers."""
        began = time.monotonic()
        for place, event in enumerate(events):
            if a_second:
                await asyncio.sleep(max(0.0, began + place / a_second - time.monotonic()))
            await self._take(event)
        return await self._posted(events)

    def number(self, account: int) -> str:
        """The account's number, which is its customer's too."""
        return f"{self.prefix}-{account}"

    async def change(self, account: int, **columns: str) -> None:
        """Change one account."""
        await self._take(Event(account, "change", columns))

    async def _take(self, event: Event) -> None:
        match event.kind:
            case "create":
                payload = {"accountnumber": self.number(event.account), **self._payload(event)}
                row = await self._ask("POST", "accounts", payload)
                self.ids[event.account] = row["accountid"]
            case "repeat":
                jobs = await self._jobs()
                mine = [job for job in jobs if job["account_id"] == self.ids[event.account]]
                await self._order({"repeat_of": mine[-1]["operation_id"]})
            case "late":
                made = datetime.now(UTC) - LATE_BY
                await self._order({"account_id": self.ids[event.account], "occurred_at": made.isoformat()})
            case _:
                await self._ask("PATCH", f"accounts({self.ids[event.account]})", self._payload(event))

    def _payload(self, event: Event) -> dict[str, object]:
        payload: dict[str, object] = dict(event.columns)
        if currency := payload.pop("currency", None):
            found = self._currencies[str(currency)]
            payload["transactioncurrencyid@odata.bind"] = f"/transactioncurrencies({found})"
        return payload

    async def _ask(self, method: str, path: str, payload: object) -> Any:
        self.requests += 1
        response = await self.web.request(method, path, json=payload)
        return response.raise_for_status().json() if response.content else None

    async def _order(self, order: dict[str, object]) -> None:
        (await self.control.post("/events", json=order)).raise_for_status()

    async def _jobs(self) -> list[dict[str, Any]]:
        return (await self.control.get("/events")).raise_for_status().json()["events"]

    async def _posted(self, events: Sequence[Event]) -> list[Posted]:
        """Wait until Dataverse has posted everything."""
        jobs = await self._jobs()
        while any(job["state"] != "posted" for job in jobs):
            await asyncio.sleep(0.05)
            jobs = await self._jobs()
        return [
            Posted(event, job["operation_id"], job["account_id"], datetime.fromisoformat(job["created_at"]))
            for event, job in zip(events, jobs[-len(events) :], strict=True)
        ]
