"""A first load on the stand, beside what latency and partitions allow; and what an event waits behind it.

Each account takes one read in Sales and one creation in the ERP. Meanwhile one account a second is changed in
Sales, which takes one read and one update in the same partitions. The load reads these accounts, too, once.
The latency of all these requests, divided by the number of partitions, is the least that this can take. The
time from a change to the written customer is what a live event waits. A second load goes on while the host is
killed.
"""

import argparse
import asyncio
import os
import statistics
import time
from datetime import datetime
from pathlib import Path

import httpx

from bench.figures import Figure
from local.load_stand import LoadStand, load_stand
from shared.model.load import LoadState

PARTITIONS = 8
TARGET_SIZE = 4_000
_LONE = 30  # accounts that are changed in turn, each after the burst delay
_LONGEST = 4.0  # times the least: then the bench gives up


async def measure(arguments: argparse.Namespace) -> list[Figure]:
    """Load twice: once with lone changes meanwhile, once with kills of the host."""
    latency = {"dataverse": arguments.sales_ms, "operations": arguments.erp_ms}
    found = await _timed(arguments.accounts, latency)
    return [*found, *await _killed(arguments.killed, arguments.kills, latency)] if arguments.kills else found


async def _timed(count: int, latency: dict[str, int]) -> list[Figure]:
    a_change = sum(latency.values()) / 1000 / PARTITIONS
    async with load_stand({"SYNC_PARTITIONS": str(PARTITIONS)}) as loading:
        lone = await _lone_accounts(loading)
        await loading.seed(count)
        await loading.post("/settings", {"latency_ms": latency})
        before, began = _cpu(loading), time.monotonic()
        await loading.start(count + len(lone))
        changes = asyncio.create_task(_change_in_turn(loading, lone))
        await loading.until_sent(count, within=_LONGEST * count * a_change + 60)
        changes.cancel()
        report = await loading.until_ended(within=120)
        took, cpu = time.monotonic() - began, _cpu(loading) - before
        waits, unequal = await _waits(loading, lone), await loading.unequal()
    reads = len(lone) * latency["dataverse"] / 1000 / PARTITIONS
    least = (count + len(loading.changed)) * a_change + reads
    worst = statistics.quantiles(waits, n=20)[-1] if len(waits) > 1 else 0.0
    size = "" if count == TARGET_SIZE else f"-{count}"  # the targets are for one size
    told = f"{took:.1f} s, the least is {least:.1f} s; {report.created:,} created"
    middle = f"{len(waits)} changes, median {statistics.median(waits or [0]):.2f} s"
    return [
        Figure(f"load/times-the-least{size}", f"{count:,} accounts", took / least, "x", told),
        Figure(f"load/lone-p95{size}", "a lone change meanwhile, p95", worst, "s", middle),
        Figure(f"load/cpu{size}", "CPU of the host an account", 1000 * cpu / count, "ms"),
        Figure("load/unequal", "customers that differ", len(unequal)),
    ]


async def _killed(count: int, kills: int, latency: dict[str, int]) -> list[Figure]:
    """Kill the host while it loads, and compare the customers at the end."""
    async with load_stand() as loading:
        await loading.seed(count)
        await loading.post("/settings", {"latency_ms": latency})
        await loading.start(count)
        for kill in range(1, kills + 1):
            await loading.until_sent(count * kill // (kills + 1), within=600)
            await loading.stand.restart_host(kill=True)
        report = await loading.until_ended(within=600)
        run, unequal = await loading.newest(), await loading.unequal()
    told = f"{run.sent:,} checks sent, {report.created:,} created"
    wrong = len(unequal) + (run.state is not LoadState.DONE)
    return [Figure("load/killed-unequal", f"customers that differ after {kills} kills", wrong, "", told)]


async def _lone_accounts(loading: LoadStand) -> dict[str, str]:
    """Make the accounts that are changed one by one, and wait for their customers. Their ids by number."""
    await loading.seed(_LONE, prefix="LONE", events=True)
    end = time.monotonic() + 120
    while await loading.unequal():
        assert time.monotonic() < end, "the customers of the lone accounts do not come"
        await asyncio.sleep(0.5)
    state = (await loading.control.get("/state", params={"system": "dataverse"})).raise_for_status().json()
    return {row["accountnumber"]: row["accountid"] for row in state["dataverse"]["accounts"]}


async def _change_in_turn(loading: LoadStand, lone: dict[str, str]) -> None:
    """Change one account a second, as a person in Sales does."""
    here, turn = loading.stand.addresses, 0
    headers = {"Authorization": f"Bearer {here.token}"}
    async with httpx.AsyncClient(base_url=f"{here.dataverse}/api/data/v9.2", headers=headers) as sales:
        while True:
            await asyncio.sleep(1)
            number = list(lone)[turn % len(lone)]
            name, turn = f"Changed {turn}", turn + 1
            (await sales.patch(f"/accounts({lone[number]})", json={"name": name})).raise_for_status()
            loading.changed.append((lone[number], time.time()))
            loading.accounts[number] = name


async def _waits(loading: LoadStand, lone: dict[str, str]) -> list[float]:
    """How long after each change its customer was written, by the next line of the account's log."""
    found: list[float] = []
    written = {"updated", "created"}
    for account_id, log in await loading.logs(lone.values()):
        times = [datetime.fromisoformat(line[0]).timestamp() for line in log if line[1] in written]
        for changed, at in loading.changed:
            if changed == account_id and (later := [moment for moment in times if moment >= at]):
                found.append(later[0] - at)
    return found


def _cpu(loading: LoadStand) -> float:
    """Seconds of CPU that the host has used, as the kernel counts them."""
    file = Path(f"/proc/{loading.host_pid}/stat")
    if not file.exists():
        return 0.0
    parts = file.read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")
