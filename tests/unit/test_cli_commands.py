"""The command line as such: help for everything, usage errors, and where settings come from."""

import json
import os
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from openpyxl import load_workbook
from typer.testing import CliRunner

from shared.cli import adopt, session
from shared.cli.app import app
from shared.cli.exits import CommandError, Exit
from shared.cli.session import Chosen, environment
from shared.mappings.edit import EditMapping
from shared.mappings.findings import Finding, Kind
from shared.model.control import InUse
from shared.model.mapping_edit import MappingRow
from shared.wiring.clients import Clients
from tests.fakes.clock import FakeClock
from tests.fakes.tables import FakeControl, FakeStates

COMMANDS = [
    *(("currency", name) for name in ("list", "get", "set", "delete", "export", "import", "history")),
    *(("mapping", name) for name in ("list", "get", "set", "delete", "export", "import", "history")),
    *(("mapping", "undo"), ("mapping", "check")),
    *(("currency", "undo"), ("currency", "check"), ("explain",), ("preview",), ("issues",), ("replay",)),
    ("trace",),
    *(("rejected", name) for name in ("list", "show", "resubmit")),
    *(("dead-letters", name) for name in ("list", "show", "resubmit")),
    *(
        ("reconcile",),
        ("reconcile", "cancel"),
        ("unlink",),
        ("adopt-target",),
        ("catch-up",),
        ("pause",),
        ("resume",),
        ("status",),
        ("watch",),
        ("doctor",),
    ),
    *(("load", name) for name in ("start", "status", "pause", "resume", "cancel", "report")),
]


@pytest.fixture
def command() -> CliRunner:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_and_json(command: CliRunner, words: tuple[str, ...]) -> None:
    result = command.invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert f"Example: accountsync {' '.join(words)}" in result.output
    assert "--json" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["currency", "import"],
        ["currency", "import", "x.csv", "--from-dataverse"],
        ["replay"],
        ["replay", "A-1", "--all"],
        ["unlink", "A-1"],
        ["reconcile", "--no-wait", "--repair"],
        ["reconcile", "--max", "0"],
        ["replay", "--cause", "NoSuchCause"],
        ["issues", "--cause", "Unmapped"],
        ["rejected", "resubmit"],
        ["dead-letters", "list", "--no-such-option"],
        ["dead-letters", "show", "1", "--queue", "nowhere"],
        ["pause", "--system", "nowhere"],
        ["nothing"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_code_2(command: CliRunner, settings_file: Path, words: list[str]) -> None:
    assert command.invoke(app, ["--settings", str(settings_file), *words]).exit_code == 2


@pytest.fixture
def settings_file() -> Path:
    return Path(__file__).parents[2] / "local.settings.json.example"


def test_the_version_is_that_of_the_project(command: CliRunner) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    result = command.invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"accountsync {project['project']['version']}\n")


def the_table_has(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    async def check(_: EditMapping) -> list[Finding]:
        return [*findings]

    monkeypatch.setattr(EditMapping, "check", check)


@pytest.mark.parametrize("kind", Kind)
def test_a_check_that_finds_something_ends_with_code_1(
    command: CliRunner, settings_file: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    the_table_has(monkeypatch, Finding(kind, "something"))
    result = command.invoke(app, ["--settings", str(settings_file), "currency", "check"])
    assert result.exit_code == 1
    assert "1 finding." in result.output


def test_a_check_that_finds_nothing_ends_with_code_0(
    command: CliRunner, settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_table_has(monkeypatch)
    result = command.invoke(app, ["--settings", str(settings_file), "currency", "check", "--strict"])
    assert (result.exit_code, result.output) == (0, "The table is in order.\n")


@pytest.mark.parametrize(
    ("words", "title"),
    [(["currency", "export"], "Currency mapping"), (["mapping", "export", "payment-terms"], "Mapping table")],
)
def test_an_exported_workbook_is_named_by_what_it_holds(
    command: CliRunner,
    settings_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    title: str,
) -> None:
    async def no_rows(_: EditMapping) -> list[MappingRow]:
        return []

    monkeypatch.setattr(EditMapping, "table", no_rows)
    file = tmp_path / "out.xlsx"
    command.invoke(app, ["--settings", str(settings_file), *words, str(file)])
    assert load_workbook(file).sheetnames == [title]


def test_wrong_settings_end_with_code_3_and_one_line(command: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": {"FINGERPRINT_KEY": "a-secret-of-mine"}}))
    result = command.invoke(app, ["--settings", str(file), "currency", "list"])
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("Error: The app settings are not right")
    assert len(result.stderr.splitlines()) == 1
    assert "a-secret-of-mine" not in result.stderr


def test_errors_are_json_too_where_json_was_asked_for(command: CliRunner, tmp_path: Path) -> None:
    result = command.invoke(app, ["--settings", str(tmp_path / "none"), "currency", "list", "--json"])
    assert result.exit_code == 3
    assert json.loads(result.stderr)["exit"] == 3


@pytest.mark.parametrize("content", ["", "[]", '{"Values": 1}', "{}"])
def test_a_file_that_holds_no_settings_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(content)
    with pytest.raises(CommandError, match=r"is no local\.settings\.json"):
        environment(Chosen(settings=file))


def test_without_a_stand_local_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "STANDS", tmp_path)
    with pytest.raises(CommandError, match=r"start one with `python3 dev\.py start`"):
        environment(Chosen(local=True))


def test_local_reads_the_settings_of_the_running_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for port, started in ((7071, 2000), (9000, 1000), (5000, 3000)):
        folder = tmp_path / str(port)
        folder.mkdir()
        (folder / "settings.json").write_text(json.dumps({"Values": {"DATAVERSE_URL": f"http://x:{port}"}}))
        stand = folder / "stand.json"
        stand.write_text(json.dumps({"settings": str(folder / "settings.json")}))
        os.utime(stand, (started, started))
    monkeypatch.setattr(session, "STANDS", tmp_path)
    assert environment(Chosen(local=True)) == {"DATAVERSE_URL": "http://x:5000"}


def test_without_options_the_environment_holds_the_settings() -> None:
    assert environment(Chosen()) is None


@pytest.mark.parametrize(("typed", "adopted"), [(None, True), ("y\n", True), ("n\n", False)])
def test_another_erp_is_adopted_only_after_a_yes(
    command: CliRunner, settings_file: Path, monkeypatch: pytest.MonkeyPatch, typed: str | None, adopted: bool
) -> None:
    control = FakeControl()
    control.in_use = InUse("operations", "elsewhere.invalid", "", "usmf")
    ports = SimpleNamespace(control=control, states=FakeStates(), clock=FakeClock())
    monkeypatch.setattr(Clients, "ports", ports)
    monkeypatch.setattr(adopt, "ask", confirmed)
    words = ["--settings", str(settings_file), "adopt-target", *(["--yes"] if typed is None else [])]
    result = command.invoke(app, words, input=typed)
    assert (control.in_use.host != "elsewhere.invalid", control.in_use.adopted_at is not None) == (
        adopted,
        adopted,
    )
    assert result.exit_code == (0 if adopted else 1)
    if typed is not None:
        assert "elsewhere.invalid" in result.output, "the question names the ERP before"
    again = command.invoke(app, [*words[:3], "--yes", "--json"])
    assert json.loads(again.stdout)["adopted"] is not adopted


def confirmed(question: str) -> None:
    """Ask without a terminal."""
    if not typer.confirm(question):
        raise CommandError(Exit.REFUSED, "Nothing was changed.")


@pytest.mark.parametrize("option", ["--stack", "--trace"])
def test_the_stack_of_an_error_cannot_take_over_the_terminal(
    option: str, command: CliRunner, settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(_: EditMapping) -> list[Finding]:
        message = "\x1b[31mred"
        raise ValueError(message)

    monkeypatch.setattr(EditMapping, "check", check)
    words = ["--settings", str(settings_file), option, "currency", "check"]
    result = command.invoke(app, words)
    assert (result.exit_code, "\x1b" in result.stderr) == (7, False)
    assert "ValueError: \\u001b[31mred" in result.stderr
    assert "in check" in result.stderr
