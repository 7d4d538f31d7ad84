"""The doctor on a stand that was just started: no error, nothing written, and what is wrong is found."""

from collections.abc import AsyncIterator

import httpx
import pytest

from local.stand import Stand, StandOptions
from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.operator import doctor_at_hand, running_with
from tests.end_to_end.system import places_from_environment


@pytest.fixture(scope="module")
async def fresh() -> AsyncIterator[Stand]:
    if places_from_environment() is not None:
        pytest.skip("needs a stand of our own")
    async with Stand.start(StandOptions(core_tools=False)) as stand:
        yield stand


@pytest.fixture
async def app(fresh: Stand) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=fresh.addresses.functions, timeout=60) as client:
        yield client


async def test_before_its_first_check_the_command_says_that_there_is_none(fresh: Stand) -> None:
    answer = await CommandLine(fresh.settings_file)("doctor", "--json", code=1)
    assert answer.json["app"] is None
    (error,) = [one for one in answer.json["findings"] if one["grade"] == "error"]
    assert "accountsync doctor --now" in error["remedy"]


async def test_a_fresh_stand_has_no_error_and_nothing_is_written_to_sales_or_the_erp(
    fresh: Stand, app: httpx.AsyncClient
) -> None:
    here = fresh.addresses
    async with httpx.AsyncClient(base_url=here.control) as control:
        (await control.delete("/requests")).raise_for_status()
        async with doctor_at_hand(app, here.function_key):
            answer = await CommandLine(fresh.settings_file)("doctor", "--now", "--json")
        requests = (await control.get("/requests")).json()["entries"]
    assert {entry["method"] for entry in requests} <= {"GET", "HEAD"}
    assert {entry["system"] for entry in requests} == {"dataverse", "operations"}
    assert answer.json["app"]["identity"] == "the local stand"
    assert {one["whose"] for one in answer.json["findings"]} == {"app", "you"}
    assert "No error was found." in (await CommandLine(fresh.settings_file)("doctor")).out


async def test_an_app_with_a_wrong_setting_finds_it_and_health_shows_it(
    fresh: Stand, app: httpx.AsyncClient
) -> None:
    accountsync, wrong = CommandLine(fresh.settings_file), "11111111-1111-1111-1111-111111111111"
    async with running_with(fresh, {"INTEGRATION_USER_ID": wrong}):
        async with doctor_at_hand(app, fresh.addresses.function_key):
            answer = await accountsync("doctor", "--now", "--json", code=1)
        headers = {"x-functions-key": fresh.addresses.function_key}
        health = (await app.get("/api/health", headers=headers)).raise_for_status().json()
    (error,) = [one for one in answer.json["findings"] if one["grade"] == "error"]
    assert (error["whose"], error["check"]) == ("app", "integration user")
    assert error["remedy"].startswith("Set INTEGRATION_USER_ID to ")
    (told,) = health["doctor"]["errors"]
    assert told == f"{error['check']}: {error['what']} {error['remedy']}"
