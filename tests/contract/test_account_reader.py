"""The port AccountReader: the fake and the Dataverse simulator behave alike; and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from shared.dataverse.accounts import DataverseAccounts, select_of
from shared.field_maps import load_field_map
from shared.model.account import Account
from shared.model.faults import ConfigurationFault, Refused, System, TransientFault
from shared.model.field_map import FieldMap
from shared.model.outcome import Cause
from shared.ports import AccountReader
from tests.contract.conftest import TOKEN, Simulated
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeSales

MAP = load_field_map("operations")
DATAVERSE = System.DATAVERSE


class Sales(NamedTuple):
    """The port, and how a person saves and deletes accounts."""

    reader: AccountReader
    save: Callable[..., None]
    delete: Callable[[UUID], None]

    async def read(self, account_id: UUID) -> Account:
        account = await self.reader.read(account_id)
        assert account is not None
        return account


@pytest.fixture(params=["fake", "simulator"])
async def sales(request: pytest.FixtureRequest, simulated: Simulated) -> Sales:
    if request.param == "fake":
        fake = FakeSales(FakeClock())
        return Sales(fake, fake.save, fake.delete)
    simulated.start_anew()
    reader = DataverseAccounts(simulated.client(DATAVERSE), MAP)
    return Sales(reader, saver(simulated), deleter(simulated))


def saver(simulated: Simulated) -> Callable[..., None]:
    def save(account_id: UUID, currency: str | None = None, **columns: object) -> None:
        delete = deleter(simulated)
        delete(account_id)
        row = {"accountid": str(account_id), **columns}
        if currency:
            row["transactioncurrencyid@odata.bind"] = f"/transactioncurrencies({currency_id(currency)})"
        simulated.state(accounts=[row])

    def currency_id(name: str) -> str:
        rows = simulated.simulator.store.rows("transactioncurrency").values()
        return next(row.id for row in rows if row.get("currencyname") == name)

    return save


def deleter(simulated: Simulated) -> Callable[[UUID], None]:
    def delete(account_id: UUID) -> None:
        simulated.simulator.store.rows("account").pop(str(account_id), None)

    return delete


async def test_what_dataverse_does_not_know_is_none(sales: Sales) -> None:
    assert await sales.reader.read(uuid4()) is None


async def test_an_account_is_read_with_its_currency(sales: Sales) -> None:
    account_id = uuid4()
    sales.save(account_id, "Euro", name="Contoso Möbel", accountnumber="C-1", telephone1="+49 1")
    account = await sales.read(account_id)
    assert account.account_id == account_id
    assert account.currency is not None
    assert account.currency.name == "Euro"
    assert {
        "name": "Contoso Möbel",
        "accountnumber": "C-1",
        "telephone1": "+49 1",
        "statecode": 0,
    }.items() <= (account.columns.items())
    assert account.columns.get("fax") is None
    assert account.read_at.tzinfo == UTC


async def test_a_change_raises_the_version(sales: Sales) -> None:
    account_id = uuid4()
    sales.save(account_id, name="before")
    before = await sales.read(account_id)
    sales.save(account_id, name="after")
    after = await sales.read(account_id)
    assert after.version > before.version
    assert after.columns["name"] == "after"


async def test_a_deleted_account_is_none(sales: Sales) -> None:
    account_id = uuid4()
    sales.save(account_id, name="Contoso")
    sales.delete(account_id)
    assert await sales.reader.read(account_id) is None


@pytest.fixture
async def contoso(simulated: Simulated) -> UUID:
    """An account in the simulator."""
    simulated.start_anew()
    account_id = uuid4()
    saver(simulated)(account_id, "US Dollar", name="Contoso")
    return account_id


def reader(simulated: Simulated, field_map: FieldMap = MAP, token: str = TOKEN) -> DataverseAccounts:
    return DataverseAccounts(simulated.client(DATAVERSE, token), field_map)


async def test_one_request_reads_all(simulated: Simulated, contoso: UUID) -> None:
    account = await reader(simulated).read(contoso)
    assert account is not None
    assert account.currency is not None
    assert (account.currency.name, account.currency.iso_code) == ("US Dollar", "USD")
    assert abs(account.read_at - datetime.now(UTC)) < timedelta(seconds=5)
    assert simulated.simulator.log.report("dataverse", 0)["total"] == 1


async def test_of_a_parent_only_its_id_is_read(simulated: Simulated, contoso: UUID, tmp_path: Path) -> None:
    """A row that the app may not read would else look like none."""
    child = uuid4()
    parent = {"parentaccountid@odata.bind": f"/accounts({contoso})"}
    simulated.state(accounts=[{"accountid": str(child), "name": "Child", **parent}])
    parents = (Path(__file__).parents[1] / "flow/parents.toml").read_text(encoding="utf-8")
    one_company = tmp_path / "parents.toml"
    text = parents.replace('column = "new_company"', 'setting = "OPERATIONS_COMPANY"')
    one_company.write_text(text, encoding="utf-8")
    field_map = load_field_map(str(one_company))
    assert "expand=parentaccountid" not in select_of(field_map)
    for account_id, expected in ((child, str(contoso)), (contoso, None)):
        account = await reader(simulated, field_map).read(account_id)
        assert account is not None
        assert account.columns["parentaccountid"] == expected


async def test_a_column_that_is_not_there_is_a_wrong_set_up(simulated: Simulated, contoso: UUID) -> None:
    with pytest.raises(ConfigurationFault, match=r"no column .msdyn_\w+."):
        await reader(simulated, load_field_map("operations-dual-write")).read(contoso)


async def test_a_wrong_token_is_a_wrong_set_up(simulated: Simulated, contoso: UUID) -> None:
    with pytest.raises(ConfigurationFault, match="401"):
        await reader(simulated, token="wrong").read(contoso)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"status": 400}, Refused),
        ({"status": 403}, Refused),
        ({"status": 404, "code": "0x8006088a"}, Refused),
        ({"status": 404, "code": "0x80060891"}, Refused),
        ({"status": 404, "body": "<html>not here</html>"}, Refused),
        ({"status": 500}, TransientFault),
        ({"status": 502}, TransientFault),
        ({"status": 503, "retry_after": 60}, TransientFault),
        ({"status": 429, "retry_after": 60}, TransientFault),
    ],
)
async def test_no_other_answer_means_that_the_account_is_gone(
    simulated: Simulated, contoso: UUID, rule: dict[str, Any], fault: type[Exception]
) -> None:
    simulated.fault(DATAVERSE, "status", **rule)
    with pytest.raises(fault) as raised:
        await reader(simulated).read(contoso)
    if isinstance(raised.value, TransientFault):
        assert raised.value.retry_after == rule.get("retry_after")


async def test_a_write_back_that_is_refused_is_this_accounts(simulated: Simulated, contoso: UUID) -> None:
    """A plug-in of the customer's, or a changed right: it says with which status and code."""
    simulated.fault(DATAVERSE, "status", status=400, code="0x80040265", method="PATCH")
    with pytest.raises(Refused) as raised:
        await reader(simulated).write_back(contoso, "accountnumber", "C-1")
    fault = raised.value
    assert (fault.system, fault.way) == (DATAVERSE, "write-back 400 0x80040265")
    assert (fault.problem.cause, fault.problem.status) == (Cause.REFUSED_BY_SALES, 400)


async def test_a_hiccup_is_bridged_in_place(simulated: Simulated, contoso: UUID) -> None:
    simulated.fault(DATAVERSE, "status", status=503, count=1)
    simulated.fault(DATAVERSE, "drop-before", count=1)
    assert await reader(simulated).read(contoso) is not None
