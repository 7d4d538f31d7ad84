"""The messages of one queue by sequence number, which also is their order."""

from bisect import bisect_left
from collections.abc import Collection
from itertools import count, islice

from local.servicebus.message import Message
from local.servicebus.stored import StoredMessage


class MessageStore:
    """Numbers messages and keeps them."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._messages: dict[int, StoredMessage] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, number: int) -> StoredMessage:
        return self._messages[number]

    def add(self, message: Message, enqueued_at: float) -> StoredMessage:
        number = next(self._numbers)
        stored = self._messages[number] = StoredMessage(message, number, number, enqueued_at, None)
        return stored

    def find(self, number: int) -> StoredMessage | None:
        return self._messages.get(number)

    def remove(self, number: int) -> StoredMessage:
        return self._messages.pop(number)

    def all(self) -> Collection[StoredMessage]:
        return self._messages.values()

    def peek(self, from_number: int, limit: int, session_id: str | None) -> list[StoredMessage]:
        """Messages (of a session) from this sequence number on."""
        numbers = list(self._messages)
        from_here = islice(numbers, bisect_left(numbers, from_number), None)
        messages = (self._messages[number] for number in from_here)
        wanted = (m for m in messages if session_id is None or m.message.session_id == session_id)
        return list(islice(wanted, max(limit, 0)))
