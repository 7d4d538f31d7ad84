"""The probe goes the whole way of a message, and the smoke test of a deployment waits for its answer."""

import asyncio
import os
import sys
from datetime import UTC, datetime

from azure.core.exceptions import ResourceNotFoundError

from shared.model.change import NO_ACCOUNT
from shared.storage.states import ROW
from shared.storage.tables import ACCOUNT_SYNC
from tests.end_to_end.operator import doctor_at_hand
from tests.end_to_end.system import System
from tests.end_to_end.waiting import eventually
from tests.host.hosting import ROOT


async def _health(system: System, **query: str) -> dict[str, object]:
    answer = await system.app.get(
        "/api/health", params=query, headers={"x-functions-key": system.places.function_key}
    )
    return answer.raise_for_status().json()


async def test_a_probe_is_answered_by_the_build_that_runs_and_leaves_no_account(system: System) -> None:
    began = datetime.now(UTC)
    report = await _health(system, probe="1")

    async def answered() -> datetime | None:
        probe = (await _health(system))["probe"]
        return datetime.fromisoformat(probe["at"]) if isinstance(probe, dict) else None

    await eventually(answered, lambda at: at is not None and at >= began, "the probe answered")
    assert (await _health(system))["probe"]["build"] == report["build"]  # pyright: ignore[reportIndexIssue]
    try:
        await system.tables.get_table_client(ACCOUNT_SYNC).get_entity(str(NO_ACCOUNT), ROW)
    except ResourceNotFoundError:
        return
    raise AssertionError("the account id of zeros has a state")


async def test_without_the_key_health_shows_and_queues_no_probe(system: System) -> None:
    answer = await system.app.get("/api/health", params={"probe": "1"})
    assert set(answer.json()) == {"status", "build"}


async def test_the_smoke_test_ends_well_for_the_build_that_runs_and_for_no_other(system: System) -> None:
    build = str((await _health(system))["build"])
    for wanted, code in ((build, 0), ("another", 1)):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "infra/smoke.py"),
            system.places.functions,
            wanted,
            env=os.environ
            | {"HEALTH_KEY": system.places.function_key, "SMOKE_SECONDS": "60" if code == 0 else "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with doctor_at_hand(system.app, system.places.function_key):
            output, _ = await process.communicate()
        assert process.returncode == code, output.decode()
