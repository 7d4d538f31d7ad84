"""`accountsync catch-up`: it asks, waits for the answer within a bounded time, and says how it ended."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from shared.cli import catch_up as module
from shared.cli.app import app
from shared.model.catch_up import CatchUpState, Passed, Request, Tally, Walk
from shared.wiring.clients import Clients
from tests.fakes.changes import FakeNotes
from tests.fakes.clock import START, FakeClock
from tests.fakes.tables import FakeControl

SETTINGS = Path(__file__).parents[2] / "local.settings.json.example"
PASSED = Passed(START, Walk.CHANGES, Tally(5, 2, 1))

type Ask = Callable[..., Result]


class Answering(FakeClock):
    """A clock on which the app answers the request after so many seconds, with this state."""

    def __init__(self, notes: FakeNotes, state: CatchUpState, after: float, answers: str = "") -> None:
        super().__init__()
        self._notes, self._state, self._after, self._answers = notes, state, after, answers

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        if (self.now() - START).total_seconds() >= self._after and self._notes.request:
            answered = self._answers or self._notes.request.id
            self._notes.state, self._notes.version = replace(self._state, answered=answered), 9


@pytest.fixture
def notes() -> FakeNotes:
    return FakeNotes(FakeControl())


@pytest.fixture
def ask(notes: FakeNotes, monkeypatch: pytest.MonkeyPatch) -> Ask:
    def run(clock: FakeClock, *words: str) -> Result:
        monkeypatch.setattr(Clients, "ports", SimpleNamespace(clock=clock))
        monkeypatch.setattr(module, "sources_of", lambda _: SimpleNamespace(notes=notes))  # pyright: ignore[reportUnknownLambdaType]
        command = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
        return command.invoke(app, ["--settings", str(SETTINGS), "catch-up", *words])

    return run


def test_it_waits_for_the_pass_and_says_what_was_sent(notes: FakeNotes, ask: Ask) -> None:
    result = ask(Answering(notes, CatchUpState(last=PASSED), 50))
    assert (result.exit_code, result.stdout) == (
        0,
        "5 accounts read, 2 checks sent, 1 of them for deleted accounts.\n",
    )


def test_a_pass_that_was_stopped_ends_with_code_1_and_the_reason(notes: FakeNotes, ask: Ask) -> None:
    stopped = CatchUpState(last=PASSED, trouble="operations is paused by anna")
    result = ask(Answering(notes, stopped, 50))
    assert result.exit_code == 1
    assert "paused by anna. It goes on by itself." in result.stdout
    answer = ask(Answering(notes, stopped, 50), "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["trouble"]) == (1, "operations is paused by anna")


def test_a_pass_that_a_system_kept_from_its_end_ends_with_code_6(notes: FakeNotes, ask: Ask) -> None:
    stopped = CatchUpState(last=PASSED, trouble="dataverse: answered 503", away=True)
    result = ask(Answering(notes, stopped, 50))
    assert result.exit_code == 6
    assert "answered 503. It goes on by itself." in result.stdout


def test_without_progress_it_ends_after_three_minutes_with_code_6(notes: FakeNotes, ask: Ask) -> None:
    clock = FakeClock()
    result = ask(clock)
    assert result.exit_code == 6
    assert "no progress for 3 minutes" in result.stderr
    assert (clock.now() - START).total_seconds() == pytest.approx(180, abs=2)


def test_it_waits_on_while_pages_are_read(notes: FakeNotes, ask: Ask) -> None:
    class Reading(Answering):
        async def sleep(self, seconds: float) -> None:
            notes.version += 1
            await super().sleep(seconds)

    assert ask(Reading(notes, CatchUpState(last=PASSED), 1_000)).exit_code == 0


def test_the_answer_to_a_later_request_is_an_answer(notes: FakeNotes, ask: Ask) -> None:
    class Later(Answering):
        async def sleep(self, seconds: float) -> None:
            notes.request = Request("later", START)
            await super().sleep(seconds)

    assert ask(Later(notes, CatchUpState(last=PASSED), 50, "later")).exit_code == 0


def test_without_waiting_the_request_is_stored(notes: FakeNotes, ask: Ask) -> None:
    result = ask(FakeClock(), "--no-wait", "--json")
    assert notes.request is not None
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"request": notes.request.id})


@pytest.mark.parametrize(("walk", "text"), [(Walk.MODIFIED, "Track changes"), (Walk.FIRST, "first load")])
def test_a_pass_that_leaves_something_out_says_so(notes: FakeNotes, ask: Ask, walk: Walk, text: str) -> None:
    result = ask(Answering(notes, CatchUpState(last=PASSED._replace(walk=walk)), 1))
    assert text in result.stdout
