"""What an operator does: rows of the mapping by a plain table write, healing at once, the app's use cases."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from local.stand import Stand
from shared.environment import load_settings
from shared.model.change import AccountChange, ChangeKind, Source, encode_change
from shared.wiring import Application
from tests.end_to_end.system import System


def settings_of(stand: Stand) -> dict[str, str]:
    """What the hosts of the stand run with."""
    return json.loads(stand.settings_file.read_text(encoding="utf-8"))["Values"]


@contextlib.asynccontextmanager
async def application(stand: Stand) -> AsyncIterator[Application]:
    """The use cases in this process, over the real systems."""
    app = Application(*load_settings(settings_of(stand)))
    try:
        yield app
    finally:
        await app.clients.close()


@contextlib.asynccontextmanager
async def running_with(stand: Stand, settings: Mapping[str, str]) -> AsyncIterator[None]:
    """The first host with other settings, until the block ends."""
    before = stand.settings_file.read_text(encoding="utf-8")
    stand.change_settings(settings)
    await stand.restart_host()
    try:
        yield
    finally:
        stand.settings_file.write_text(before, encoding="utf-8")
        await stand.restart_host()


async def map_currency(system: System, crm: str, ax: str) -> None:
    """Write one row as any tool for tables would."""
    row = {"PartitionKey": "currency", "RowKey": crm.lower(), "CurrencyCRM": crm, "CurrencyAX": ax}
    await system.tables.get_table_client("CurrencyMapping").upsert_entity(row)


async def heal(system: System) -> None:
    """Run the timer function `heal` now."""
    await run_timer(system.app, system.places.function_key, "heal")


async def dead_letter(stand: Stand, account_id: UUID, organization_id: UUID) -> None:
    """Give a check of this account up, as the broker does after too many deliveries.

    Its session is held before the message is sent: no worker takes it.
    """
    change = AccountChange(
        organization_id=organization_id,
        account_id=account_id,
        kind=ChangeKind.CHECK,
        occurred_at=datetime.now(UTC),
        source=Source.REPLAY,
        operation_id=uuid4(),
    )
    message = ServiceBusMessage(encode_change(change), session_id="p99", message_id=change.message_id)
    async with (
        ServiceBusClient.from_connection_string(stand.addresses.servicebus) as client,
        client.get_queue_receiver("account-changes", session_id="p99") as receiver,
        client.get_queue_sender("account-changes") as sender,
    ):
        await sender.send_messages(message)
        (received,) = await receiver.receive_messages(1)
        await receiver.dead_letter_message(received, reason="given-up")


async def run_timer(app: httpx.AsyncClient, key: str, function: str) -> None:
    """Run a timer function now.

    As in learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http.
    """
    headers = {"x-functions-key": key}
    (await app.post(f"/admin/functions/{function}", json={}, headers=headers)).raise_for_status()


@contextlib.asynccontextmanager
async def doctor_at_hand(app: httpx.AsyncClient, key: str) -> AsyncIterator[None]:
    """Run the timer function `doctor` again and again until the block ends: nobody waits for its minute."""

    async def again() -> None:
        while True:
            await run_timer(app, key, "doctor")
            await asyncio.sleep(0.5)

    running = asyncio.create_task(again())
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
