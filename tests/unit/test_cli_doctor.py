"""`accountsync doctor`: what it shows, whose it is, and how it ends."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from shared.cli import doctor
from shared.cli.app import app
from shared.diagnostics.doctor.doctor import Doctor, Named
from shared.model.diagnosis import Diagnosis
from shared.model.faults import ConfigurationFault, System
from shared.model.finding import Finding, Grade
from shared.wiring.clients import Clients
from tests.fakes.clock import FakeClock
from tests.fakes.doctor import FakeDiagnoses

SETTINGS = Path(__file__).parents[2] / "local.settings.json.example"
FINE = Finding("table Issues", Grade.FINE, "It is there.")
SLOW = Finding("setting X", Grade.WARNING, "It is 0.", "It matters.", "Set it.")
UNREAD = Finding("registration", Grade.NOT_CHECKED, "dataverse: answered 403.", "Unknown.", "Ask.")
BAD = Finding("queue x", Grade.ERROR, "There is none.", "Nothing comes.", "Deploy it.")

AT = datetime(2026, 11, 29, 0, 30, 15, tzinfo=UTC)

type Run = Callable[..., Result]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> FakeDiagnoses:
    found = FakeDiagnoses()
    monkeypatch.setattr(Clients, "diagnoses", found)
    clock = FakeClock(AT + timedelta(hours=1))
    clock.sleep = asyncio.sleep  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setattr(Clients, "ports", SimpleNamespace(clock=clock))
    monkeypatch.setattr(doctor, "PAUSE_SECONDS", 0.01)
    return found


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def made(*words: str, own: Sequence[Finding] = (FINE,), settings: Path = SETTINGS) -> Result:
        async def check() -> Sequence[Finding]:
            return own

        monkeypatch.setattr(doctor, "doctor_of_operator", lambda _: Doctor([Named("own", check)]))
        runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"})
        return runner.invoke(app, ["--settings", str(settings), "doctor", *words])

    return made


def keep(kept: FakeDiagnoses, *findings: Finding) -> None:
    kept.document = json.dumps(
        {
            "at": AT.isoformat(),
            "build": "3f2a",
            "identity": "application 1",
            "findings": [
                {
                    "check": one.check,
                    "grade": str(one.grade),
                    "what": one.what,
                    "why": one.why,
                    "remedy": one.remedy,
                }
                for one in findings
            ],
        }
    )


def test_errors_come_first_each_with_what_why_and_remedy(kept: FakeDiagnoses, run: Run) -> None:
    keep(kept, FINE, UNREAD, SLOW, BAD)
    result = run(own=[FINE, SLOW])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "The app's check of 2026-11-29 00:30:15 UTC, build 3f2a, made as application 1.",
        "[app]: found by the app. [you]: found now, with your own rights and settings.",
        "",
        "Errors",
        "  [app] queue x: There is none.",
        "        Nothing comes.",
        "        Deploy it.",
        "",
        "Warnings",
        "  [app, you] setting X: It is 0.",
        "        It matters.",
        "        Set it.",
        "",
        "Not checked",
        "  [app] registration: dataverse: answered 403.",
        "        Unknown.",
        "        Ask.",
        "",
        "Fine",
        "  [app, you] table Issues: It is there.",
        "",
        "1 error.",
    ]


@pytest.mark.parametrize(
    ("of_app", "own", "code"),
    [
        ([FINE], [FINE], 0),
        ([SLOW, UNREAD], [SLOW, UNREAD], 0),
        ([BAD], [FINE], 1),
        ([FINE], [BAD], 1),
    ],
)
def test_only_an_error_makes_the_exit_code_1(
    kept: FakeDiagnoses, run: Run, of_app: list[Finding], own: list[Finding], code: int
) -> None:
    keep(kept, *of_app)
    for words in ([], ["--json"]):
        assert run(*words, own=own).exit_code == code


def test_json_says_whose_each_finding_is(kept: FakeDiagnoses, run: Run) -> None:
    keep(kept, BAD)
    found = json.loads(run("--json").stdout)
    assert found["app"] == {
        "at": "2026-11-29T00:30:15+00:00",
        "build": "3f2a",
        "identity": "application 1",
    }
    assert found["errors"] == 1
    assert [(one["whose"], one["check"], one["grade"]) for one in found["findings"]] == [
        ("app", "queue x", "error"),
        ("you", "table Issues", "fine"),
    ]


def test_before_the_first_check_it_says_so_and_makes_ones_own(kept: FakeDiagnoses, run: Run) -> None:
    result = run()
    assert result.exit_code == 1
    assert "The app has made no check yet." in result.stdout
    assert "`accountsync doctor --now`" in result.stdout
    assert "[you] table Issues: It is there." in result.stdout
    assert json.loads(run("--json").stdout)["app"] is None


def test_now_asks_for_a_new_check_and_shows_it(
    kept: FakeDiagnoses, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(kept, BAD)
    ask = kept.ask

    async def answered(request: str) -> None:
        await ask(request)
        await kept.keep(Diagnosis(AT, "2", "application 1", (FINE,)), request)

    monkeypatch.setattr(kept, "ask", answered)
    result = run("--now")
    assert result.exit_code == 0
    assert "build 2" in result.stdout


def test_now_without_waiting_asks_and_shows_what_there_is(kept: FakeDiagnoses, run: Run) -> None:
    keep(kept, FINE)
    result = run("--now", "--no-wait")
    assert result.exit_code == 0
    assert "build 3f2a" in result.stdout
    assert kept.row.request


def test_now_ends_when_the_app_does_not_answer(
    kept: FakeDiagnoses, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "WAIT_SECONDS", 0.1)
    keep(kept, FINE)
    result = run("--now")
    assert result.exit_code == 1
    assert "did not make the check" in result.stdout
    assert "Start the app" in result.stdout
    assert "[app, you] table Issues" in result.stdout, "the older check is shown"


def test_a_check_that_is_too_old_is_an_error(
    kept: FakeDiagnoses, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(kept, FINE)
    late = SimpleNamespace(clock=FakeClock(AT + timedelta(hours=26)))
    monkeypatch.setattr(Clients, "ports", late)
    result = run()
    assert result.exit_code == 1
    assert "newest check is of 2026-11-29" in result.stdout
    assert "Start the app" in result.stdout


@pytest.mark.parametrize("words", [[], ["--now"]])
def test_where_the_tables_refuse_it_is_a_finding(kept: FakeDiagnoses, run: Run, words: list[str]) -> None:
    kept.trouble = ConfigurationFault(System.TABLES, "answered 403.", "Check the role.")
    result = run(*words)
    assert result.exit_code == 1
    assert "tables: answered 403." in result.stdout
    assert "[you] table Issues" in result.stdout


def test_wrong_settings_are_findings(run: Run, tmp_path: Path) -> None:
    values: dict[str, Any] = json.loads(SETTINGS.read_text(encoding="utf-8"))
    values["Values"] |= {"DATAVERSE_URL": "nonsense", "SYNC_PARTITIONS": "9"}
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(values))
    found = run("--json", settings=file)
    assert (found.exit_code, found.stderr) == (1, "")
    told = {one["check"]: one["grade"] for one in json.loads(found.stdout)["findings"]}
    assert told == {
        "setting DATAVERSE_URL": "error",
        "setting SYNC_PARTITIONS": "error",
        "the app's check": "not checked",
    }
    text = run(settings=file)
    assert text.exit_code == 1
    assert "2 errors." in text.stdout
