# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK is only partly typed.
"""The queues' properties: from the Service Bus's administration API, or from the local stand's broker."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
from azure.core.exceptions import ResourceNotFoundError

from shared.messaging.depths import administration_of, bus_faults
from shared.model.faults import QueueUnavailable
from shared.model.observed import QueueProperties
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.servicebus.management import QueueProperties as Found


class AdministeredProperties:
    """Implements the port QueueSettings over the administration API, which requires the right Manage."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        self._settings = settings
        self._options = options

    async def read(self, queue: str) -> QueueProperties | None:
        async with bus_faults(), administration_of(self._settings, **self._options) as client:
            try:
                return _properties(await client.get_queue(queue))
            except ResourceNotFoundError:
                return None


class LocalProperties:
    """Implements the port QueueSettings over the control endpoint of the stand's broker."""

    def __init__(self, control: str) -> None:
        self._control = control

    async def read(self, queue: str) -> QueueProperties | None:
        try:
            async with httpx.AsyncClient(base_url=self._control, timeout=5) as http:
                found: dict[str, Any] = (await http.get("/properties")).raise_for_status().json()
        except httpx.HTTPError as error:
            raise QueueUnavailable(f"the local broker does not answer ({type(error).__name__})") from error
        return _local(queue, found[queue]) if queue in found else None


def _properties(found: "Found") -> QueueProperties:
    return QueueProperties(
        name=found.name,
        enabled=str(getattr(found.status, "value", found.status)) == "Active",
        requires_session=bool(found.requires_session),
        requires_duplicate_detection=bool(found.requires_duplicate_detection),
        duplicate_window=_span(found.duplicate_detection_history_time_window),
        lock=_span(found.lock_duration),
        max_delivery_count=int(found.max_delivery_count or 0),
        dead_letters_on_expiration=bool(found.dead_lettering_on_message_expiration),
        time_to_live=_span(found.default_message_time_to_live),
    )


def _span(value: object) -> timedelta:
    """Return a time span; the SDK reads the service's texts, except the longest one."""
    return value if isinstance(value, timedelta) else timedelta.max if value else timedelta()


def _local(name: str, found: dict[str, Any]) -> QueueProperties:
    unlimited = found["default_time_to_live"] is None
    return QueueProperties(
        name=name,
        enabled=True,
        requires_session=found["requires_session"],
        requires_duplicate_detection=found["requires_duplicate_detection"],
        duplicate_window=timedelta(seconds=found["duplicate_window"]),
        lock=timedelta(seconds=found["lock_duration"]),
        max_delivery_count=found["max_delivery_count"] or 0,
        dead_letters_on_expiration=found["dead_letter_on_expiration"],
        time_to_live=timedelta.max if unlimited else timedelta(seconds=found["default_time_to_live"]),
    )
