"""Makes the spans, and notes each of them as a step of the attempt that is under way.

So the steps that the app itself can show are those of the trace, whether spans are exported or not.
"""

import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span, get_tracer
from opentelemetry.util._decorator import _agnosticcontextmanager  # pyright: ignore[reportPrivateUsage]

from shared.model.attempt import LastAttempt, Step, encode_attempt
from shared.model.change import AccountChange
from shared.model.outcome import Ending

TRACER = get_tracer("account_sync")


@dataclass(slots=True)
class _Noted:
    """A step as far as it is known; times in seconds."""

    name: str
    system: str
    began: float
    depth: int
    ended: float | None = None
    status: str = ""


@dataclass(slots=True)
class _Recording:
    """The steps of one attempt, in the order of their beginning."""

    began: float = field(default_factory=time.perf_counter)
    steps: list[_Noted] = field(default_factory=list[_Noted])
    depth: int = 0

    def begin(self, name: str, system: str) -> _Noted:
        step = _Noted(name, system, time.perf_counter(), self.depth)
        self.steps.append(step)
        self.depth += 1
        return step

    def end(self, step: _Noted, status: str) -> None:
        step.ended, step.status = time.perf_counter(), step.status or status
        self.depth = step.depth

    def so_far(self) -> list[Step]:
        return [
            Step(
                step.name,
                _ms(step.began - self.began),
                None if step.ended is None else _ms(step.ended - step.began),
                step.system,
                step.status,
                step.depth,
            )
            for step in self.steps
        ]


_RECORDING = ContextVar[_Recording | None]("attempt", default=None)


@_agnosticcontextmanager
def SPAN(  # noqa: N802 - it makes a span, for a `with` or as a decorator of a coroutine function
    name: str, context: Context | None = None, attributes: Mapping[str, Any] | None = None, **about: Any
) -> Generator[Span]:
    """Make a span, which is a step of the attempt under way. `about` as OpenTelemetry takes it.

    What an exception says may quote a value, so no span keeps it, and a step keeps its kind only.
    """
    recording = _RECORDING.get()
    step = recording and recording.begin(name, str((attributes or {}).get("system", "")))
    status = "ok"
    about |= {"attributes": attributes, "record_exception": False, "set_status_on_exception": False}
    try:
        with TRACER.start_as_current_span(name, context, **about) as span:
            yield span
    except BaseException as error:
        status = type(error).__name__
        raise
    finally:
        if recording and step:
            recording.end(step, status)


def attempted[**P, R](work: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Record the spans within each call of this coroutine function as the steps of one attempt."""

    @wraps(work)
    async def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
        token = _RECORDING.set(_Recording())
        try:
            return await work(*args, **kwargs)
        finally:
            _RECORDING.reset(token)

    return recorded


def note_status(status: str) -> None:
    """Note the status of an answer for the step that is under way."""
    recording = _RECORDING.get()
    open_steps = [step for step in recording.steps if step.ended is None] if recording else []
    if open_steps:
        open_steps[-1].status = status


def last_attempt(change: AccountChange, ending: Ending, now: datetime) -> str:
    """Return the attempt under way, as it is stored with the account; "" if there is none."""
    if (recording := _RECORDING.get()) is None:
        return ""
    seconds = time.perf_counter() - recording.began
    span = get_current_span().get_span_context()
    return encode_attempt(
        LastAttempt(
            at=now - timedelta(seconds=seconds),
            duration=_ms(seconds),
            trace_id=f"{span.trace_id:032x}" if span.is_valid else change.traceparent[3:35],
            source=str(change.source),
            attempt=change.attempt,
            ending=str(ending),
            steps=recording.so_far(),
        )
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
