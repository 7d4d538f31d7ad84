"""What watches the queues, over the ports of the app."""

from datetime import datetime, timedelta

from shared.environment import restart_command
from shared.resilience.watch_queues import LastOutcome, WatchQueues
from shared.wiring import Application

MINUTE = timedelta(minutes=1)  # an outcome of a minute is at most as late as its end


def watch_queues_of(app: Application) -> WatchQueues:
    """Return the use case that the function `heal` runs first."""
    ports = app.ports
    return WatchQueues(
        app.clients.queue_depths, ports.control, _last_outcome_of(app), ports.clock, restart_command()
    )


def _last_outcome_of(app: Application) -> LastOutcome:
    async def last(since: datetime) -> datetime | None:
        minutes = await app.ports.counts.since(since)
        return max((minute.at + MINUTE for minute in minutes if minute.outcomes), default=None)

    return last
