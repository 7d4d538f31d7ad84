"""Keeps which spans asked for the one check of a burst, so that its span can link to all of them.

The broker keeps one message of a burst and drops the others with what they carry. So this is what this
process saw, which is nearly always all of it, because one instance has the account's partition at a time.
Each of the spans also names the check (`burst_operation_id`), whoever made it.
"""

from collections import OrderedDict
from threading import Lock
from uuid import UUID

from opentelemetry.trace import SpanContext

_MOST_BURSTS = 1_000
_MOST_LINKS = 100  # a span takes 128

_lock = Lock()
_asked: OrderedDict[UUID, list[SpanContext]] = OrderedDict()


def asks(check: UUID, span: SpanContext) -> None:
    """Note that this span asked for the check with this operation id."""
    if not span.is_valid:
        return
    with _lock:
        spans = _asked.setdefault(check, [])
        if len(spans) < _MOST_LINKS:
            spans.append(span)
        if len(_asked) > _MOST_BURSTS:
            _asked.popitem(last=False)


def asked_for(check: UUID) -> list[SpanContext]:
    """Return the spans that asked for the check, and forget them."""
    with _lock:
        return _asked.pop(check, [])
