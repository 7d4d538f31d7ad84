"""The deliveries of an AMQP session that its client has not settled yet, by delivery id.

Source of the rules: OASIS AMQP 1.0, part 2, section 2.6.12.
"""

from typing import Protocol
from uuid import UUID

from local.servicebus import serial
from local.servicebus.outcomes import Outcome


class SettlingLink(Protocol):
    """A link whose deliveries the client settles."""

    def settle(self, token: UUID, outcome: Outcome) -> None: ...


class Unsettled:
    """Delivery ids with the link and the lock token of each."""

    def __init__(self) -> None:
        self._deliveries: dict[int, tuple[SettlingLink, UUID]] = {}

    def add(self, delivery_id: int, link: SettlingLink, token: UUID) -> None:
        self._deliveries[delivery_id] = (link, token)

    def take(self, first: int, last: int | None) -> list[tuple[int, SettlingLink, UUID]]:
        """Take out the deliveries of a range, in their order; those that are not there are left out."""
        if last is None or last == first:
            ids = [first] if first in self._deliveries else []
        else:  # the range is the client's claim, up to 2^32 long: walk what is there instead
            offsets = sorted(serial.offset(first, number) for number in self._deliveries)
            ids = [serial.advanced(first, each) for each in offsets if each <= serial.offset(first, last)]
        return [(number, *self._deliveries.pop(number)) for number in ids]

    def forget(self, link: SettlingLink) -> None:
        """The link is gone: the client can settle its deliveries no more."""
        self._deliveries = {
            number: delivery for number, delivery in self._deliveries.items() if delivery[0] is not link
        }

    def clear(self) -> None:
        self._deliveries.clear()
