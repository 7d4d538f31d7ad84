"""A first load on the stand: through three kills of the host, and from start to report by `accountsync`."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.load_stand import LATENCY, LoadStand, load_stand
from shared.model.load import LoadState
from tests.end_to_end.command_line import CommandLine

pytestmark = pytest.mark.timeout(300)
ACCOUNTS, KILLS = 200, 3


@pytest.fixture
async def loading() -> AsyncIterator[LoadStand]:
    async with load_stand() as found:
        yield found


async def test_a_load_survives_three_kills_of_the_host(loading: LoadStand) -> None:
    await loading.seed(ACCOUNTS)
    await loading.post("/settings", {"latency_ms": LATENCY})
    await loading.start(ACCOUNTS)
    for kill in range(1, KILLS + 1):
        await loading.until_sent(ACCOUNTS * kill // (KILLS + 1), within=150)
        await loading.stand.restart_host(kill=True)
    report = await loading.until_ended(within=180)
    run = await loading.newest()
    assert (run.state, run.sent) == (LoadState.DONE, ACCOUNTS)
    assert await loading.unequal() == []
    assert report.parked == {}
    assert report.created + report.unchanged + report.updated + report.covered == ACCOUNTS


async def test_the_command_line_starts_watches_and_reports_a_load(loading: LoadStand, tmp_path: Path) -> None:
    await loading.seed(30)
    accountsync = CommandLine(loading.stand.settings_file)
    assert (await accountsync("load", "status", "--json")).json == {"state": "none"}
    await accountsync("load", "report", code=4)
    refused = await accountsync("load", "start", "--where", "nocolumn eq 1", "--max-creates", "9", code=1)
    assert "nocolumn" in refused.err
    plan = (await accountsync("load", "start", "--dry-run", "--json")).json
    assert (plan["create"], plan["total"], plan["park"]) == (30, 30, {})
    assert await loading.operator.ports.states.is_empty(), "a dry run writes nothing"
    asked = await accountsync("load", "start", "--json", code=2)
    assert "30 customers" in json.loads(asked.err)["error"]

    stands = await accountsync("load", "start", "--max-creates", "20", "--by", "Ada", "--json", code=1)
    assert (stands.json["state"], stands.json["max_creates"]) == ("paused", 20)
    assert "--max-creates N" in stands.json["remedy"]
    assert stands.json["report"]["created"] == 20
    assert (await accountsync("issues", "--json")).json == []
    again = await accountsync("load", "start", "--max-creates", "1", code=1)
    assert stands.json["id"] in again.err

    done = await accountsync("load", "resume", "--max-creates", "30", "--json")
    assert done.json["state"] == "done"
    await loading.until_ended(within=90)
    report = await accountsync("load", "report", "--export", str(tmp_path / "load.csv"))
    assert "30 created" in report.out
    assert len((tmp_path / "load.csv").read_text(encoding="utf-8-sig").splitlines()) == 31
    assert await loading.unequal() == []
