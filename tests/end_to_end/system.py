"""The two Dynamics systems, the app and its tables, as the tests use them.

In: addresses, of a stand or of real services. Out: accounts created and changed through the Web API, events
posted to the webhook, and what can be seen of them in Operations and in the tables.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from local.stand import Stand
from tests.end_to_end.waiting import eventually

type Row = dict[str, Any]
PREFIX = "ACCOUNT_SYNC_E2E_"
ALLOWED_CLOCK_DIFFERENCE = timedelta(seconds=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything is; the names and defaults are those of the environment variables."""

    dataverse: str
    operations: str
    functions: str
    function_key: str
    tables: str
    token: str = ""
    company: str = "usmf"
    group: str = "10"
    unmapped: str = ""
    settle_seconds: float = 5.0
    control: str = ""
    servicebus: str = ""
    servicebus_control: str = ""


def places_from_environment() -> Places | None:
    """The services that the environment names; None if it names none."""
    given = {
        name: value
        for name in Places.__dataclass_fields__
        if (value := os.environ.get(f"{PREFIX}{name.upper()}"))
    }
    if not given:
        return None
    seconds = float(given.pop("settle_seconds", "5"))
    return Places(**given, settle_seconds=seconds)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of an account's own history in the table AccountSync."""

    at: str
    outcome: str
    detail: str
    source: str
    operation: str
    operation_id: str


@dataclass(slots=True)
class System:
    """Everything at once; `stand` is None where the services are real."""

    places: Places
    sales: httpx.AsyncClient
    operations: httpx.AsyncClient
    app: httpx.AsyncClient
    tables: TableServiceClient
    control: httpx.AsyncClient | None
    stand: Stand | None
    organization_id: str = ""

    async def look_round(self) -> None:
        """Learn the id of the organisation."""
        who = (await self.sales.get("/WhoAmI")).raise_for_status().json()
        self.organization_id = who["OrganizationId"]

    def number(self) -> str:
        """An account number that nobody has."""
        return f"E{uuid4().hex[:12].upper()}"

    async def create(self, number: str, currency: str = "Euro", **columns: object) -> str:
        """Create an account in Sales; its id."""
        values = {"name": f"Test {number}", "accountnumber": number, **columns}
        payload = values | await self.in_currency(currency)
        answer = await self.sales.post("/accounts", json=payload, headers={"Prefer": "return=representation"})
        return answer.raise_for_status().json()["accountid"]

    async def in_currency(self, name: str) -> Row:
        """The columns that give an account a currency."""
        query = {"$select": "currencyname", "$filter": f"currencyname eq '{name}'"}
        rows = (await self.sales.get("/transactioncurrencies", params=query)).raise_for_status().json()
        (row,) = rows["value"]
        path = f"/transactioncurrencies({row['transactioncurrencyid']})"
        return {"transactioncurrencyid@odata.bind": path}

    async def change(self, account_id: str, **columns: object) -> None:
        """Change an account in Sales."""
        (await self.sales.patch(f"/accounts({account_id})", json=columns)).raise_for_status()

    async def delete(self, account_id: str) -> None:
        """Delete an account in Sales."""
        (await self.sales.delete(f"/accounts({account_id})")).raise_for_status()

    async def customer(self, number: str) -> Row | None:
        """The customer of that number in Operations, whichever company it is in."""
        query = {"cross-company": "true", "$filter": f"CustomerAccount eq '{number}'"}
        rows = (await self.operations.get("/CustomersV3", params=query)).raise_for_status().json()["value"]
        assert len(rows) <= 1, f"two customers have the number {number}"
        return rows[0] if rows else None

    async def customer_with(self, number: str, **fields: object) -> Row:
        """The customer, as soon as it has these fields."""

        def fits(row: Row | None) -> bool:
            return row is not None and all(row[name] == value for name, value in fields.items())

        found = await eventually(lambda: self.customer(number), fits, f"customer {number} with {fields}")
        assert found is not None
        return found

    async def state(self, account_id: str) -> Mapping[str, Any]:
        """The row of the account in AccountSync; empty if there is none."""
        return await self.row("AccountSync", account_id, "state")

    async def row(self, table: str, partition: str, key: str) -> Mapping[str, Any]:
        """A row of a table; empty if there is none."""
        try:
            return await self.tables.get_table_client(table).get_entity(partition, key)
        except ResourceNotFoundError:
            return {}

    async def log(self, account_id: str) -> list[LogLine]:
        """What the app remembers of the account, the newest last."""
        state = await self.state(account_id)
        return [LogLine(*line[:6]) for line in json.loads(state.get("Log", "[]"))]

    async def phase(self, account_id: str, wanted: str) -> Mapping[str, Any]:
        """The account's row, as soon as it is in that phase and nobody is at work on it."""
        return await eventually(
            lambda: self.state(account_id),
            lambda row: row.get("Phase") == wanted and "LeaseOwner" not in row,
            f"account {account_id} {wanted}",
        )

    async def parked(self, account_id: str, cause: str) -> Mapping[str, Any]:
        """The account's row in Issues, as soon as it is parked for this cause.

        The app writes that row after the account's state, which names it.
        """

        async def issue() -> Mapping[str, Any]:
            state = await self.state(account_id)
            key, ended = str(state.get("Issue", "")), "LeaseOwner" not in state
            parked = state.get("Phase") == "parked" and ended and key.startswith(cause)
            return await self.row("Issues", key, account_id) if parked else {}

        return await eventually(issue, bool, f"account {account_id} parked as {cause}")

    async def settled(self, account_id: str) -> None:
        """Wait until the account is synced, free of doubt, and past the time in which bursts settle."""
        settle = timedelta(seconds=self.places.settle_seconds) + ALLOWED_CLOCK_DIFFERENCE

        def quiet(row: Mapping[str, Any]) -> bool:
            if row.get("Phase") != "synced" or {"LeaseOwner", "DoubtfulUntil"} & row.keys():
                return False
            return datetime.now(UTC) > datetime.fromisoformat(row["ReadAt"]) + settle

        await eventually(lambda: self.state(account_id), quiet, f"account {account_id} settled")

    async def post(
        self, body: bytes | Row, content_type: str = "application/json", **headers: str
    ) -> httpx.Response:
        """Post a body to the webhook, with the key unless the headers say otherwise."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {
            "Content-Type": content_type,
            "x-functions-key": self.places.function_key,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.app.post("/api/dataverse/events", content=content, headers=all_headers)

    def event(
        self,
        account_id: str,
        message: str = "Update",
        columns: tuple[str, ...] = ("name",),
        ago: timedelta = timedelta(0),
    ) -> Row:
        """An event as Dataverse writes it, down to what anybody reads; no columns: a stripped one."""
        milliseconds = round((datetime.now(UTC) - ago).timestamp() * 1000)
        attributes = [{"key": name, "value": "x"} for name in columns]
        target = {"Attributes": attributes, "Id": account_id, "LogicalName": "account"}
        return {
            "CorrelationId": str(uuid4()),
            "InitiatingUserId": str(uuid4()),
            "InputParameters": [{"key": "Target", "value": target}] if columns else None,
            "IsInTransaction": False,
            "MessageName": message,
            "Mode": 1,
            "OperationCreatedOn": f"/Date({milliseconds}+0000)/",
            "OperationId": str(uuid4()),
            "OrganizationId": self.organization_id,
            "PrimaryEntityId": account_id,
            "PrimaryEntityName": "account",
        }

    async def looked_at(self, account_id: str, operation_id: str) -> LogLine:
        """The line of the look that an event led to."""

        async def lines() -> list[LogLine]:
            return [line for line in await self.log(account_id) if line.operation_id == operation_id]

        found = await eventually(lines, bool, f"account {account_id} looked at for {operation_id}")
        return found[-1]
