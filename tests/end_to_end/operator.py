"""What an operator does: rows of the mapping by a plain table write, healing at once, the app's use cases."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping

from local.stand import Stand
from shared.environment import load_settings
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
    content = json.loads(before)
    content["Values"] |= settings
    stand.settings_file.write_text(json.dumps(content), encoding="utf-8")
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
    """Run the timer function now."""
    await run_timer(system, "heal")


async def run_timer(system: System, name: str) -> None:
    """Run a timer function now.

    As in learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http.
    """
    key = {"x-functions-key": system.places.function_key}
    (await system.app.post(f"/admin/functions/{name}", json={}, headers=key)).raise_for_status()
