"""Health: little for anyone, more for those with the key."""

import asyncio

import pytest
from pydantic import SecretStr

from shared.model.faults import OperatorFault, System, TransientFault
from shared.setup import health
from shared.setup.health import Health
from tests.fakes.clock import FakeClock

KEY = SecretStr("the key ö")


class Probes:
    """Probes of two systems, counted; `fault` is what Operations' raises."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.asked = 0
        self.fault = fault
        self.clock = FakeClock()

    async def fine(self) -> None:
        self.asked += 1

    async def other(self) -> None:
        if self.fault:
            raise self.fault

    def health(self, key: SecretStr | None = KEY) -> Health:
        probes = {System.DATAVERSE: self.fine, System.OPERATIONS: self.other}
        return Health("build 7", key, probes, self.clock)


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
    assert report == {"status": "ok", "build": "build 7", "systems": {"dataverse": "ok", "operations": "ok"}}


@pytest.mark.parametrize(
    "fault",
    [
        TransientFault(System.OPERATIONS, "answered 503"),
        OperatorFault(System.OPERATIONS, "refuses the token.", "Check the secret."),
    ],
)
async def test_a_fault_degrades_and_says_what_is_wrong(fault: Exception) -> None:
    report = await Probes(fault).health().report("the key ö")
    assert report["status"] == "degraded"
    assert report["systems"] == {"dataverse": "ok", "operations": str(fault)}


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

    report = await Health("b", KEY, {System.TABLES: hangs}, FakeClock()).report("the key ö")
    assert report["systems"] == {"tables": "no answer within 0 s"}
    assert report["status"] == "degraded"
