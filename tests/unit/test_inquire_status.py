"""The state of all: what is counted, when all is well, and that one part's trouble does not hide the rest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.cli.output import Output
from shared.cli.status import drawn
from shared.diagnostics.status import ReadStatus, Status
from shared.model.activity import Activity, Way
from shared.model.breaker import Breaker
from shared.model.control import InUse, Untaken
from shared.model.faults import ConfigurationFault, QueueUnavailable, System
from shared.model.issue import Issue
from shared.model.load import LoadRun, LoadState, encode_load
from shared.model.page import RunKind
from shared.model.parked import NotedCount, ParkedCount
from shared.model.queues import QueueDepth
from shared.model.reconciliation import Reconciliation, RunState, encode_run
from shared.resilience.target_in_use import TargetInUse
from tests.fakes.clock import START, FakeClock
from tests.fakes.counts import FakeCounts
from tests.fakes.runs import FakeRuns
from tests.fakes.tables import FakeControl, FakeIssues, FakeStates


class Parked(FakeIssues):
    """One account for each of these causes; None: the table cannot be read."""

    def __init__(self, causes: Sequence[str] | None) -> None:
        super().__init__()
        self.causes = causes

    async def report(self, cause: str = "") -> Sequence[Issue]:
        if self.causes is None:
            raise ConfigurationFault(System.TABLES, "answered 403.", "Check.")
        return [Issue(c, uuid4(), c, "", "", "", None, "", "", str(n), 1) for n, c in enumerate(self.causes)]


@dataclass
class Everything:
    """All that a status reads."""

    queues: list[QueueDepth] = field(default_factory=list[QueueDepth])
    breakers: list[Breaker] = field(default_factory=list[Breaker])
    parked: list[str] = field(default_factory=list[str])
    outcomes: list[str] = field(default_factory=list[str])
    away: bool = False
    missing: str = ""
    untaken: Untaken | None = None
    in_use: InUse | None = None
    runs: FakeRuns = field(default_factory=FakeRuns)
    page_size: int = 1000
    noted: NotedCount = field(default_factory=NotedCount)

    async def depths(self) -> Sequence[QueueDepth]:
        if self.away:
            raise QueueUnavailable("no connection")
        return self.queues

    async def status(self, back: timedelta = timedelta()) -> Status:
        control, states = FakeControl(), FakeStates()
        control.breaker_rows = {breaker.system: (breaker, "") for breaker in self.breakers}
        counts, ways = FakeCounts(), Counter(Way("webhook", outcome) for outcome in self.outcomes)
        await counts.add(Activity(START, ways))
        await counts.add(Activity(START - timedelta(minutes=11), Counter({Way("webhook", "updated"): 1})))
        issues = Parked(None if self.away else self.parked)
        issues.page_size, counts.noted = self.page_size, self.noted
        control.in_use, control.missing = self.in_use, self.missing
        control.untaken_now = self.untaken
        clock, system = FakeClock(), System.OPERATIONS
        in_use = TargetInUse(control, states, clock, system, InUse("operations", "here.invalid"))
        return await ReadStatus(self, control, issues, counts, clock, in_use, self.runs).now(back=back)


def waiting(active: int, dead: int = 0) -> QueueDepth:
    return QueueDepth("account-changes", active, 0, dead, START - timedelta(minutes=3) if active else None)


async def test_another_erp_than_before_needs_a_person() -> None:
    status = await Everything(in_use=InUse("operations", "elsewhere.invalid")).status()
    (sentence,) = status.attention
    assert sentence.startswith("Nothing is written: ")
    assert "accountsync adopt-target" in sentence
    assert (await Everything(in_use=InUse("operations", "HERE.invalid")).status()).healthy


async def test_changes_that_are_not_taken_need_a_person() -> None:
    assert (await Everything(untaken=Untaken(START)).status()).healthy
    status = await Everything(untaken=Untaken(START, "changes wait. Restart the app.")).status()
    assert status.attention == ["Changes are not taken: changes wait. Restart the app."]


async def test_missing_events_need_a_person() -> None:
    found = await Everything(missing="no event came").status()
    assert found.attention == ["Events are missing: no event came"]


async def test_nothing_to_say_is_well() -> None:
    status = await Everything([waiting(0)], [Breaker(System.OPERATIONS)]).status()
    assert status.healthy
    assert status.drain_seconds == 0


async def test_the_drain_is_estimated_from_what_was_settled_retries_not_counted() -> None:
    status = await Everything([waiting(300)], outcomes=["updated"] * 50 + ["retrying"] * 500).status()
    assert status.drain_seconds == pytest.approx(300 / (50 / 600))
    assert status.outcomes == {"retrying": 500, "updated": 50}


async def test_minutes_before_the_window_are_told_on_demand_and_not_counted() -> None:
    status = await Everything(outcomes=["updated"]).status(back=timedelta(days=1))
    assert [START - minute.at for minute in status.minutes] == [timedelta(minutes=11), timedelta()]
    assert status.outcomes == {"updated": 1}


async def test_a_few_parked_accounts_are_counted_as_they_are_now() -> None:
    old = NotedCount(ParkedCount(START - timedelta(minutes=9), {"KeyChanged": 9}))
    status = await Everything(parked=["BadValue", "KeyChanged", "BadValue"], noted=old).status()
    assert status.issues == {"BadValue": 2, "KeyChanged": 1}
    assert [issue.last_at for issue in status.parked] == ["2", "1", "0"]
    assert status.counted_at == START
    assert status.attention == ["3 accounts are parked: `accountsync issues` says for what."]


async def test_of_many_parked_accounts_the_newest_count_is_told_with_its_age() -> None:
    noted = NotedCount(ParkedCount(START - timedelta(minutes=9), {"BadValue": 70_000}))
    status = await Everything(parked=["BadValue"] * 3, page_size=2, noted=noted).status()
    assert status.issues == {"BadValue": 70_000}
    assert status.attention == [
        "70,000 accounts are parked, counted 9 min ago: `accountsync issues` says for what."
    ]


async def test_many_parked_accounts_that_nobody_has_counted_yet_are_no_certain_number() -> None:
    status = await Everything(parked=["BadValue"] * 3, page_size=2).status()
    assert status.issues == {"BadValue": 2}
    assert any("More accounts are parked than were counted" in line for line in status.troubles)


async def test_the_outcomes_are_drawn() -> None:
    assert "Outcomes within" in said(await Everything(outcomes=["updated"]).status())


async def test_without_anything_settled_no_end_is_promised() -> None:
    assert (await Everything([waiting(1)]).status()).drain_seconds is None


@pytest.mark.parametrize(
    "trouble",
    [
        Everything([waiting(0, dead=1)]),
        Everything(breakers=[Breaker(System.OPERATIONS, paused_by="Ada")]),
        Everything(breakers=[Breaker(System.DATAVERSE, open_until=START + timedelta(seconds=1))]),
        Everything(parked=["UnmappedCurrency"]),
        Everything(away=True),
    ],
)
async def test_whatever_needs_attention_is_not_well(trouble: Everything) -> None:
    assert not (await trouble.status()).healthy


async def test_a_part_that_cannot_be_read_is_named_and_the_rest_is_told() -> None:
    status = await Everything(away=True, outcomes=["created"]).status()
    assert status.outcomes == {"created": 1}
    assert sorted(text.split(" were")[0] for text in status.troubles) == ["The issues", "The queues"]


async def test_a_status_is_drawn_with_all_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    everything = Everything(
        [waiting(7, dead=2)],
        [Breaker(System.OPERATIONS, open_until=START + timedelta(seconds=90), reason="answered 503")],
        ["UnmappedCurrency", "UnmappedCurrency"],
        ["created", "parked"],
    )
    Output(as_json=False).console.print(drawn(await everything.status()))
    text = capsys.readouterr().out
    for part in ("account-changes", "3.0 min", "open, probed in 1.5 min", "answered 503", "UnmappedCurrency"):
        assert part in text
    assert "Drained in about 35.0 min" in text
    assert text.count("█" * 30) == 2


def said(status: Status) -> str:
    output = Output(as_json=False, width=80)
    with output.console.capture() as captured:
        output.console.print(drawn(status))
    return " ".join(captured.get().split())


async def test_scheduled_messages_wait_and_it_is_said_until_when() -> None:
    queue = QueueDepth("account-changes", 0, 12, 0, None)
    status = replace(await Everything([queue]).status(), longest_wait=timedelta(minutes=15))
    until = START + timedelta(minutes=15)
    assert f"12 scheduled messages wait, usually until {until:%H:%M} UTC at the latest." in said(status)
    assert "Nothing waits" not in said(status)
    opened = Breaker(System.OPERATIONS, open_until=START + timedelta(hours=1))
    assert replace(status, breakers=[opened]).waits_until == START + timedelta(hours=1)
    assert "until a person resumes" in said(
        replace(status, breakers=[Breaker(System.OPERATIONS, paused_by="A")])
    )


async def test_each_thing_that_fails_the_check_is_named_with_what_to_do() -> None:
    everything = Everything(
        [waiting(0, dead=1)],
        [
            Breaker(
                System.OPERATIONS,
                open_until=START + timedelta(seconds=9),
                reason="refuses the token (401).",
            ),
            Breaker(System.DATAVERSE, paused_by="Ada"),
            Breaker(System.TABLES, open_until=START + timedelta(seconds=9), reason="answered 503"),
        ],
        ["UnmappedCurrency"],
    )
    found = "\n".join((await everything.status()).attention)
    for part in (
        "operations is in trouble (refuses the token (401)). Check the app's user in operations, its roles, ",
        "dataverse is paused by Ada. `accountsync resume --system dataverse`",
        "tables is in trouble (answered 503). Check whether tables runs",
        "account-changes has 1 dead letter: `accountsync dead-letters list`",
        "1 account is parked: `accountsync issues`",
    ):
        assert part in found
    away = await Everything(away=True).status()
    assert away.attention == [*away.troubles]


LOAD = LoadRun(
    id=UUID(int=7), organization_id=UUID(int=1), begun_at=START, total=10, sent=4, cause="its limit"
)
COMPARISON = Reconciliation(id="r", by="ada", started_at=START, changed_at=START, reason="answered 403.")


async def with_runs(load: LoadState, comparison: RunState) -> Status:
    everything = Everything()
    await everything.runs.write(RunKind.LOAD, encode_load(replace(LOAD, state=load)), None)
    await everything.runs.write(RunKind.RECONCILE, encode_run(replace(COMPARISON, state=comparison)), None)
    return await everything.status()


@pytest.mark.parametrize(
    ("load", "comparison", "needs"),
    [
        (LoadState.RUNNING, RunState.RUNNING, []),
        (LoadState.DONE, RunState.DONE, []),
        (LoadState.CANCELLED, RunState.CANCELLED, []),
        (LoadState.PAUSED, RunState.STOPPED, ["The first load is paused: its limit.", "answered 403."]),
        (LoadState.STOPPED, RunState.DONE, ["The first load is stopped: its limit."]),
    ],
)
async def test_a_run_that_stands_needs_a_person(
    load: LoadState, comparison: RunState, needs: list[str]
) -> None:
    status = await with_runs(load, comparison)
    assert len(status.attention) == len(needs)
    assert all(need in line for need, line in zip(needs, status.attention, strict=True))
    assert f"First load: {load}, 4 of 10 accounts sent." in said(status)
    assert f"Comparison: {comparison}, 0 accounts, 0 customers compared, 0 differences." in said(status)
