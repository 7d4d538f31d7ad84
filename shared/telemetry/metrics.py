"""The metrics: names, units and dimensions. Dimensions are closed lists: never ids, names or values.

What is counted before the exporter is loaded waits in memory, so that the sums hold from the first event on.
Azure Monitor takes ten dimensions of a metric at most. Source:
learn.microsoft.com/azure/api-management/emit-metric-policy.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from threading import Lock
from typing import TYPE_CHECKING

from shared.model.activity import LAG_BOUNDS

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

type _Note = Callable[[float, Mapping[str, str]], None]

_MOST_WAITING = 1000


class Kind(Enum):
    """How amounts of one metric come together."""

    SUM = "sum"
    LATEST = "latest"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `buckets` are the upper bounds of a histogram."""

    name: str
    kind: Kind
    unit: str
    description: str
    dimensions: tuple[str, ...]
    buckets: Sequence[float] | None = None

    def note(self, amount: float = 1, /, **dimensions: str) -> None:
        """Count or measure. Costs no request; if nothing is exported, it soon costs no memory either."""
        with _LOCK:
            if (note := _NOTES.get(self.name)) is None:
                _WAITING.append((self, amount, dimensions))
                return
        note(amount, dimensions)


INTAKE = Metric(
    "sync.intake", Kind.SUM, "{event}", "Events received, by how intake ended.", ("ending", "source")
)
OUTCOME = Metric(
    "sync.outcome",
    Kind.SUM,
    "{change}",
    "Handled messages of account-changes. `cause` is why the account was parked.",
    ("ending", "source", "cause"),
)
LAG = Metric(
    "sync.lag",
    Kind.HISTOGRAM,
    "s",
    "Time from the change in Sales to the write in the ERP. Of a burst, from its newest time slot.",
    ("source",),
    LAG_BOUNDS,
)
REQUESTS = Metric(
    "sync.requests",
    Kind.SUM,
    "{request}",
    "Requests to Sales and the ERP: `status` is 2xx to 5xx, or `none` if no answer came.",
    ("system", "status"),
)
RETRIES = Metric(
    "sync.request_retries", Kind.SUM, "{request}", "Requests that were sent again at once.", ("system",)
)
BREAKER_OPEN = Metric(
    "sync.breaker_open", Kind.LATEST, "1", "1 while the breaker is open or paused, otherwise 0.", ("system",)
)
MAPPING_LOOK_UPS = Metric(
    "sync.mapping_look_ups",
    Kind.SUM,
    "{look-up}",
    "Look-ups of a currency: from the `copy` in the process, or in the `table`.",
    ("place",),
)

QUEUE_DEPTH = Metric(
    "sync.queue_depth",
    Kind.LATEST,
    "{message}",
    "Messages of a queue, once a minute: `state` is active, scheduled or dead-letters.",
    ("queue", "state"),
)
QUEUE_OLDEST = Metric(
    "sync.queue_oldest",
    Kind.LATEST,
    "s",
    "Age of the oldest message that is due; of account-changes, how long the oldest account waits.",
    ("queue",),
)
LOAD = Metric(
    "sync.load",
    Kind.LATEST,
    "{account}",
    "A first load: its accounts in `total`, and those whose checks were sent or have ended.",
    ("state",),
)

METRICS = (
    *(INTAKE, OUTCOME, LAG, REQUESTS, RETRIES, BREAKER_OPEN, MAPPING_LOOK_UPS),
    *(QUEUE_DEPTH, QUEUE_OLDEST, LOAD),
)

_LOCK = Lock()
_NOTES: dict[str, _Note] = {}
_WAITING: deque[tuple[Metric, float, Mapping[str, str]]] = deque(maxlen=_MOST_WAITING)


def export_to(meter: "Meter") -> None:
    """Give each metric its instrument, and hand over what waits."""
    with _LOCK:
        _NOTES.update((metric.name, _instrument(meter, metric)) for metric in METRICS)
        waiting = [*_WAITING]
        _WAITING.clear()
    for metric, amount, dimensions in waiting:
        _NOTES[metric.name](amount, dimensions)


def _instrument(meter: "Meter", metric: Metric) -> _Note:
    about = {"unit": metric.unit, "description": metric.description}
    match metric.kind:
        case Kind.SUM:
            return meter.create_counter(metric.name, **about).add
        case Kind.LATEST:
            return meter.create_gauge(metric.name, **about).set
        case Kind.HISTOGRAM:
            buckets = metric.buckets
            return meter.create_histogram(
                metric.name, **about, explicit_bucket_boundaries_advisory=buckets
            ).record
