"""What the operator's page shows of the app's own telemetry: charts of the day, the last attempt as bars."""

from collections import Counter
from datetime import timedelta

import pytest

from shared.load.silence import judged
from shared.model.activity import Activity, Way
from shared.model.catch_up import Silence
from shared.model.faults import System, TransientFault
from tests.fakes.clock import START
from tests.flow.console import Page
from tests.flow.world import account


@pytest.fixture
def page() -> Page:
    return Page()


async def test_the_overview_draws_the_day_and_says_it_in_words(page: Page) -> None:
    assert "No check ended in the last day." in (await page.get("/", "reader")).text
    await page.world.sync(page.world.save("A1"), page.world.save("A2", "Galactic Credit"))
    seen = await page.get("/", "reader")
    assert "2 checks ended in the last day" in seen.text
    assert "Half of the changes were written within" in seen.text
    assert seen.tags.count("svg") >= 2
    labels = seen.answer.text.count('role="img" aria-label="')
    assert labels >= 2
    assert "style=" not in seen.answer.text
    assert 'most of them from <time datetime="' in seen.answer.text


@pytest.mark.parametrize("role", ["reader", "operator"])
async def test_the_account_s_page_draws_its_last_attempt(page: Page, role: str) -> None:
    await page.world.sync(page.world.save("A1"))
    seen = await page.get(f"/account?id={account('A1')}", role)
    assert "The last attempt, step by step" in seen.text
    for step in ("read", "resolve", "claim", "write", "record"):
        assert f">{step}</th>" in seen.answer.text
    assert seen.answer.text.count('<rect class="fill-') >= 5


async def test_an_account_without_an_attempt_has_no_picture_of_one(page: Page) -> None:
    seen = await page.get(f"/account?id={account('A1')}", "reader")
    assert seen.status == 200
    assert "The last attempt" not in seen.text


async def test_a_moment_in_a_sentence_is_marked_as_one_and_all_else_is_text(page: Page) -> None:
    page.inquiry.fault = TransientFault(System.DATAVERSE, "no answer since 2026-02-30 10:00 UTC <b>")
    seen = await page.post("/accounts", text="Contoso")
    assert '<time datetime="2026-02-30T10:00Z">2026-02-30 10:00 UTC</time> &lt;b&gt;' in seen.answer.text


async def test_the_times_between_which_no_event_came_are_marked_as_moments(page: Page) -> None:
    hour = timedelta(hours=1)
    found = [Activity(START + hour * n, Counter({Way("catch-up", "updated"): 1})) for n in (0, 1)]
    page.world.control.missing = judged(Silence(), found, hour).missing
    seen = await page.get("/")
    for at in (START, START + hour):
        assert f">{at:%Y-%m-%d %H:%M} UTC</time>" in seen.answer.text
