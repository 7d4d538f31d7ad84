"""Queues in the Atom XML of the Service Bus management API, read only: settings and counts of messages.

The SDKs' administration clients always speak https, so they reach this only through a transport that
their caller gives them and that speaks plain HTTP; then `get_queue`, `get_queue_runtime_properties` and
the two lists work. As in the service, active messages are those that are neither scheduled nor
dead-lettered, locked ones counted in. Source of the names:
learn.microsoft.com/rest/api/servicebus/queues.
"""

from collections.abc import Iterable
from xml.sax.saxutils import escape

from local.servicebus.queue import Queue

CONTENT_TYPE = "application/atom+xml"
_ATOM = "http://www.w3.org/2005/Atom"
_SERVICE_BUS = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
_COUNTS = "http://schemas.microsoft.com/netservices/2011/06/servicebus"
_NEVER = "P10675199DT2H48M5.4775807S"  # the greatest time span, which the service shows for "without limit"


def feed(queues: Iterable[Queue]) -> str:
    """A list of queues."""
    return f'<feed xmlns="{_ATOM}"><title>Queues</title>{"".join(map(entry, queues))}</feed>'


def entry(queue: Queue) -> str:
    """One queue."""
    settings = queue.settings
    elements = {
        "LockDuration": _duration(settings.lock_duration),
        "RequiresDuplicateDetection": _boolean(settings.requires_duplicate_detection),
        "RequiresSession": _boolean(settings.requires_session),
        "DefaultMessageTimeToLive": _duration(settings.default_time_to_live),
        "DeadLetteringOnMessageExpiration": _boolean(settings.dead_letter_on_expiration),
        "DuplicateDetectionHistoryTimeWindow": _duration(settings.duplicate_window),
        "MaxDeliveryCount": str(settings.max_delivery_count),
        "MessageCount": str(queue.size() + _dead_letters(queue)),
        "Status": "Active",
    }
    texts = "".join(f"<{name}>{value}</{name}>" for name, value in elements.items())
    return (
        f'<entry xmlns="{_ATOM}"><title type="text">{escape(queue.name)}</title>'
        '<content type="application/xml">'
        f'<QueueDescription xmlns="{_SERVICE_BUS}">{texts}{_count_details(queue)}</QueueDescription>'
        "</content></entry>"
    )


def _count_details(queue: Queue) -> str:
    counts = queue.counts()
    numbers = {
        "ActiveMessageCount": queue.size() - counts.scheduled,
        "DeadLetterMessageCount": _dead_letters(queue),
        "ScheduledMessageCount": counts.scheduled,
        "TransferMessageCount": 0,
        "TransferDeadLetterMessageCount": 0,
    }
    texts = "".join(f"<d:{name}>{number}</d:{name}>" for name, number in numbers.items())
    return f'<CountDetails xmlns:d="{_COUNTS}">{texts}</CountDetails>'


def _dead_letters(queue: Queue) -> int:
    return queue.dead_letters.size() if queue.dead_letters is not None else 0


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _duration(seconds: float | None) -> str:
    return _NEVER if seconds is None else f"PT{seconds:g}S" if seconds < 1e6 else f"PT{seconds:.0f}S"
