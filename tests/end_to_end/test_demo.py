"""The demonstration, small, as a user runs it."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from local.stand import ROOT

OWN_CODE = {"business-central": "DKK", "nav": "EUR"}  # of D-1011, which no other ERP has
OUTCOMES = {
    *("created", "updated", "unchanged", "covered", "merged"),
    *("repeated", "filtered", "deleted", "parked", "rejected"),
}


async def _demo(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "local.demo", *arguments),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


@pytest.fixture(scope="module")
async def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("demo") / "result.json"
    code, printed = await _demo("--accounts", "8", "--events", "30", "--json", str(file))
    assert code == 0, printed
    return json.loads(file.read_text(encoding="utf-8"))


async def test_every_event_has_one_outcome(result: dict[str, Any]) -> None:
    assert set(result["outcomes"]) == OUTCOMES
    assert result["events"] == 30
    assert sum(result["outcomes"].values()) == 30


async def test_each_kind_of_outcome_is_shown(result: dict[str, Any]) -> None:
    certain = OUTCOMES - {"unchanged", "merged"}  # these two depend on how fast the machine is
    assert {name for name in certain if not result["outcomes"][name]} == set()
    assert result["outcomes"]["unchanged"] + result["outcomes"]["merged"] > 0


async def test_the_customers_are_the_expected_ones(result: dict[str, Any]) -> None:
    assert result["checks"] == {"customers_equal": True, "nothing_lost": True}
    codes = {row["account_number"]: row["currency_code"] for row in result["customers"]}
    assert len(codes) == result["accounts"] == 8
    assert codes["D-1003"] is None
    assert codes["D-1004"] == "ZAR"


async def test_the_causes_add_up_to_the_parked(result: dict[str, Any]) -> None:
    assert sum(result["parked_causes"].values()) == result["outcomes"]["parked"]
    assert "UnmappedCurrency" in result["parked_causes"]


@pytest.mark.parametrize("target", ["business-central", "nav"])
async def test_the_other_erps_come_to_a_right_end_too(
    target: str, result: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "result.json"
    sizes = ("--accounts", "12", "--events", "46")  # so many that its own cases and steps are among them
    code, printed = await _demo("--target", target, *sizes, "--json", str(file))
    assert code == 0, printed
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found.keys() == result.keys()
    assert (found["target"], result["target"]) == (target, "operations")
    assert set(found["requests"]) == {"dataverse", target, "tables"}
    assert found["checks"] == {"customers_equal": True, "nothing_lost": True}
    assert re.search("operations|F&O", printed, re.IGNORECASE) is None
    of_account = {row["account_number"]: row["currency_code"] for row in found["customers"]}
    assert (of_account["D-1006"], of_account["D-1011"]) == ("GBP", OWN_CODE[target])


async def test_requests_are_those_of_the_app(result: dict[str, Any]) -> None:
    assert set(result["requests"]) == {"dataverse", "operations", "tables"}
    looks = sum(result["outcomes"][name] for name in ("created", "updated", "unchanged", "deleted", "parked"))
    assert looks <= result["requests"]["dataverse"] <= result["events"] + looks


@pytest.mark.parametrize(
    "arguments",
    [("--accounts", "4"), ("--accounts", "10", "--events", "9"), ("--json", "no/such/folder/file")],
)
async def test_sizes_that_make_no_sense_are_refused(arguments: tuple[str, ...]) -> None:
    code, printed = await _demo(*arguments)
    assert code == 2
    assert "usage:" in printed
