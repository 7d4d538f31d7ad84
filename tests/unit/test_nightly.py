"""The jobs of the day: each minute they are asked whether they are due, and one's fault stops no other."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from shared import wiring
from shared.functions import nightly
from shared.model.faults import System, TransientFault
from shared.wiring import reconcile
from tests.fakes.clock import START, FakeClock


class _Asked:
    """Stands for Reconcile: notes the times that it was asked about."""

    def __init__(self) -> None:
        self.times: list[str] = []

    async def start_if_due(self, at: str) -> None:
        self.times.append(at)

    async def forget(self) -> None:
        self.times.append("forget")


async def run(monkeypatch: pytest.MonkeyPatch, at: str | None, minute: int = 1) -> list[str]:
    clock = FakeClock()
    asked: Any = _Asked()
    clock.advance_to(START.replace(minute=minute) + timedelta(hours=1))
    ports = SimpleNamespace(clock=clock)
    app: Any = SimpleNamespace(settings=SimpleNamespace(reconcile_at=at), ports=ports)
    monkeypatch.setattr(wiring, "application", lambda: app)
    monkeypatch.setattr(reconcile, "reconcile_of", lambda _: asked)
    built: Any = nightly.nightly
    timer: Any = SimpleNamespace(spec=func.TimerRequest)
    await built._function.get_user_function()(timer)
    return asked.times


async def test_both_systems_are_compared_at_the_time_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await run(monkeypatch, "02:30") == ["02:30"]


async def test_without_a_time_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await run(monkeypatch, None) == []


async def test_old_findings_are_deleted_each_hour_also_if_no_run_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [await run(monkeypatch, None, minute) for minute in range(60)]
    assert found == [["forget"], *[[]] * 59]


async def test_a_job_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: object) -> None:
        raise TransientFault(System.TABLES, "answered 503")

    monkeypatch.setattr(nightly, "JOBS", {"another": fails, **nightly.JOBS})
    assert await run(monkeypatch, "02:30") == ["02:30"]
