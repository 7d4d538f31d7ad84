"""A clock that moves only when told."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


class FakeClock:
    """Implements Clock; sleeping moves it."""

    def __init__(self, start: datetime = START) -> None:
        self.moment = start

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def advance_to(self, moment: datetime) -> None:
        self.moment = max(self.moment, moment)
