"""The span and the counts of one request: which system, which kind of request, how it was answered.

A path holds keys of customers and a query their values, so a span gets the template of the path only.
"""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
from opentelemetry.trace import SpanKind, StatusCode

from shared.model.faults import System, TransientFault
from shared.telemetry import SPAN
from shared.telemetry.metrics import REQUESTS
from shared.telemetry.spans import note_status

_KEY = re.compile(r"\([^)]*\)")  # values in a key are percent-encoded, brackets too


def template(path: str) -> str:
    """Return the path of a request without its keys and its query."""
    return _KEY.sub("()", urlsplit(path).path)


@contextmanager
def request_span(
    system: System, method: str, path: str, attempt: int
) -> Generator[Callable[[httpx.Response], None]]:
    """Make the span of one attempt; call what it gives with the answer. A request without one counts too."""
    route, status = template(path), "none"
    about = {
        "system": system,
        "http.request.method": method,
        "url.template": route,
        "route": f"{method} {route}",  # Azure Monitor drops the template, and makes a name of its own
        "attempt": attempt,
    }
    with SPAN(f"{method} {route}", kind=SpanKind.CLIENT, attributes=about) as span:

        def answered(response: httpx.Response) -> None:
            nonlocal status
            code = response.status_code
            status = f"{code // 100}xx"
            note_status(str(code))
            span.set_attribute("http.response.status_code", code)
            span.set_attribute("throttled", code == 429 or "retry-after" in response.headers)
            if code >= 400:
                span.set_status(StatusCode.ERROR)

        try:
            yield answered
        except TransientFault:
            span.set_status(StatusCode.ERROR, "no answer")
            raise
        finally:
            REQUESTS.note(system=system, status=status)
