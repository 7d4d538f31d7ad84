"""What an operator does after the storm: replay what is parked, and look into `rejected-events`.

The app's own use cases, wired in this process with the settings of the stand. The commands of an operator
come with the same.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping

from local.stand import Stand
from shared.environment import load_settings
from shared.model.queues import Bin
from shared.resilience.replay import Asked
from shared.wiring import Application

ASKED = Asked("chaos", "after the faults", per_minute=6000)


def settings_of(stand: Stand) -> dict[str, str]:
    """What the hosts run with, but for the way to the tables, which is straight here."""
    values = json.loads(stand.settings_file.read_text(encoding="utf-8"))["Values"]
    return values | {"TABLES_CONNECTION": stand.addresses.tables}


@contextlib.asynccontextmanager
async def operator(settings: Mapping[str, str]) -> AsyncIterator[Application]:
    """The app over the real systems, closed at the end."""
    app = Application(*load_settings(settings))
    try:
        yield app
    finally:
        await app.clients.close()


async def replay_parked(app: Application) -> int:
    """Look again at every parked account; how many there were."""
    return await app.replay.parked(ASKED)


async def rejected_bodies(app: Application) -> list[bytes]:
    """The bodies in `rejected-events`."""
    return [leftover.body async for leftover in app.ports.leftovers.peek(Bin.REJECTED)]
