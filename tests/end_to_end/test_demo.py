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

# The currency of the account that no other ERP has.
OWN_CODE = {"operations": {}, "business-central": {"D-1011": "DKK"}, "nav": {"D-1011": "EUR"}}
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


@pytest.mark.parametrize(
    ("target", "accounts", "events"),
    [("operations", 8, 30), ("business-central", 12, 46), ("nav", 12, 46)],  # with what only each one does
)
async def test_every_customer_is_right_and_every_event_has_one_outcome(
    target: str, accounts: int, events: int, tmp_path: Path
) -> None:
    """In one test: a run takes long, and tests of a file may be spread over processes."""
    file = tmp_path / "result.json"
    sizes = ("--accounts", str(accounts), "--events", str(events))
    code, printed = await _demo("--target", target, *sizes, "--json", str(file))
    assert code == 0, printed
    result = json.loads(file.read_text(encoding="utf-8"))
    assert (result["target"], result["events"], result["accounts"]) == (target, events, accounts)
    _every_kind_of_outcome_is_there(result)
    _customers_are_the_expected_ones(result)
    _requests_are_those_of_the_app(result)
    other = re.search(r"operations|F&O", printed, re.IGNORECASE)
    assert (other is None) == (target != "operations")


def _every_kind_of_outcome_is_there(result: dict[str, Any]) -> None:
    outcomes = result["outcomes"]
    assert set(outcomes) == OUTCOMES
    assert sum(outcomes.values()) == result["events"]
    certain = OUTCOMES - {"unchanged", "merged"}  # these two depend on how fast the machine is
    assert {name for name in certain if not outcomes[name]} == set()
    assert outcomes["unchanged"] + outcomes["merged"] > 0
    assert sum(result["parked_causes"].values()) == outcomes["parked"]
    assert "UnmappedCurrency" in result["parked_causes"]


def _customers_are_the_expected_ones(result: dict[str, Any]) -> None:
    assert result["checks"] == {"customers_equal": True, "nothing_lost": True}
    codes = {row["account_number"]: row["currency_code"] for row in result["customers"]}
    assert len(codes) == result["accounts"]
    expected = {"D-1003": None, "D-1004": "ZAR", "D-1006": "GBP"} | OWN_CODE[result["target"]]
    assert {number: codes[number] for number in expected} == expected


def _requests_are_those_of_the_app(result: dict[str, Any]) -> None:
    assert set(result["requests"]) == {"dataverse", result["target"], "tables"}
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
