"""Lists of accounts as people read them: names, links, 80 columns, files; and what asks before it acts."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner, Result

from shared.cli import output, session
from shared.cli.app import app
from shared.diagnostics.explain import Explain
from shared.diagnostics.find_account import FindAccount
from shared.diagnostics.name_accounts import NameAccounts
from shared.diagnostics.preview import Preview
from shared.model.account import AccountName
from shared.model.attempt import LastAttempt, Step, encode_attempt
from shared.model.customer import CustomerKey
from shared.model.faults import System, TransientFault
from shared.model.issue import Issue
from shared.model.outcome import Cause, Ending, Problem
from shared.model.state import LogEntry, Phase, Stored, SyncState
from shared.spreadsheets.files import SpreadsheetFiles
from shared.targets.operations.capabilities import capabilities
from shared.targets.operations.links import links
from tests.fakes.clock import FakeClock
from tests.unit.making import field_map

ONE, OTHER = UUID("7f1f7c5e-3a0b-4f01-9b1c-0d2e6a5b4c3d"), UUID(int=2)
NAMES = {
    ONE: AccountName("C-1001", "Contoso Electronics and Household Appliances of Northern Europe"),
    OTHER: AccountName("C-2", "=Fabrikam"),
}
UNMAPPED = Problem(Cause.UNMAPPED_CURRENCY, value="rouble")
SETTINGS = Path(__file__).parents[2] / "local.settings.json.example"


def issue(account_id: UUID, problem: Problem = UNMAPPED, at: str = "2026-11-24T21:00:00+00:00") -> Issue:
    key, remedy = problem.key, problem.remedy()
    return Issue(
        key, account_id, str(problem.cause), problem.value, problem.field, remedy, None, "", at, at, 1
    )


@dataclass
class Systems:
    """Sales and the tables, as far as these commands ask them."""

    parked: list[Issue] = field(default_factory=list[Issue])
    away: bool = False
    sent: int = 0
    state: SyncState | None = None

    async def names(self, account_ids: Collection[UUID]) -> Mapping[UUID, AccountName]:
        if self.away:
            raise TransientFault(System.DATAVERSE, "no connection")
        return {one: NAMES[one] for one in account_ids if one in NAMES}

    async def by_name(self, part: str, most: int) -> Mapping[UUID, AccountName]:
        return {one: name for one, name in NAMES.items() if part.casefold() in name.name.casefold()}

    async def by_number(self, number: str) -> Sequence[UUID]:
        return [one for one, name in NAMES.items() if name.number == number]

    async def report(self, cause: str = "") -> Sequence[Issue]:
        return [one for one in self.parked if one.key.startswith(cause)]

    async def get(self, account_id: UUID) -> Stored | None:
        return Stored(self.state, "1") if self.state else None

    async def account(self, account_id: UUID, asked: object) -> bool:
        self.sent += 1
        return True

    async def jobs(self, account_id: UUID) -> Sequence[Any]:
        return []

    async def breakers(self) -> Mapping[Any, Any]:
        return {}

    async def of(self, account_id: UUID) -> Preview:
        return Preview(account_id, Ending.PARKED, str(UNMAPPED), problem=UNMAPPED, currency="Rouble")

    async def close(self) -> None:
        pass


class Replay:
    """Sends a check for each parked account."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems

    async def account(self, account_id: UUID, asked: object) -> bool:
        self._systems.sent += 1
        return True

    async def parked(self, asked: object, cause: str = "") -> int:
        found = await self._systems.report(cause)
        self._systems.sent += len(found)
        return len(found)


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch) -> Systems:
    made = Systems()
    fake: Any = made
    named = NameAccounts(
        fake,
        "https://contoso.crm.dynamics.com",
        partial(links, "https://contoso.operations.dynamics.com"),
        "usmf",
    )
    operator = SimpleNamespace(
        name_accounts=named,
        find_account=FindAccount(fake, fake),
        sheets=SpreadsheetFiles(),
        replay=Replay(made),
        ports=SimpleNamespace(states=made, issues=made),
        explain=Explain(fake, fake, fake, fake, fake, FakeClock(), "Operations"),
        clients=made,
        erp=SimpleNamespace(capabilities=capabilities(field_map())),
    )
    monkeypatch.setattr(session, "Operator", lambda *_: operator)
    monkeypatch.setattr(output, "_FILE_WIDTH", 80)
    return made


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["--settings", str(SETTINGS), *words])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def widest(text: str) -> int:
    """The longest line but for those of one unbroken word, which stays whole wherever it stands."""
    return max(len(line) for line in text.splitlines() if "https://" not in line)


def test_issues_show_number_name_and_links_at_80_columns_with_whole_ids(systems: Systems) -> None:
    systems.parked = [issue(ONE), issue(OTHER)]
    text = run("issues").output
    assert "2 accounts: UnmappedCurrency" in text
    assert f"id: {ONE}" in text
    assert "C-1001 Contoso Electronics" in text
    assert f"https://contoso.crm.dynamics.com/main.aspx?pagetype=entityrecord&etn=account&id={ONE}" in text
    assert "https://contoso.operations.dynamics.com/?cmp=usmf&mi=CustTableListPage" in text
    assert widest(text) <= 80


def test_one_account_is_not_accounts(systems: Systems) -> None:
    systems.parked = [issue(ONE)]
    assert "1 account: UnmappedCurrency" in run("issues").output


@pytest.mark.parametrize(
    "words", [("issues",), ("replay", "--cause", "UnmappedCurrency"), ("explain", str(ONE))]
)
def test_without_sales_the_accounts_are_shown_by_id_and_it_is_said(
    systems: Systems, words: tuple[str, ...]
) -> None:
    systems.parked, systems.away = [issue(ONE)], True
    text = " ".join(run(*words).output.split())
    assert str(ONE) in text
    assert "numbers and names could not be read from Sales: dataverse: no connection" in text


def test_issues_are_found_by_a_part_of_the_name(systems: Systems) -> None:
    systems.parked = [issue(ONE), issue(OTHER)]
    text = run("issues", "fabri").output
    assert "C-2 =Fabrikam" in text
    assert "Contoso" not in text
    assert "No such account is parked." in run("issues", "fabri", "--cause", "KeyChanged").output
    run("issues", "nobody", code=4)


def test_json_keeps_its_keys_and_has_names_and_links_besides(systems: Systems) -> None:
    systems.parked = [issue(OTHER)]
    (found,) = json.loads(run("issues", "--json").output)
    old = {"key", "account_id", "cause", "value", "field", "remedy", "status", "error_type"}
    assert old | {"first_at", "last_at", "count"} <= found.keys()
    assert (found["number"], found["name"]) == ("C-2", "=Fabrikam")
    assert found["links"]["sales"].endswith(str(OTHER))


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_issues_are_exported_all_of_them_and_no_name_is_a_formula(
    systems: Systems, tmp_path: Path, suffix: str
) -> None:
    systems.parked = [issue(ONE), issue(OTHER)]
    file = tmp_path / f"issues{suffix}"
    assert "2 parked accounts written" in run("issues", "--limit", "1", "--export", str(file)).output
    if suffix == ".csv":
        text = file.read_text(encoding="utf-8-sig")
        assert '"C-2","\'=Fabrikam","UnmappedCurrency"' in text
    else:
        lines = list(load_workbook(file).worksheets[0].iter_rows(values_only=True))
        assert [line[:3] for line in lines[1:]] == [
            ("C-1001", NAMES[ONE].name, "UnmappedCurrency"),
            ("C-2", "'=Fabrikam", "UnmappedCurrency"),
        ]


def explained(systems: Systems) -> str:
    log = LogEntry("2026-11-24T21:00:00+00:00", "parked", str(UNMAPPED), "webhook", "create", str(OTHER), 0)
    systems.state = SyncState(
        account_id=ONE,
        organization_id=OTHER,
        phase=Phase.PARKED,
        issue=UNMAPPED.key,
        customer=CustomerKey("usmf", "C-1001"),
        log=(log,),
    )
    systems.parked = [issue(ONE)]
    return run("explain", "C-1001").output


def test_explain_names_the_account_links_its_records_and_says_the_remedy_once(systems: Systems) -> None:
    text = explained(systems)
    assert f"id={ONE}" in text
    assert "CustomersV3(dataAreaId='usmf',CustomerAccount='C-1001')?cross-company=true" in text
    words = " ".join(text.split())
    assert "Account C-1001 Contoso Electronics" in words
    assert words.count(UNMAPPED.remedy()) == 1
    assert widest(text) <= 80


def test_explain_keeps_its_json_and_has_names_and_links_besides(systems: Systems) -> None:
    explained(systems)
    found = json.loads(run("explain", "C-1001", "--json").output)
    keys = {"account_id", "state", "issue", "timeline", "preview", "differences", "troubles", "next_step"}
    assert keys | {"number", "name", "links"} == found.keys()


def test_an_ambiguous_part_of_a_name_lists_the_accounts(systems: Systems) -> None:
    error = run("explain", "a", code=4).stderr
    assert len(error.splitlines()) == 1
    assert str(ONE) in error
    assert f"C-2 =Fabrikam {OTHER}" in error


def test_replay_all_asks_and_without_a_terminal_wants_yes(systems: Systems) -> None:
    systems.parked = [issue(ONE), issue(OTHER)]
    assert "--yes" in run("replay", "--all", code=2).stderr
    assert systems.sent == 0
    text = run("replay", "--all", "--yes").output
    assert systems.sent == 2
    assert "2 checks were sent" in text
    assert "C-2 =Fabrikam" in text


def test_replay_all_goes_on_only_with_a_yes(systems: Systems, monkeypatch: pytest.MonkeyPatch) -> None:
    systems.parked = [issue(ONE)]
    monkeypatch.setattr("shared.cli.session.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    for answer, code, sent in (("n\n", 1, 0), ("y\n", 0, 1)):
        arguments = ["--settings", str(SETTINGS), "replay", "--all"]
        assert CliRunner().invoke(app, arguments, input=answer).exit_code == code
        assert systems.sent == sent


def test_a_dry_run_asks_nothing_and_names_the_accounts(systems: Systems) -> None:
    systems.parked = [issue(ONE)]
    text = run("replay", "--all", "--dry-run").output
    assert "1 check would be sent:" in text
    assert "C-1001" in text
    assert systems.sent == 0


@pytest.mark.parametrize(
    "words",
    [
        ("issues",),
        ("issues", "--cause", "KeyChanged"),
        ("replay", "--all", "--yes"),
        ("replay", "--cause", "KeyChanged"),
    ],
)
def test_an_empty_list_says_so(systems: Systems, words: tuple[str, ...]) -> None:
    assert re.search("No (such )?account is parked", run(*words).output)


@pytest.mark.parametrize("cause", ["RefusedByErp", "RefusedByOperations"])
def test_the_cause_of_version_1_is_accepted(systems: Systems, cause: str) -> None:
    systems.parked = [issue(ONE, Problem(Cause.REFUSED))]
    assert "1 account: RefusedByErp" in run("issues", "--cause", cause).output
    assert "1 check was sent" in run("replay", "--cause", cause, "--yes").output


def test_an_old_key_of_the_field_map_is_told_in_one_line_beside_the_answer(
    systems: Systems, tmp_path: Path
) -> None:
    values = json.loads(SETTINGS.read_text(encoding="utf-8"))["Values"]
    old = Path(__file__).parents[1] / "samples/version1/field-map.toml"
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": {**values, "FIELD_MAP": str(old)}}), encoding="utf-8")
    result = CliRunner().invoke(app, ["--settings", str(file), "issues", "--json"])
    assert json.loads(result.stdout) == []
    assert result.stderr.splitlines() == [
        'Warning: The field map\'s key "target" in [key] is now called "field": rename it.',
        'Warning: The field map\'s key "target" in [hold] is now called "field": rename it.',
    ]


def traced(systems: Systems, *steps: Step, left_out: int = 0) -> None:
    attempt = LastAttempt(
        datetime(2026, 11, 24, 21, 0, 3, tzinfo=UTC),
        400.0,
        "0af7651916cd43dd8448eb211c80319c",
        "webhook",
        1,
        "retrying",
        steps,
        left_out,
    )
    systems.state = SyncState(account_id=ONE, organization_id=OTHER, last_attempt=encode_attempt(attempt))


STEPS = (
    Step("read", 0.0, 100.0, "dataverse", "ok"),
    Step("GET /api/data/v9.2/accounts()", 1.0, 99.0, "dataverse", "200", 1),
    Step("write", 100.0, 300.0, "operations", "TransientFault"),
    Step("record", 400.0, None, "", ""),
)


def test_trace_draws_each_step_to_scale(systems: Systems) -> None:
    traced(systems, *STEPS, left_out=2)
    text = run("trace", "C-1001").output
    assert "Account C-1001 Contoso Electronics" in text
    words = " ".join(text.split())
    assert "Attempt 2 at a change from webhook: retrying. It began 2026-11-24 21:00:03 UTC" in words
    assert "2 short steps are left out" in words
    names = ("read", "  GET", "write", "record")
    lines = {name: line for line in text.splitlines() for name in names if line.startswith(name)}
    drawn = {name: (line.index("█"), line.count("█")) for name, line in lines.items()}
    assert drawn["read"][1] >= 3
    assert abs(drawn["write"][1] - 3 * drawn["read"][1]) <= 1
    assert abs(drawn["write"][0] - drawn["read"][0] - drawn["read"][1]) <= 1
    assert drawn["  GET"] == drawn["read"]
    assert lines["  GET"].split()[1].endswith("accounts()")
    assert widest(text) <= 80
    assert "TransientFault" in lines["write"]
    assert "300 ms" in lines["write"]
    assert "…" in lines["record"]


def test_trace_as_json_has_every_step_with_its_times(systems: Systems) -> None:
    traced(systems, *STEPS)
    found = json.loads(run("trace", "C-1001", "--json").output)
    assert (found["account_id"], found["number"]) == (str(ONE), "C-1001")
    attempt = found["last_attempt"]
    assert (attempt["ending"], attempt["attempt"], attempt["duration"]) == ("retrying", 1, 400.0)
    assert [Step(**step) for step in attempt["steps"]] == [*STEPS]


@pytest.mark.parametrize("known", [False, True])
def test_trace_of_an_account_without_an_attempt_says_how_to_make_one(systems: Systems, known: bool) -> None:
    systems.state = SyncState(account_id=ONE, organization_id=OTHER) if known else None
    assert f"accountsync replay {ONE}" in run("trace", str(ONE), code=4).stderr


def test_trace_needs_the_table_only_if_sales_is_away(systems: Systems) -> None:
    traced(systems, *STEPS)
    systems.away = True
    text = " ".join(run("trace", str(ONE)).output.split())
    assert f"Account {ONE}" in text
    assert "numbers and names could not be read" in text
