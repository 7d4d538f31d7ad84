"""What stands where at one moment: customers, the app's tables, the broker's queues, Dataverse's jobs.

Read from the control endpoints and straight from the table service: neither faults nor the app are between.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from azure.data.tables.aio import TableServiceClient

from local.chaos.mapping import Mapping as CurrencyMapping
from local.stand import Stand

type Row = Mapping[str, Any]
IDLE = ("active", "locked", "scheduled", "deferred")
OWN_QUEUES = ("dataverse-events", "account-changes", "load-pages")
POLL_SECONDS = 1.0
HEAL_EVERY = 4
STILL = 5  # polls, with a run of healing among them
UNMAPPED = ("UnmappedCurrency|", "UnmappedValue|", "BadMapping|")
OPEN = ("LeaseOwner", "DoubtfulUntil")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`states` and `issues` by account id, `owners` by customer account."""

    customers: list[Row]
    states: dict[str, Row]
    issues: list[Row]
    owners: dict[str, Row]
    queues: dict[str, dict[str, int]]
    pending: int
    unhealed: list[str]

    @property
    def restless(self) -> list[str]:
        """What still moves, in words."""
        found = [
            f"{name}: {self.queues[name][count]} {count}"
            for name in OWN_QUEUES
            for count in IDLE
            if self.queues[name][count]
        ]
        found += [f"{self.pending} events are not posted yet"] if self.pending else []
        found += [f"healing of {key} goes on" for key in self.unhealed]
        return found

    @property
    def unsettled(self) -> list[str]:
        """Accounts that are not at rest, in words."""
        return [
            f"account {account} is {state.get('Phase')}"
            f"{''.join(f', {name} {state[name]}' for name in OPEN if name in state)}"
            for account, state in self.states.items()
            if state.get("Phase") in {None, "retrying"} or any(name in state for name in OPEN)
        ]


async def look(stand: Stand) -> Standing:
    """Everything as it stands now."""
    addresses, target = stand.addresses, stand.options.erp.target
    async with (
        httpx.AsyncClient(timeout=60) as http,
        TableServiceClient.from_connection_string(addresses.tables) as service,
    ):

        async def table(name: str) -> list[Row]:
            return [row async for row in service.get_table_client(name).list_entities()]

        async def ask(url: str) -> Any:
            return (await http.get(url)).raise_for_status().json()

        queues, events, state = await asyncio.gather(
            ask(f"{addresses.servicebus_control}/queues"),
            ask(f"{addresses.control}/events?limit=0"),
            ask(f"{addresses.control}/state?system={target}"),
        )
        control = await table("Control")
        return Standing(
            customers=state[target]["customers"],
            states={row["PartitionKey"]: row for row in await table("AccountSync")},
            issues=await table("Issues"),
            owners={row["RowKey"]: row for row in await table("CustomerOwners")},
            queues=queues,
            pending=events["pending"],
            unhealed=[
                row["RowKey"]
                for row in control
                if row["PartitionKey"].startswith("mapping") and not row["Done"]
            ],
        )


async def quiet(stand: Stand, mapping: CurrencyMapping, within: float) -> Standing:
    """Wait until nothing moves any more, healing now and then; after the deadline, as it then stands."""
    loop = asyncio.get_running_loop()
    end, still, polls = loop.time() + within, 0, 0
    while True:
        if polls % HEAL_EVERY == 0:
            await mapping.heal()
        found = await look(stand)
        at_rest = not found.restless and not found.unsettled
        still = still + 1 if at_rest else 0
        if still >= STILL or loop.time() > end:
            return found
        polls += 1
        await asyncio.sleep(POLL_SECONDS)


def waiting_in_vain(standing: Standing) -> Iterator[str]:
    """Accounts that are parked for the row of a mapping table; in the end every value has its row."""
    for account, state in standing.states.items():
        if state.get("Phase") == "parked" and str(state.get("Issue")).startswith(UNMAPPED):
            yield f"account {account} is parked as {state['Issue']}"


def log_of(state: Row) -> list[list[Any]]:
    """The account's own history."""
    return json.loads(state.get("Log", "[]"))
