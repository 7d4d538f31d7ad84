"""Signs of life of one connection: those that this side gives, and those that it waits for.

Source of the rules: OASIS AMQP 1.0, part 2, section 2.4.5.
"""

import asyncio
from collections.abc import Callable


class LifeSigns:
    """Two timers of a connection. Times in seconds."""

    def __init__(self) -> None:
        self.has_received = False
        self._watch: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None

    def watch(self, time_out: float, on_silence: Callable[[], None]) -> None:
        """Call `on_silence` after a whole time-out in which `has_received` was not set."""

        def check() -> None:
            if self.has_received:
                self.watch(time_out, on_silence)
            else:
                on_silence()

        self.has_received = False
        self._watch = asyncio.get_running_loop().call_later(time_out, check)

    def beat(self, interval: float, send: Callable[[], None]) -> None:
        """Call `send` now and in every interval."""
        send()
        self._beat = asyncio.get_running_loop().call_later(interval, self.beat, interval, send)

    def stop(self) -> None:
        for timer in (self._watch, self._beat):
            if timer is not None:
                timer.cancel()
