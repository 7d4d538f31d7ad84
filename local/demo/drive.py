"""The users of Sales, and what happens to Dataverse's messages on their way.

In: cases and steps. Out: accounts created and changed through the Web API; messages that are repeated, late,
stripped or broken through the control endpoint of the simulators.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Self

import httpx

from local.demo.cases import Case, Step
from local.stand_options import Addresses

AT_ONCE = 8
XML = "<RemoteExecutionContext xmlns='http://schemas.microsoft.com/xrm/2011/Contracts'/>"
LATE_BY = timedelta(hours=1)


@dataclass(slots=True)
class Sales:
    """Connections to the Web API and to the control endpoint; `requests` counts those of the former."""

    web: httpx.AsyncClient
    control: httpx.AsyncClient
    requests: int = 0
    ids: dict[str, str] = field(default_factory=dict[str, str])
    currency_of: dict[str, str] = field(default_factory=dict[str, str])
    _currencies: dict[str, str] = field(default_factory=dict[str, str])
    _posted_by_hand: int = 0

    @classmethod
    def at(cls, addresses: Addresses) -> Self:
        """Clients for these addresses."""
        limits = httpx.Limits(max_connections=AT_ONCE)
        web = httpx.AsyncClient(
            base_url=f"{addresses.dataverse}/api/data/v9.2",
            headers={"Authorization": f"Bearer {addresses.token}"},
            limits=limits,
            timeout=60,
        )
        return cls(web, httpx.AsyncClient(base_url=addresses.control, limits=limits, timeout=60))

    async def __aenter__(self) -> Self:
        rows = await self._ask("GET", "/transactioncurrencies?$select=currencyname")
        self._currencies = {row["currencyname"]: row["transactioncurrencyid"] for row in rows["value"]}
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.web.aclose()
        await self.control.aclose()

    async def create(self, cases: Iterable[Case]) -> None:
        """Create the accounts, some at a time."""
        await _some_at_a_time(self._create(case) for case in cases)

    async def take(self, steps: Sequence[Step]) -> None:
        """Take the steps: those of one account one after the other, several accounts at a time."""
        by_account = groupby(sorted(steps, key=lambda step: step.number), key=lambda step: step.number)
        jobs = await self.jobs()
        first = {job["account_id"]: job["operation_id"] for job in jobs if job["message"] == "Create"}
        await _some_at_a_time(self._take_all(list(of_one), first) for _, of_one in by_account)

    async def jobs(self) -> list[dict[str, Any]]:
        """All that Dataverse has posted or is about to post."""
        return (await self.control.get("/events")).raise_for_status().json()["events"]

    async def _create(self, case: Case) -> None:
        columns = {"name": case.name, "accountnumber": case.number, "currency": case.currency, **case.columns}
        row = await self._ask("POST", "/accounts", self._payload(case.number, columns))
        self.ids[case.number] = row["accountid"]

    async def _take_all(self, steps: Sequence[Step], first: dict[str, str]) -> None:
        for step in steps:
            await self._take(step, first)

    async def _take(self, step: Step, first: dict[str, str]) -> None:
        account_id = self.ids.get(step.number, "")
        match step.kind:
            case "patch":
                payload = self._payload(step.number, step.columns)
                await self._ask("PATCH", f"/accounts({account_id})", payload)
            case "delete":
                await self._ask("DELETE", f"/accounts({account_id})")
            case "repeat":
                await self._post({"repeat_of": first[account_id]})
            case "late":
                at = datetime.now(UTC) - LATE_BY
                await self._post({"account_id": account_id, "occurred_at": at.isoformat()})
            case "stripped":
                await self._post({"account_id": account_id, "stripped": True})
            case "xml":
                await self._post({"body": XML, "content_type": "application/xml"})

    def _payload(self, number: str, columns: Any) -> dict[str, object]:
        payload = dict(columns)
        if currency := payload.pop("currency", None):
            self.currency_of[number] = currency
            payload["transactioncurrencyid@odata.bind"] = (
                f"/transactioncurrencies({self._currencies[currency]})"
            )
        return payload

    async def _ask(self, method: str, path: str, payload: object = None) -> Any:
        self.requests += 1
        url = f"{self.web.base_url}{path.removeprefix('/')}"
        response = await self.web.request(
            method, url, json=payload, headers={"Prefer": "return=representation"}
        )
        return response.raise_for_status().json() if response.content else None

    async def _post(self, order: dict[str, object]) -> None:
        """Post a message by hand, by queue and by webhook in turn; a repeat goes the way of the first."""
        if "repeat_of" not in order:
            order["via"] = ("queue", "webhook")[self._posted_by_hand % 2]
            self._posted_by_hand += 1
        (await self.control.post("/events", json=order)).raise_for_status()


async def _some_at_a_time(work: Iterable[Any]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(coroutine: Any) -> None:
        async with gate:
            await coroutine

    await asyncio.gather(*(one(coroutine) for coroutine in work))
