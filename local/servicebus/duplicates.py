"""Duplicate detection: which message ids came within the window.

An id stays known for the whole window after it first came, also when its message has long been completed.
Source: learn.microsoft.com/azure/service-bus-messaging/duplicate-detection.
"""

from typing import Any

from local.servicebus.ordering import LowestFirst


class DuplicateHistory:
    """Ids seen in the last `window` seconds."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._seen: LowestFirst[Any] = LowestFirst()

    def __len__(self) -> int:
        return len(self._seen)

    def is_repeated(self, message_id: Any, now: float) -> bool:
        """Whether the id came before; if it did not, it counts as seen from now on."""
        self.forget_old(now)
        if message_id in self._seen:
            return True
        self._seen.add(message_id, now + self._window)
        return False

    def forget_old(self, now: float) -> None:
        for _ in self._seen.pop_up_to(now):
            pass
