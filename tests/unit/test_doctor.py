"""When the app checks its set-up, how it bounds the check, and what it keeps."""

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.diagnostics.doctor.diagnose import EVERY, LEASE, Diagnose
from shared.diagnostics.doctor.doctor import Doctor, Named, told_once
from shared.diagnostics.doctor.queues import WANTED
from shared.diagnostics.doctor.settings import wrong_settings
from shared.environment import SettingsError, load_settings
from shared.model.diagnosis import LONGEST, Diagnosis, decode_diagnosis, encode_diagnosis
from shared.model.faults import ConfigurationFault, Fault, NotPermitted, System, TransientFault
from shared.model.finding import Finding, Grade
from shared.web.claims import read_claims
from shared.web.credentials import BasicAuth, FixedToken
from shared.wiring.host_limits import HostLimits, host_limits
from tests.fakes.clock import START, FakeClock
from tests.fakes.doctor import FakeDiagnoses
from tests.unit.test_settings import EXAMPLE

ROOT = Path(__file__).parents[2]
FINE = Finding("thing", Grade.FINE, "It is there.")


async def fine() -> Sequence[Finding]:
    return [FINE]


# --- one check


async def test_a_check_that_hangs_is_given_up_and_not_checked() -> None:
    async def hangs() -> Sequence[Finding]:
        await asyncio.Event().wait()
        raise AssertionError

    found = await Doctor([Named("slow", hangs), Named("thing", fine)], longest=0.02).examine()
    assert [(one.check, one.grade) for one in found] == [
        ("slow", Grade.NOT_CHECKED),
        ("thing", Grade.FINE),
    ]


@pytest.mark.parametrize(
    ("error", "grade"),
    [
        (TransientFault(System.TABLES, "answered 503"), Grade.NOT_CHECKED),
        (NotPermitted(System.DATAVERSE, "answered 403.", "Ask."), Grade.NOT_CHECKED),
        (ConfigurationFault(System.DATAVERSE, "answered 404.", "Correct it."), Grade.ERROR),
        (ZeroDivisionError(), Grade.NOT_CHECKED),
    ],
)
async def test_a_check_that_fails_is_never_fine(error: Exception, grade: Grade) -> None:
    async def fails() -> Sequence[Finding]:
        raise error

    found = await Doctor([Named("thing", fails), Named("other", fine)]).examine()
    assert [one.grade for one in found] == [grade, Grade.FINE]
    assert found[0].check == "thing"
    assert found[0].remedy
    if isinstance(error, ConfigurationFault):
        assert found[0].remedy == error.remedy


async def test_what_a_person_may_not_read_is_no_error() -> None:
    async def fails() -> Sequence[Finding]:
        raise ConfigurationFault(System.DATAVERSE, "refuses the token (401).", "Sign in.")

    async def finds() -> Sequence[Finding]:
        return [Finding("other", Grade.ERROR, "It is wrong.", "why", "remedy")]

    checks = [Named("thing", fails), Named("other", finds)]
    found = await Doctor(checks, refused=Grade.NOT_CHECKED).examine()
    assert [one.grade for one in found] == [Grade.NOT_CHECKED, Grade.ERROR]


async def test_checks_run_at_the_same_time() -> None:
    met = asyncio.Barrier(2)

    async def meets() -> Sequence[Finding]:
        await met.wait()
        return []

    assert await Doctor([Named("a", meets), Named("b", meets)], longest=5).examine() == ()


def test_findings_that_only_read_alike_stay_apart() -> None:
    findings = [Finding(name, Grade.WARNING, "It is 0.", "w", "r") for name in ("a", "b")]
    assert told_once(findings) == findings


# --- when it is due


@dataclass
class App:
    """One instance of the app; `checks` counts the checks that it made."""

    build: str
    diagnoses: FakeDiagnoses
    clock: FakeClock
    checks: int = 0
    findings: list[Finding] = field(default_factory=lambda: [FINE])

    async def run(self) -> Diagnosis | None:
        async def check() -> Sequence[Finding]:
            self.checks += 1
            return self.findings

        async def identity() -> str:
            return "application 1"

        doctor = Doctor([Named("thing", check)])
        return await Diagnose(self.diagnoses, lambda: doctor, self.clock, self.build, identity).run()


@pytest.fixture
def app() -> App:
    return App("1", FakeDiagnoses(), FakeClock())


async def test_the_first_run_makes_a_check_and_keeps_it(app: App) -> None:
    made = await app.run()
    assert made == Diagnosis(START, "1", "application 1", (FINE,))
    assert await app.diagnoses.newest() == made


async def test_a_run_in_which_nothing_is_due_reads_one_row(app: App) -> None:
    await app.run()
    app.diagnoses.reads = 0
    app.clock.advance(60)
    assert await app.run() is None
    assert (app.checks, app.diagnoses.reads) == (1, 1)


async def test_a_new_version_makes_a_check(app: App) -> None:
    await app.run()
    app.build = "2"
    assert (await app.run() or Diagnosis(START, "", "", ())).build == "2"


async def test_a_check_is_made_once_a_day(app: App) -> None:
    await app.run()
    app.clock.advance(EVERY.total_seconds() - 1)
    assert await app.run() is None
    app.clock.advance(1)
    assert await app.run() is not None


async def test_a_request_makes_one_check(app: App) -> None:
    await app.run()
    await app.diagnoses.ask("r1")
    assert await app.run() is not None
    assert app.diagnoses.row.answered == "r1"
    assert await app.run() is None


async def test_a_request_during_the_check_makes_another_one(app: App) -> None:
    await app.diagnoses.ask("r1")

    async def check() -> Sequence[Finding]:
        await app.diagnoses.ask("r2")
        return [FINE]

    async def identity() -> str:
        return ""

    doctor = Doctor([Named("thing", check)])
    await Diagnose(app.diagnoses, lambda: doctor, app.clock, "1", identity).run()
    assert (app.diagnoses.row.request, app.diagnoses.row.answered) == ("r2", "r1")
    assert await app.run() is not None


async def test_one_instance_at_a_time_makes_the_check_until_its_lease_ends(app: App) -> None:
    other = App("1", app.diagnoses, app.clock)
    await app.diagnoses.lease(app.clock.now() + LEASE, await app.diagnoses.standing())  # killed after this
    assert await other.run() is None
    app.clock.advance(LEASE.total_seconds())
    assert await other.run() is not None


async def test_of_two_instances_that_read_the_row_together_one_makes_the_check(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = await app.diagnoses.standing()
    await app.run()

    async def as_before() -> object:
        return standing

    monkeypatch.setattr(app.diagnoses, "standing", as_before)
    assert await app.run() is None
    assert app.checks == 1


async def test_where_the_table_is_away_nothing_is_checked(app: App) -> None:
    app.diagnoses.trouble = TransientFault(System.TABLES, "answered 503")
    with pytest.raises(Fault):
        await app.run()
    assert app.checks == 0


async def test_the_log_names_the_errors_and_nothing_of_what_was_read(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    app.findings = [FINE, Finding("queue x", Grade.ERROR, "what stands there", "why", "remedy")]
    with caplog.at_level("INFO"):
        await app.run()
    assert caplog.messages == ["doctor: 1 of 2 findings are errors: queue x"]


# --- what is kept


def diagnosis(number: int, grade: Grade = Grade.FINE) -> Diagnosis:
    findings = tuple(Finding(f"check {n}", grade, "ü" * 300, "why", "remedy") for n in range(number))
    return Diagnosis(datetime(2026, 11, 29, tzinfo=UTC), "1", "me", findings)


def test_a_diagnosis_is_read_as_it_was_kept() -> None:
    assert decode_diagnosis(encode_diagnosis(diagnosis(20))) == diagnosis(20)


def test_a_diagnosis_that_is_too_long_loses_what_is_fine_and_says_so() -> None:
    error = Finding("bad", Grade.ERROR, "It is bad.", "why", "remedy")
    long = diagnosis(500)
    long = Diagnosis(long.at, long.build, long.identity, (*long.findings, error))
    text = encode_diagnosis(long)
    assert len(text) <= LONGEST
    kept = decode_diagnosis(text).findings
    assert kept[0] == error
    assert kept[-1].grade is Grade.NOT_CHECKED
    assert kept[-1].what.startswith(f"{501 - (len(kept) - 1)} findings are not kept")


# --- settings that cannot be used


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"DATAVERSE_URL": "http//wrong"}, "setting DATAVERSE_URL"),
        ({"TARGET": "sap"}, "setting TARGET"),
        ({"SYNC_PARTITIONS": "9"}, "setting SYNC_PARTITIONS"),
        ({"FINGERPRINT_KEY": "short"}, "setting FINGERPRINT_KEY"),
        (
            {"HEALTH_KEY": "@Microsoft.KeyVault(SecretUri=https://v.example.net/secrets/k)"},
            "setting HEALTH_KEY",
        ),
        ({"FIELD_MAP": "none.toml"}, "setting FIELD_MAP"),
        ({"LOCAL_TOKEN": ""}, "setting LOCAL_TOKEN"),
        ({"OPERATIONS_COMPANY": ""}, "setting OPERATIONS_COMPANY"),
    ],
)
def test_a_wrong_setting_is_an_error_with_its_name_and_without_its_value(
    changes: dict[str, str], name: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(EXAMPLE | changes)
    (found,) = wrong_settings(raised.value.problems)
    assert (found.check, found.grade) == (name, Grade.ERROR)
    assert found.what
    assert "short" not in found.what
    assert found.remedy


def test_business_central_takes_four_partitions_at_most() -> None:
    changes = {"TARGET": "business-central", "FIELD_MAP": "business-central", "SYNC_PARTITIONS": "5"}
    place = {"BUSINESS_CENTRAL_URL": "http://127.0.0.1:1", "BUSINESS_CENTRAL_COMPANY": "x"}
    with pytest.raises(SettingsError) as raised:
        load_settings(EXAMPLE | changes | place)
    (found,) = wrong_settings(raised.value.problems)
    assert found.check == "setting SYNC_PARTITIONS"


# --- tokens and limits


def token(**claims: object) -> FixedToken:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return FixedToken(f"header.{payload}.signature")


async def test_claims_are_read_without_the_rest_of_the_token() -> None:
    found = await read_claims(
        token(aud="https://x/", tid="t", appid="a", oid="o", exp=1_800_000_000, upn="a person", name="Anna")
    )
    assert found == ("https://x/", "t", "a", "o", datetime(2027, 1, 15, 8, 0, tzinfo=UTC))


@pytest.mark.parametrize("text", ["local-stand-token", "a.b.c", "a.bnVsbA.c", "a.!.c"])
async def test_a_token_of_another_kind_has_no_claims(text: str) -> None:
    assert await read_claims(FixedToken(text)) is None
    assert await read_claims(BasicAuth("user", "key")) is None


async def test_a_token_may_lack_claims() -> None:
    assert await read_claims(token(azp="a", exp="soon")) == ("", "", "a", "", None)


def test_the_hosts_limits_are_read_from_its_file(tmp_path: Path) -> None:
    assert host_limits() == HostLimits(600.0, timedelta(days=1).total_seconds())
    assert host_limits(tmp_path / "none") == HostLimits(None, None)
    (tmp_path / "host.json").write_text("{}")
    assert host_limits(tmp_path / "host.json") == HostLimits(None, None)


def test_the_doctor_knows_every_queue_that_there_is() -> None:
    config = json.loads((ROOT / "local/servicebus/Config.json").read_text(encoding="utf-8"))
    (namespace,) = config["UserConfig"]["Namespaces"]
    there = {queue["Name"]: queue["Properties"]["RequiresSession"] for queue in namespace["Queues"]}
    assert {wanted.name: wanted.sessions for wanted in WANTED} == there
