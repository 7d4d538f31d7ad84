"""A first load on the stand, beside what latency and partitions allow; and what an event waits behind it.

Each account takes one read in Sales and one creation in the ERP, so that `accounts x latency / partitions` is
the least that a load can take. Meanwhile one account a second is changed in Sales: the time from there to the
written customer is what a live event waits. With `--kills` the host is killed so many times instead.
"""

import argparse
import asyncio
import os
import statistics
import time
from datetime import datetime
from pathlib import Path

import httpx

from local.load_stand import LoadStand, load_stand
from shared.model.load import LoadState

PARTITIONS = 8
TARGET = 1.2  # times the least
TARGET_SIZE = 4_000
LONGEST_WAIT = 5.0  # seconds, of 95 of 100 lone changes
_LONE = 30  # accounts that are changed in turn, each after the burst delay
_LONGEST = 4.0  # times the least: then the bench gives up


def main(arguments: argparse.Namespace) -> int:
    """Load, and print what it took; exit code 1 if a target is missed."""
    return asyncio.run(_killed(arguments) if arguments.kills else _measured(arguments))


async def _measured(arguments: argparse.Namespace) -> int:
    count, latency = arguments.accounts, {"dataverse": arguments.sales_ms, "operations": arguments.erp_ms}
    least = count * sum(latency.values()) / 1000 / PARTITIONS
    async with load_stand({"SYNC_PARTITIONS": str(PARTITIONS)}) as loading:
        lone = await _lone_accounts(loading)
        await loading.seed(count)
        await loading.post("/settings", {"latency_ms": latency})
        before, began = _cpu(loading), time.monotonic()
        await loading.start(count + len(lone))
        changes = asyncio.create_task(_change_in_turn(loading, lone))
        await loading.until_sent(count, within=_LONGEST * least + 60)
        changes.cancel()
        report = await loading.until_ended(within=120)
        took, cpu = time.monotonic() - began, _cpu(loading) - before
        waits = await _waits(loading, lone)
        wrong = [] if not await loading.unequal() else ["customers differ"]
    print(f"{count:,} accounts in {took:.1f} s; the least is {least:.1f} s: {took / least:.2f} times")
    print(f"created {report.created:,}, covered or unchanged {report.covered + report.unchanged:,}")
    print(f"{1000 * cpu / count:.1f} ms of CPU an account, in the host")
    worst = statistics.quantiles(waits, n=20)[-1] if len(waits) > 1 else 0.0
    median = statistics.median(waits or [0])
    print(f"{len(waits)} lone changes: median {median:.2f} s, 95 % within {worst:.2f} s")
    if count <= TARGET_SIZE and not arguments.no_targets:
        wrong += [f"slower than {TARGET} times the least"] if took > TARGET * least else []
        wrong += [f"an event waits longer than {LONGEST_WAIT} s"] if worst > LONGEST_WAIT else []
    print("; ".join(wrong) or "ok")
    return bool(wrong)


async def _killed(arguments: argparse.Namespace) -> int:
    """Kill the host while it loads, and compare the customers at the end."""
    count, kills = arguments.accounts, arguments.kills
    async with load_stand() as loading:
        await loading.seed(count)
        latency = {"dataverse": arguments.sales_ms, "operations": arguments.erp_ms}
        await loading.post("/settings", {"latency_ms": latency})
        await loading.start(count)
        for kill in range(1, kills + 1):
            await loading.until_sent(count * kill // (kills + 1), within=600)
            await loading.stand.restart_host(kill=True)
        report = await loading.until_ended(within=600)
        run, wrong = await loading.newest(), await loading.unequal()
    print(f"{count:,} accounts, {kills} kills: {run.state}, {run.sent:,} sent, {report.created:,} created")
    print("\n".join(wrong[:20]) or "customers equal, none doubled")
    return bool(wrong) or run.state is not LoadState.DONE


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
