"""The port AccountChanges: the fake and the Dataverse simulator behave alike; and what is refused."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest

from local.dynamics.dataverse.store import Origin
from shared.dataverse import changes as module
from shared.dataverse.changes import DataverseChanges
from shared.model.catch_up import ChangedAccount, ChangePage, Refusal
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.ports.catch_up import AccountChanges
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.contract.conftest import Simulated
from tests.fakes.changes import FakeChanges
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeSales

DATAVERSE = System.DATAVERSE


class Sales(NamedTuple):
    """The port, and how a person changes accounts and change tracking."""

    changes: AccountChanges
    save: Callable[[UUID], None]
    delete: Callable[[UUID], None]
    expire: Callable[[], None]
    track: Callable[[bool], None]


@pytest.fixture(params=["fake", "simulator"])
async def sales(
    request: pytest.FixtureRequest, simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> Sales:
    if request.param == "fake":
        fake = FakeSales(FakeClock())
        changes = FakeChanges(fake)

        def track(on: bool) -> None:
            changes.tracked = on

        return Sales(changes, fake.save, fake.delete, changes.expire, track)
    monkeypatch.setattr(module, "PAGE_SIZE", 2)
    return of_the_simulator(simulated)


def of_the_simulator(simulated: Simulated) -> Sales:
    simulated.start_anew()
    dataverse = simulated.simulator.dataverse
    table = simulated.simulator.store.tables["account"]

    def track(on: bool) -> None:
        dataverse.track("account", on=on)

    def save(account_id: UUID) -> None:
        store = simulated.simulator.store
        row = store.rows("account").get(str(account_id))
        with store.transaction():
            if row is None:
                store.create(table, {"accountid": str(account_id), "name": "n"}, Origin())
            else:
                store.update(table, row, {"name": "other"}, Origin())

    def delete(account_id: UUID) -> None:
        store = simulated.simulator.store
        with store.transaction():
            store.delete(table, store.rows("account")[str(account_id)], Origin())

    track(on=True)
    reader = DataverseChanges(simulated.client(DATAVERSE))
    return Sales(reader, save, delete, dataverse.tracking.expire_all, track)


async def whole(changes: AccountChanges, page: ChangePage | Refusal, *, tracked: bool) -> ChangePage:
    """All accounts of a pass, and the delta link of its last page."""
    found = list[ChangedAccount]()
    while True:
        assert isinstance(page, ChangePage), page
        found += page.accounts
        if not page.following:
            return page._replace(accounts=found)
        assert not page.delta
        page = await changes.follow(page.following, tracked=tracked)


async def test_a_first_read_gives_all_accounts_and_a_link_to_what_changes_then(sales: Sales) -> None:
    ids = [uuid4() for _ in range(5)]
    for account_id in ids:
        sales.save(account_id)
    first = await whole(sales.changes, await sales.changes.begin(), tracked=True)
    assert {account.account_id for account in first.accounts} == set(ids)
    sales.save(ids[1])
    sales.delete(ids[2])
    sales.save(new := uuid4())
    then = await whole(sales.changes, await sales.changes.follow(first.delta, tracked=False), tracked=False)
    versions = {account.account_id: account.version for account in first.accounts}
    changed = {account.account_id: account.version for account in then.accounts}
    assert set(changed) == {ids[1], ids[2], new}
    assert (changed[ids[1]] or 0) > (versions[ids[1]] or 0)
    assert changed[ids[2]] is None
    last = await whole(sales.changes, await sales.changes.follow(then.delta, tracked=False), tracked=False)
    assert last.accounts == []


async def test_what_changes_while_pages_are_read_comes_with_the_link(sales: Sales) -> None:
    ids = [uuid4() for _ in range(5)]
    for account_id in ids:
        sales.save(account_id)
    page = await sales.changes.begin()
    sales.save(ids[0])
    first = await whole(sales.changes, page, tracked=True)
    then = await whole(sales.changes, await sales.changes.follow(first.delta, tracked=False), tracked=False)
    assert ids[0] in {account.account_id for account in then.accounts}


async def test_a_link_that_expired_is_refused_and_a_new_read_gives_a_good_one(sales: Sales) -> None:
    sales.save(uuid4())
    first = await whole(sales.changes, await sales.changes.begin(), tracked=True)
    sales.expire()
    assert await sales.changes.follow(first.delta, tracked=False) is Refusal.LINK
    again = await whole(sales.changes, await sales.changes.begin(), tracked=True)
    assert isinstance(await sales.changes.follow(again.delta, tracked=False), ChangePage)


async def test_where_tracking_is_off_it_is_told_and_modifiedon_is_read_without_it(sales: Sales) -> None:
    ids = [uuid4() for _ in range(3)]
    for account_id in ids:
        sales.save(account_id)
    first = await whole(sales.changes, await sales.changes.begin(), tracked=True)
    sales.track(False)
    assert await sales.changes.begin() is Refusal.TRACKING_OFF
    assert await sales.changes.follow(first.delta, tracked=False) is Refusal.LINK
    page = await whole(sales.changes, await sales.changes.modified_since(None), tracked=False)
    assert {account.account_id for account in page.accounts} == set(ids)
    assert page.delta == ""
    later = first.at.replace(year=first.at.year + 1)
    assert (
        await whole(sales.changes, await sales.changes.modified_since(later), tracked=False)
    ).accounts == []


async def test_accounts_that_exist_are_told_from_those_that_do_not(sales: Sales) -> None:
    ids = [uuid4() for _ in range(90)]
    for account_id in ids[:45]:
        sales.save(account_id)
    assert await sales.changes.existing(ids) == set(ids[:45])
    assert await sales.changes.existing([]) == frozenset()


async def test_the_organization_is_known(sales: Sales) -> None:
    assert isinstance(await sales.changes.organization(), UUID)


# --- answers that the simulator does not give

ADDRESS = "https://sales.example"
EXPIRED = {"error": {"code": "0x80044352", "message": "Version stamp has expired."}}
OTHER = {"error": {"code": "0x80040216", "message": "An unexpected error occurred."}}
DELTA = f"{ADDRESS}/api/data/v9.2/accounts?$deltatoken=1"


def answering(*answers: httpx.Response) -> tuple[DataverseChanges, list[httpx.Request]]:
    """The port over these answers, one after the other; the requests are kept."""
    left, asked = list(answers), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return left.pop(0) if len(left) > 1 else left[0]

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url=ADDRESS)
    return DataverseChanges(ODataClient(DATAVERSE, http, FixedToken("t"), FakeClock())), asked


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, EXPIRED), (500, EXPIRED), (403, OTHER), (404, OTHER), (410, OTHER), (412, OTHER), (400, {})],
)
async def test_however_an_old_link_is_refused_it_is_a_refused_link(status: int, body: object) -> None:
    changes, _ = answering(httpx.Response(status, json=body))
    assert await changes.follow(DELTA, tracked=False) is Refusal.LINK


@pytest.mark.parametrize(
    ("status", "fault"), [(500, TransientFault), (503, TransientFault), (429, TransientFault)]
)
async def test_trouble_of_sales_is_no_refused_link(status: int, fault: type[Exception]) -> None:
    changes, _ = answering(httpx.Response(status, json=OTHER))
    with pytest.raises(fault):
        await changes.follow(DELTA, tracked=False)


async def test_a_refused_token_is_a_configuration_fault() -> None:
    changes, _ = answering(httpx.Response(401))
    with pytest.raises(ConfigurationFault):
        await changes.follow(DELTA, tracked=False)


@pytest.mark.parametrize("host", ["https://elsewhere.example", "http://sales.example"])
async def test_a_link_from_before_the_address_of_sales_was_changed_is_a_refused_link(host: str) -> None:
    changes, asked = answering(httpx.Response(200, json={"value": []}))
    link = DELTA.replace(ADDRESS, host)
    assert await changes.follow(link, tracked=False) is Refusal.LINK
    assert asked == []


@pytest.mark.parametrize("link", ["@odata.nextLink", "@odata.deltaLink"])
@pytest.mark.parametrize(
    "address", ["https://elsewhere.example/x", "http://sales.example/x", "//elsewhere.example"]
)
async def test_no_link_leads_to_another_host(link: str, address: str) -> None:
    changes, asked = answering(httpx.Response(200, json={"value": [], link: address}))
    with pytest.raises(ConfigurationFault, match="outside"):
        await changes.begin()
    assert {request.url.host for request in asked} == {"sales.example"}


async def test_a_link_that_nobody_can_follow_is_told() -> None:
    link = f"{ADDRESS}/{'x' * 20_000}"
    changes, _ = answering(httpx.Response(200, json={"value": [], "@odata.deltaLink": link}))
    with pytest.raises(ConfigurationFault, match="nobody can follow"):
        await changes.begin()


async def test_a_page_that_leads_to_itself_ends() -> None:
    changes, _ = answering(httpx.Response(200, json={"value": [], "@odata.nextLink": DELTA}))
    with pytest.raises(TransientFault, match="do not end"):
        await changes.follow(DELTA, tracked=False)


async def test_a_read_that_was_not_tracked_although_it_was_asked_for_is_told() -> None:
    changes, asked = answering(httpx.Response(200, json={"value": []}))
    assert await changes.begin() is Refusal.TRACKING_OFF
    assert "odata.track-changes" in asked[0].headers["Prefer"]
    assert "$select=accountid,versionnumber" in str(asked[0].url)


@pytest.mark.parametrize(
    "definition", [httpx.Response(200, json={"value": []}), httpx.Response(403, json=OTHER)]
)
async def test_tracking_counts_as_off_if_its_definition_does_not_say_that_it_is_on(
    definition: httpx.Response,
) -> None:
    changes, _ = answering(httpx.Response(400, json=OTHER), definition)
    assert await changes.begin() is Refusal.TRACKING_OFF


async def test_another_400_where_tracking_is_on_is_a_configuration_fault() -> None:
    on = {"value": [{"LogicalName": "account", "ChangeTrackingEnabled": True}]}
    changes, _ = answering(httpx.Response(400, json=OTHER), httpx.Response(200, json=on))
    with pytest.raises(ConfigurationFault):
        await changes.begin()


async def test_without_the_right_to_read_all_accounts_the_remedy_says_so() -> None:
    changes, _ = answering(httpx.Response(403, json=OTHER))
    with pytest.raises(ConfigurationFault, match="whole organization"):
        await changes.begin()


async def test_the_forms_of_a_deleted_account_and_of_a_version_are_read() -> None:
    deleted, other, changed = uuid4(), uuid4(), uuid4()
    rows = [
        {"id": str(deleted).upper(), "reason": "deleted"},
        {
            "@odata.context": f"{ADDRESS}/$metadata#accounts/$deletedEntity",
            "id": f"{ADDRESS}/accounts({other})",
        },
        {"accountid": str(changed), "@odata.etag": 'W/"17"'},
    ]
    changes, _ = answering(httpx.Response(200, json={"value": rows, "@odata.deltaLink": DELTA}))
    page = await changes.begin()
    assert isinstance(page, ChangePage)
    assert list(page.accounts) == [
        ChangedAccount(deleted, None),
        ChangedAccount(other, None),
        ChangedAccount(changed, 17),
    ]
