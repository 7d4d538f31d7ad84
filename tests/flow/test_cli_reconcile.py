"""`accountsync reconcile` over fakes: what it shows, what it asks, what it sends, and how it ends."""

import asyncio
import csv
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from shared.cli import output, session
from shared.cli import reconcile as command
from shared.cli.app import app
from shared.diagnostics.name_accounts import NameAccounts
from shared.load.repair import Repair
from shared.model.account import AccountName
from shared.model.change import ChangeKind, Source
from shared.model.faults import ConfigurationFault, System
from shared.model.reconciliation import REPAIRABLE
from shared.spreadsheets.files import SpreadsheetFiles
from shared.targets.operations.links import links
from tests.flow.reconciling import Comparing
from tests.flow.test_reconcile import planted, synced
from tests.flow.world import ORGANIZATION, account

SETTINGS = Path(__file__).parents[2] / "local.settings.json.example"
SALES = "https://contoso.crm.dynamics.com"


@dataclass
class Stage:
    """A world with planted differences, and the command over it; the app does a page at each look."""

    comparing: Comparing
    works: bool = True

    async def names(self, account_ids: Collection[UUID]) -> Mapping[UUID, AccountName]:
        return {one: AccountName("C-1", "=Contoso") for one in account_ids}

    async def sleep(self, seconds: float) -> None:
        self.comparing.world.clock.advance(seconds)
        if self.works and (page := self.comparing.pages.take()) is not None:
            await self.comparing.reconcile().handle(page)

    async def close(self) -> None:
        pass

    def operator(self) -> Any:
        application, sales = self.comparing.world.application(), self
        fake: Any = sales
        named = NameAccounts(fake, SALES, partial(links, "https://contoso.operations.dynamics.com"), "usmf")
        clock = SimpleNamespace(now=self.comparing.world.clock.now, sleep=self.sleep)
        return SimpleNamespace(
            name_accounts=named,
            sheets=SpreadsheetFiles(),
            erp=application.erp,
            clients=self,
            ports=SimpleNamespace(clock=clock, runs=self.comparing.runs),
        )

    def sent(self) -> list[tuple[UUID, ChangeKind]]:
        queue = self.comparing.world.queue
        return [(one.account_id, one.kind) for one in queue.sent if one.source is Source.RECONCILE]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage(Comparing(asyncio.run(planted("operations")), 200))
    world = made.comparing.world

    async def organization() -> UUID:
        return ORGANIZATION

    monkeypatch.setattr(session, "Operator", lambda *_: made.operator())
    monkeypatch.setattr(output, "_FILE_WIDTH", 100)
    monkeypatch.setattr(command, "reconcile_of", lambda _: made.comparing.reconcile())
    monkeypatch.setattr(
        command, "repair_of", lambda _: Repair(world.queue, world.states, world.clock, organization)
    )
    return made


def run(*words: str, code: int) -> Result:
    result = CliRunner().invoke(app, ["--settings", str(SETTINGS), "reconcile", *words])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_differences_are_shown_by_kind_with_what_to_do_and_nothing_is_sent(stage: Stage) -> None:
    text = run(code=1).output
    for kind in (
        "missing: 2 accounts",
        "different: 1 account",
        "owned twice: 1 account",
        "parked: 1 account",
    ):
        assert kind in text
    assert "AddressCity, PrimaryContactPhone" in text or "PrimaryContactPhone, AddressCity" in text
    assert f'`accountsync unlink {account("twice")} --why "owned twice"`' in text.replace("\n", " ")
    assert "Differences: 8" in text
    assert "Rome" not in text
    assert stage.sent() == []


def test_of_an_old_run_it_is_said_that_its_accounts_are_not_kept_any_more(stage: Stage) -> None:
    run(code=1)
    stage.comparing.world.clock.advance(31 * 86_400)
    asyncio.run(stage.comparing.reconcile().forget())
    text = run("--last", code=1).output
    assert "Differences: 8" in text
    assert "Not kept: 8, deleted after 30 days" in text


def test_systems_that_agree_end_with_code_0(stage: Stage) -> None:
    stage.comparing = Comparing(asyncio.run(synced("operations", "a", "b")), 200)
    assert "Differences: none" in run(code=0).output
    assert json.loads(run("--json", code=0).stdout)["differences"] == []


def test_a_repair_sends_a_check_for_what_a_check_puts_right(stage: Stage) -> None:
    report = json.loads(run("--repair", "--yes", "--json", code=1).stdout)
    assert report["repair"] == {"checks": 6, "sent": 6}
    kinds = {UUID(one["account_id"]): one["kind"] for one in report["differences"]}
    sent = dict(stage.sent())
    assert sent.keys() == {one for one, kind in kinds.items() if kind in REPAIRABLE}
    assert [one for one, kind in sent.items() if kind is ChangeKind.DELETE] == [account("gone")]
    checks = [one for one in stage.comparing.world.queue.sent if one.source is Source.RECONCILE]
    assert all(one.verify and one.organization_id == ORGANIZATION and one.note for one in checks)
    asyncio.run(stage.comparing.world.drain())
    stage.comparing.world.clock.advance(3600)
    assert json.loads(run("--json", code=1).stdout)["run"]["found"] == {"owned twice": 1, "parked": 1}


def test_a_repair_is_limited_shown_first_and_asked_for(stage: Stage) -> None:
    text = run("--repair", "--dry-run", "--max", "2", code=1).output
    assert "2 checks would be sent." in text
    assert "4 accounts more" in text
    assert stage.sent() == []
    assert "give --yes" in run("--last", "--repair", code=2).output  # nobody can be asked
    assert stage.sent() == []
    assert "2 checks sent" in run("--last", "--repair", "--max", "2", "--yes", code=1).output
    assert len(stage.sent()) == 2


def test_a_file_has_the_values_that_differ_as_they_are_now(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "differences.csv"
    run("--export", str(file), code=1)
    with file.open(encoding="utf-8-sig", newline="") as text:
        header, *rows = csv.reader(text)
    assert header[:6] == [
        *("Account number", "Name", "Difference", "Field", "Value for Sales", "Value in Operations")
    ]
    by_field = {(row[2], row[3]): row[4:6] for row in rows}
    assert by_field["different", "AddressCity"] == ["Oslo", "Rome"]
    assert by_field["not blocked", "OnHoldStatus"] == ["All", "No"]
    assert by_field["wrongly blocked", "OnHoldStatus"] == ["No", "All"]
    assert by_field["missing", "OrganizationName"][1] == ""
    assert by_field["parked", "UnmappedCurrency"] == ["", ""]
    assert all(row[1] == "'=Contoso" for row in rows)
    assert rows[0][8].startswith(SALES)


def test_a_run_that_goes_on_is_named_and_can_be_waited_for(stage: Stage) -> None:
    started = json.loads(run("--no-wait", "--json", code=0).stdout)["run"]
    assert started in run(code=1).output
    assert "started meanwhile" not in run("--last", code=1).output
    assert json.loads(run("--last", "--json", code=1).stdout)["run"]["id"] == started


def test_without_a_run_there_is_nothing_to_show(stage: Stage) -> None:
    assert "never compared" in run("--last", code=4).output


def test_the_command_stops_waiting_for_an_app_that_does_not_work(stage: Stage) -> None:
    stage.works = False
    assert "no progress for 10 minutes" in run(code=6).output.replace("\n", " ")


def test_a_run_that_was_stopped_says_why_and_what_to_do(stage: Stage) -> None:
    stage.comparing.rows.trouble = ConfigurationFault(System.DATAVERSE, "answered 403.", "Give the right.")
    assert "dataverse: answered 403. Give the right." in run(code=1).output.replace("\n", " ")


def test_a_run_is_cancelled_and_its_result_says_so(stage: Stage) -> None:
    assert "No comparison of both systems goes on" in run("cancel", code=1).output
    run("--no-wait", code=0)
    assert "is cancelled; 0 accounts" in run("cancel", "--by", "ada", code=0).output
    result = run("--last", code=1)
    assert "cancelled by ada" in result.output
    assert json.loads(run("--no-wait", "--json", code=0).stdout)["run"]
