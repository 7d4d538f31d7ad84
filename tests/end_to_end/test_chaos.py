"""A short chaos run and two short outages, as a user runs them."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from local.chaos.conditions import OUTAGE_CAP
from local.chaos.families import PLANTED
from local.chaos.outage import run_outages
from local.erps.by_target import ERPS
from local.erps.operations import OPERATIONS
from local.stand import ROOT

pytestmark = pytest.mark.timeout(300)
SIZE = ("--events", "120", "--accounts", "25", "--rate", "12", "--outage", "2", "--seed", "7")
SMALL = ("--events", "50", "--accounts", "12", "--rate", "10", "--outage", "1", "--seed", "7")
INJECTED = (
    "kill",
    "outage",
    "wrong credentials",
    "storm",
    "disconnect",
    "locks lost",
    "partitions",
    "load",
    "checks of a load",
    "tables away",
    "mapping",
    "terms mapped",
    "terms renamed",
)


async def _chaos(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "local.chaos", *arguments),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


@pytest.mark.parametrize(
    ("target", "size", "injected"),
    [
        ("operations", SIZE, INJECTED),
        ("business-central", SMALL, ("kill", "outage", "partitions", "checks of a load")),
        ("nav", SMALL, ("kill", "outage", "partitions", "checks of a load", "refused creation")),
    ],
)
async def test_every_invariant_holds_in_a_short_run(
    target: str, size: tuple[str, ...], injected: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "result.json"
    code, printed = await _chaos("--target", target, *size, "--json", str(file))
    assert code == 0, printed
    (result,) = json.loads(file.read_text(encoding="utf-8"))
    assert result["good"]
    assert len(result["violations"]) >= 12
    assert not any(result["violations"].values())
    assert {trouble for trouble in injected if not result["injected"].get(trouble)} == set()
    assert {entry["outage"] for entry in result["requests_in"]} == {"outage", "wrong credentials"}
    assert result["conditions"]["target"] == target
    assert result["requests"][target]["with a fault"] > 0
    parents = ERPS[target].parent
    assert result["facts"]["accounts"] == result["conditions"]["accounts"] + (PLANTED if parents else 0)
    assert not parents or result["facts"]["customers with a parent's number"]
    assert result["facts"]["customers with payment terms"]
    assert result["facts"]["customers"] > result["conditions"]["accounts"] / 3


@pytest.mark.parametrize(
    "arguments", [("--accounts", "1"), ("--accounts", "10", "--events", "19"), ("--numbering", "none")]
)
async def test_sizes_that_make_no_sense_are_refused(arguments: tuple[str, ...]) -> None:
    code, printed = await _chaos(*arguments)
    assert code == 2
    assert "usage:" in printed


async def test_an_outage_and_wrong_credentials_are_waited_for_with_few_requests() -> None:
    outages = await run_outages(OPERATIONS, ["outage", "wrong credentials"], 5, 15, lambda _: None)
    assert [outage.wrong for outage in outages] == [[], []]
    for outage in outages:
        assert outage.backlog == 30
        assert 0 < outage.requests < OUTAGE_CAP
