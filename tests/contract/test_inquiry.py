"""The ports of the operator's questions: Azurite, both ways to the queues' counts, and Dataverse."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient

from local.child import Child
from shared.dataverse.inquiry import DataverseInquiry
from shared.environment import load_settings
from shared.messaging.depths import AdministeredQueues, LocalQueues
from shared.model.account import AccountCurrency, AccountName
from shared.model.faults import ConfigurationFault, QueueUnavailable, System, TransientFault
from shared.model.mapping import CURRENCIES
from shared.storage.issues import IssueTable
from shared.storage.states import StateTable
from tests.contract.conftest import NewTable, Simulated, start_broker
from tests.unit.test_settings import EXAMPLE

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def test_a_table_that_is_missing_is_a_configuration_fault(new_table: NewTable) -> None:
    table = await new_table()
    await table.delete_table()
    with pytest.raises(ConfigurationFault):
        await StateTable(table).usage(CURRENCIES)
    with pytest.raises(ConfigurationFault):
        await IssueTable(table).report()


# --- queues


class PlainHttp(AioHttpTransport):
    """Speaks http where the administration client says https."""

    async def send(self, request: Any, **options: Any) -> Any:
        request.url = request.url.replace("https://", "http://", 1)
        return await super().send(request, **options)


@pytest.fixture
async def own_broker(queue_config: Any, tmp_path: Any) -> Any:
    child = await start_broker(queue_config, tmp_path / "log")
    yield child
    await child.stop()


async def test_both_ways_tell_the_same_counts(own_broker: Child) -> None:
    control, text = own_broker.ready["control"], own_broker.ready["connection_string"]
    host = control.removeprefix("http://")
    settings, _ = load_settings(
        {**EXAMPLE, "ServiceBus": f"Endpoint=sb://{host};SharedAccessKeyName=a;SharedAccessKey=b"}
    )
    async with ServiceBusClient.from_connection_string(text) as client:
        async with client.get_queue_sender("dataverse-events") as sender:
            await sender.send_messages([ServiceBusMessage("1"), ServiceBusMessage("2")])
            await sender.schedule_messages(ServiceBusMessage("3"), datetime.now(UTC) + timedelta(hours=1))
        async with client.get_queue_receiver("dataverse-events") as receiver:
            (first,) = await receiver.receive_messages(1)
            await receiver.dead_letter_message(first, reason="broken")
        async with client.get_queue_sender("account-changes") as sender:
            await sender.send_messages(ServiceBusMessage("1", session_id="p00", message_id="1"))
        local = await LocalQueues(control).depths()
        remote = await AdministeredQueues(settings, client, transport=PlainHttp()).depths()
        async with client.get_queue_receiver(
            "dataverse-events", sub_queue=ServiceBusSubQueue.DEAD_LETTER
        ) as receiver:
            assert len(await receiver.peek_messages(5)) == 1
    for depths in (local, remote):
        assert [(q.name, q.active, q.scheduled, q.dead_letters) for q in depths] == [
            ("dataverse-events", 1, 1, 1),
            ("account-changes", 1, 0, 0),
            ("rejected-events", 0, 0, 0),
            ("load-pages", 0, 0, 0),
        ]
        oldest = depths[0].oldest_at
        assert oldest is not None
        assert timedelta(0) <= datetime.now(UTC) - oldest < timedelta(minutes=1)
        assert depths[2].oldest_at is None
    assert local[1].oldest_at is not None
    assert remote[1].oldest_at is None, "peeking there would take a session from the workers"


async def test_a_broker_that_is_away_is_said_to_be(own_broker: Child) -> None:
    await own_broker.stop()
    with pytest.raises(QueueUnavailable):
        await LocalQueues(own_broker.ready["control"]).depths()
    settings, _ = load_settings(
        {**EXAMPLE, "ServiceBus": "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=a;SharedAccessKey=b"}
    )
    async with ServiceBusClient.from_connection_string(own_broker.ready["connection_string"]) as client:
        queues = AdministeredQueues(settings, client, transport=PlainHttp(), retry_total=0)
        with pytest.raises(QueueUnavailable):
            await queues.depths()


# --- Dataverse


@pytest.fixture
def sales(simulated: Simulated) -> DataverseInquiry:
    simulated.start_anew()
    return DataverseInquiry(simulated.client(System.DATAVERSE), "accountnumber")


async def create(simulated: Simulated, path: str, row: dict[str, Any]) -> str:
    headers = {"Authorization": "Bearer contract-token", "Prefer": "return=representation"}
    response: httpx.Response = await simulated.clients[System.DATAVERSE].post(
        f"/api/data/v9.2/{path}", json=row, headers=headers
    )
    return response.raise_for_status().json()["accountid"]


async def test_the_currencies_of_sales_come_with_their_iso_codes(
    simulated: Simulated, sales: DataverseInquiry
) -> None:
    names = [{"currencyname": f"Currency {n}", "isocurrencycode": f"{n:03d}"} for n in range(30)]
    simulated.state(transactioncurrencies=names)
    found = await sales.currencies()
    assert {AccountCurrency(f"Currency {n}", f"{n:03d}") for n in range(30)} <= set(found)


async def test_an_account_is_found_by_its_number_with_all_that_odata_would_take_for_syntax(
    simulated: Simulated, sales: DataverseInquiry
) -> None:
    number = "O'Hara & /#1"
    account_id = await create(simulated, "accounts", {"name": "x", "accountnumber": number})
    assert await sales.by_number(number) == [UUID(account_id)]
    assert await sales.by_number("' or name ne '") == []


async def test_accounts_have_their_numbers_and_names_however_many_are_asked_for(
    simulated: Simulated, sales: DataverseInquiry
) -> None:
    made = {
        UUID(await create(simulated, "accounts", {"name": f"Name {n}", "accountnumber": f"N-{n}"})): n
        for n in range(45)
    }
    found = await sales.names([*made, uuid4()])
    assert found == {account_id: AccountName(f"N-{n}", f"Name {n}") for account_id, n in made.items()}
    assert await sales.names([]) == {}


async def test_accounts_are_found_by_a_part_of_the_name_in_any_case(
    simulated: Simulated, sales: DataverseInquiry
) -> None:
    ids = [
        await create(simulated, "accounts", {"name": name}) for name in ("O'Hara & Sons", "Sons of O'Hara")
    ]
    found = await sales.by_name("o'hara", 10)
    assert found == {
        UUID(ids[0]): AccountName("", "O'Hara & Sons"),
        UUID(ids[1]): AccountName("", "Sons of O'Hara"),
    }
    assert len(await sales.by_name("o'hara", 1)) == 1
    assert await sales.by_name("') or contains(name,'", 10) == {}


async def test_an_account_without_jobs_has_none(simulated: Simulated, sales: DataverseInquiry) -> None:
    account_id = await create(simulated, "accounts", {"name": "x"})
    assert await sales.jobs(UUID(account_id)) == []


@pytest.mark.parametrize(
    ("status", "fault"), [(403, ConfigurationFault), (404, ConfigurationFault), (500, TransientFault)]
)
async def test_what_dataverse_refuses_is_a_fault_with_its_remedy(
    simulated: Simulated, sales: DataverseInquiry, status: int, fault: type[Exception]
) -> None:
    simulated.fault(System.DATAVERSE, "status", status=status)
    with pytest.raises(fault, match=str(status)):
        await sales.currencies()
