"""Health: little for anyone, more for those with the key."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr

from shared.diagnostics import health
from shared.diagnostics.health import AnswerProbe, Health, probe_change
from shared.model.activity import Activity, Way
from shared.model.change import Source, decode_change, encode_change
from shared.model.control import Untaken
from shared.model.diagnosis import Diagnosis
from shared.model.faults import ConfigurationFault, QueueUnavailable, System, TransientFault
from shared.model.finding import Finding, Grade
from tests.fakes.bus import FakeQueue
from tests.fakes.clock import FakeClock
from tests.fakes.counts import FakeCounts
from tests.fakes.doctor import FakeDiagnoses
from tests.fakes.tables import FakeControl

KEY = SecretStr("the key ö")


class Probes:
    """Probes of two systems, counted; `fault` is what Operations' raises."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.asked = 0
        self.fault = fault
        self.clock = FakeClock()
        self.queue = FakeQueue(self.clock)
        self.control = FakeControl()
        self.diagnoses = FakeDiagnoses()
        self.counts = FakeCounts()

    async def fine(self) -> None:
        self.asked += 1

    async def other(self) -> None:
        if self.fault:
            raise self.fault

    def health(self, key: SecretStr | None = KEY) -> Health:
        probes = {System.DATAVERSE: self.fine, System.OPERATIONS: self.other}
        return Health(
            "build 7", key, probes, self.clock, self.queue, self.control, self.diagnoses, self.counts
        )


@pytest.mark.parametrize("key", [None, "", "wrong", "the key", "ü"])
async def test_without_the_key_nothing_is_probed(key: str | None) -> None:
    probes = Probes()
    assert await probes.health().report(key) == {"status": "ok", "build": "build 7"}
    assert probes.asked == 0


@pytest.mark.parametrize("key", [None, "", "the key ö"])
async def test_where_no_key_is_set_none_opens(key: str | None) -> None:
    assert await Probes().health(None).report(key) == {"status": "ok", "build": "build 7"}


async def test_with_the_key_each_system_answers() -> None:
    report = await Probes().health().report("the key ö")
    systems = {"dataverse": "ok", "operations": "ok"}
    newest = {"probe": None, "outcomes": {}, "doctor": None}
    assert report == {"status": "ok", "build": "build 7", "systems": systems, **newest}


async def test_with_the_key_the_outcomes_of_the_last_ten_minutes_are_told() -> None:
    probes = Probes()
    for minutes, number in ((11, 5), (9, 2), (0, 1)):
        at = probes.clock.now() - timedelta(minutes=minutes)
        await probes.counts.add(Activity(at, Counter({Way("webhook", "updated"): number})))
    assert (await probes.health().report("the key ö"))["outcomes"] == {"updated": 3}


@pytest.mark.parametrize(
    "fault",
    [
        TransientFault(System.OPERATIONS, "answered 503"),
        ConfigurationFault(System.OPERATIONS, "refuses the token.", "Check the secret."),
    ],
)
async def test_a_fault_degrades_and_says_what_is_wrong(fault: Exception) -> None:
    report = await Probes(fault).health().report("the key ö")
    assert report["status"] == "degraded"
    assert report["systems"] == {"dataverse": "ok", "operations": str(fault)}


async def test_missing_events_degrade_and_the_reason_is_told() -> None:
    probes = Probes()
    probes.control.missing = "no event came"
    report = await probes.health().report("the key ö")
    assert report["status"] == "degraded"
    assert report["systems"] == {"dataverse": "ok", "operations": "ok", "events": "no event came"}
    probes.control.missing = ""
    assert (await probes.health().report("the key ö"))["status"] == "ok"


async def test_changes_that_are_not_taken_degrade_and_the_remedy_is_told() -> None:
    probes = Probes()
    probes.control.untaken_now = Untaken(probes.clock.now())
    assert (await probes.health().report("the key ö"))["status"] == "ok"  # not for long enough yet
    probes.control.untaken_now = Untaken(probes.clock.now(), "changes wait. Restart the app: `az ...`.")
    report = await probes.health().report("the key ö")
    assert report["status"] == "degraded"
    assert report["systems"] == {
        "dataverse": "ok",
        "operations": "ok",
        "changes": "changes wait. Restart the app: `az ...`.",
    }
    assert await probes.health().report(None) == {"status": "ok", "build": "build 7"}


async def test_answers_are_kept_for_a_moment() -> None:
    probes = Probes()
    found = probes.health()
    for seconds, asked in ((0, 1), (10, 1), (1, 2)):
        probes.clock.advance(seconds)
        await found.report("the key ö")
        assert probes.asked == asked


async def test_a_probe_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.02)

    async def hangs() -> None:
        await asyncio.Event().wait()

    probes = Probes()
    hanging = {System.TABLES: hangs}
    outside = (probes.clock, probes.queue, probes.control, probes.diagnoses, probes.counts)
    found = Health("b", KEY, hanging, *outside)
    report = await found.report("the key ö")
    assert report["systems"] == {"tables": "no answer within 0 s"}
    assert report["status"] == "degraded"


@pytest.mark.parametrize("key", [None, "", "wrong"])
async def test_without_the_key_no_probe_is_queued(key: str | None) -> None:
    probes = Probes()
    assert await probes.health().report(key, probe=True) == {"status": "ok", "build": "build 7"}
    assert probes.queue.take() is None


async def test_with_the_key_a_probe_is_queued_for_no_account_and_its_answer_is_shown() -> None:
    probes = Probes()
    found = probes.health()
    assert (await found.report("the key ö", probe=True))["probe"] is None
    change = probes.queue.take()
    assert change is not None
    assert change.is_probe
    assert change.account_id.int == 0
    assert decode_change(encode_change(change)) == change
    await AnswerProbe("build 8", probes.control, probes.clock).answer()
    assert (await found.report("the key ö"))["probe"] == {
        "at": probes.clock.now().isoformat(),
        "build": "build 8",
    }
    assert probes.queue.take() is None


@pytest.mark.parametrize("key", [None, "", "wrong"])
async def test_without_the_key_the_doctor_is_not_asked(key: str | None) -> None:
    probes = Probes()
    assert await probes.health().report(key, doctor=True) == {"status": "ok", "build": "build 7"}
    assert probes.diagnoses.row.request == ""


async def test_with_the_key_the_doctor_is_asked_and_its_errors_are_shown() -> None:
    probes = Probes()
    found = probes.health()
    assert (await found.report("the key ö", doctor=True))["doctor"] is None
    request = probes.diagnoses.row.request
    assert request
    findings = (
        Finding("queue x", Grade.ERROR, "There is none.", "Nothing comes.", "Deploy it."),
        Finding("queue y", Grade.WARNING, "Its lock is short.", "why", "remedy"),
    )
    diagnosis = Diagnosis(probes.clock.now(), "build 8", "me", findings)
    await probes.diagnoses.keep(diagnosis, request)
    assert (await found.report("the key ö"))["doctor"] == {
        "at": probes.clock.now().isoformat(),
        "build": "build 8",
        "errors": ["queue x: There is none. Deploy it."],
    }
    assert probes.diagnoses.row.request == request


async def test_without_the_table_health_still_answers() -> None:
    probes = Probes()
    probes.diagnoses.trouble = TransientFault(System.TABLES, "answered 503")
    assert (await probes.health().report("the key ö", doctor=True))["doctor"] is None


async def test_a_probe_that_the_bus_does_not_take_degrades_the_bus() -> None:
    probes = Probes()
    probes.queue.trouble = QueueUnavailable("away")
    report = await probes.health().report("the key ö", probe=True)
    assert report["status"] == "degraded"
    assert "away" in str(report["systems"])


async def test_without_the_table_a_probe_is_not_answered_and_nothing_is_raised() -> None:
    probes = Probes()
    probes.control.trouble = TransientFault(System.TABLES, "answered 503")
    await AnswerProbe("build 8", probes.control, probes.clock).answer()
    assert (await probes.health().report("the key ö"))["probe"] is None


def test_only_a_change_of_ours_for_no_account_is_a_probe() -> None:
    probe = probe_change(FakeClock().now())
    assert not replace(probe, source=Source.DATAVERSE_QUEUE).is_probe
    assert not replace(probe, account_id=UUID(int=1)).is_probe
