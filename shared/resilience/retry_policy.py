"""Decides what happens after a fault: a pure function of the fault, the attempts so far and the time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.model.faults import (
    AccountFault,
    ConfigurationFault,
    Fault,
    MessageRefused,
    NotYet,
    StateConflict,
    TransientFault,
)
from shared.model.outcome import Cause, Problem

UNEXPECTED_TRIES = 5
_CONFLICT_SECONDS = 3.0

type Jitter = Callable[[float], float]
"""Seconds -> a random number of seconds from 0 up to that."""


@dataclass(frozen=True, slots=True)
class Later:
    """Send a copy that appears at `due`. `tried`: a call to a system failed, which counts as an attempt."""

    due: datetime
    reason: str
    tried: bool


@dataclass(frozen=True, slots=True)
class Park:
    """Give up on this account until somebody acts."""

    problem: Problem


type Disposition = Later | Park


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits in seconds: exponential with full jitter from `first` to `cap`, at most `attempts` times."""

    first: float
    cap: float
    attempts: int
    operator: float

    def decide(self, fault: Exception, attempt: int, now: datetime, jitter: Jitter) -> Disposition:
        """Decide what happens after `fault` in attempt number `attempt`, counted from 0."""
        match fault:
            case AccountFault(problem=problem):
                return Park(problem)
            case TransientFault() if attempt + 1 >= self.attempts:
                return Park(Problem(Cause.RETRIES_EXHAUSTED, value=fault.system))
            case NotYet() | ConfigurationFault() | StateConflict() | TransientFault():
                return self.later(fault, attempt, now, jitter)
            case MessageRefused():
                return Park(Problem(Cause.UNEXPECTED, error_type=type(fault).__name__))
            case _ if attempt + 1 >= min(UNEXPECTED_TRIES, self.attempts):
                return Park(Problem(Cause.UNEXPECTED, error_type=type(fault).__name__))
            case _:
                return self.later(fault, attempt, now, jitter)

    def later(self, fault: Exception, attempt: int, now: datetime, jitter: Jitter) -> Later:
        """Return when to make the next attempt, whatever the number of attempts so far."""
        match fault:
            case NotYet(until=until):
                return Later(_after(until, 1 + jitter(2)), str(fault), tried=False)
            case ConfigurationFault():
                return Later(_after(now, self.operator + jitter(self.first)), str(fault), tried=False)
            case StateConflict():
                wait = 1 + jitter(_CONFLICT_SECONDS)
                return Later(_after(now, wait), str(fault), tried=False)
            case TransientFault(retry_after=float() | int() as seconds):
                return Later(_after(now, seconds + jitter(self.first)), str(fault), tried=True)
            case _:
                reason = str(fault) if isinstance(fault, Fault) else f"unexpected {type(fault).__name__}"
                return Later(_after(now, self._backoff(attempt, jitter)), reason, tried=True)

    def _backoff(self, attempt: int, jitter: Jitter) -> float:
        return jitter(min(self.cap, self.first * 2.0 ** min(attempt, 40)))


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)
