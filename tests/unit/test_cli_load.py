"""`accountsync load`: who watches a load has the exit code of who started it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from shared.cli import load_view
from shared.cli.app import app
from shared.load.report import LoadReport
from shared.model.load import LoadRun, LoadState
from shared.wiring import Application
from shared.wiring.clients import Clients
from tests.fakes.clock import START, FakeClock

SETTINGS = Path(__file__).parents[2] / "local.settings.json.example"
RUN = LoadRun(id=UUID(int=1), organization_id=UUID(int=2), begun_at=START, total=9, sent=5)

type Ask = Callable[..., Result]


class Steered:
    """The load as the app changes it: it goes on for one look, and then stands or is over."""

    def __init__(self, end: LoadState, queued: int = 0) -> None:
        self._states = [LoadState.RUNNING, end]
        self._queued = queued

    async def newest(self) -> LoadRun:
        """Return the load, at each look one state further."""
        return replace(RUN, state=self._states.pop(0) if len(self._states) > 1 else self._states[0])

    async def resume(self, *_: object) -> LoadRun:
        """Return the load as it goes on."""
        return await self.newest()

    async def cancel(self, by: str) -> tuple[LoadRun, int]:
        """Return the load as it was cancelled."""
        assert by
        return replace(RUN, state=LoadState.CANCELLED), self._queued


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    def run(steered: Steered, parked: dict[str, int], *words: str) -> Result:
        async def of(_: LoadRun) -> LoadReport:
            return LoadReport(5, created=5, parked=parked)

        cases = SimpleNamespace(steer_load=steered, report_load=SimpleNamespace(of=of))
        monkeypatch.setattr(Clients, "ports", SimpleNamespace(clock=FakeClock()))
        monkeypatch.setattr(Application, "run_cases", cases)
        monkeypatch.setattr(load_view, "EVERY", 0)
        command = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
        return command.invoke(app, ["--settings", str(SETTINGS), "load", *words])

    return run


@pytest.mark.parametrize("words", [("status", "--watch"), ("resume",)])
@pytest.mark.parametrize(
    ("end", "parked", "code"),
    [
        (LoadState.DONE, {}, 0),
        (LoadState.CANCELLED, {}, 0),
        (LoadState.DONE, {"MissingValue": 1}, 1),
        (LoadState.PAUSED, {}, 1),
        (LoadState.STOPPED, {}, 1),
    ],
)
def test_who_watches_a_load_has_the_exit_code_of_who_started_it(
    ask: Ask, words: tuple[str, ...], end: LoadState, parked: dict[str, int], code: int
) -> None:
    result = ask(Steered(end), parked, *words)
    assert result.exit_code == code
    assert f": {end}" in result.stdout
    assert "5 created" in result.stdout
    answer = ask(Steered(end), parked, *words, "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["state"]) == (code, end)


def test_a_single_look_at_a_load_that_is_paused_is_no_failure(ask: Ask) -> None:
    looked = Steered(LoadState.PAUSED)
    assert ask(looked, {}, "status").exit_code == 0
    assert ask(looked, {}, "status").exit_code == 0


def test_who_cancels_is_told_no_more_than_is_known(ask: Ask) -> None:
    result = ask(Steered(LoadState.RUNNING, 4), {}, "cancel", "--by", "anna")
    assert result.stdout == f"Load {RUN.id} is cancelled. Still queued: at least 4 checks.\n"
