"""What watches the queues, over the ports of the app."""

from datetime import datetime

from shared.environment import restart_command
from shared.resilience.watch_queues import LastOutcome, WatchQueues
from shared.wiring import Application


def watch_queues_of(app: Application) -> WatchQueues:
    """Return the use case that the function `heal` runs first."""
    ports = app.ports
    return WatchQueues(
        app.clients.queue_depths, ports.control, _last_outcome_of(app), ports.clock, restart_command()
    )


def _last_outcome_of(app: Application) -> LastOutcome:
    async def last(since: datetime) -> datetime | None:
        entries = await app.ports.states.outcomes_since(since)
        return max((datetime.fromisoformat(entry.at) for entry in entries), default=None)

    return last
