"""`python -m local.dynamics` as a process: its one line, its options, its end."""

import asyncio
import json
import signal
import sys
from typing import Any

import httpx
import pytest


async def started(
    *options: str, stdin: int | None = None
) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "local.dynamics", *options, stdin=stdin, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    return process, json.loads(line)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_serves_and_ends_cleanly_when_told(end: signal.Signals) -> None:
    process, ready = await started("--token", "t")
    erps = {"operations", "business_central", "nav"}
    assert set(ready) == {"ready", "dataverse", *erps, "control", "token"}
    async with httpx.AsyncClient(headers={"Authorization": "Bearer t"}) as client:
        assert (await client.get(f"{ready['dataverse']}/api/data/v9.2/WhoAmI")).status_code == 200
        assert (await client.get(f"{ready['operations']}/data/Currencies")).status_code == 200
        assert (await client.get(f"{ready['control']}/faults")).status_code == 200
    process.send_signal(end)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert process.stdout is not None
    assert await process.stdout.read() == b""


async def test_it_ends_with_its_parent() -> None:
    process, _ = await started("--exit-with-parent", stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 10) == 0
