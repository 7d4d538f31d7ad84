"""The last attempt at an account, step by step: names, times and results; no value of the account."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

LONGEST = 4096  # bytes
LONGEST_NAME = 100
_JSON = json.JSONEncoder(separators=(",", ":"))  # made once: each check encodes


class Step(NamedTuple):
    """One step: `start` and `duration` in ms from the attempt's start, `depth` 1 within a step of depth 0.

    `duration` is None for the step that stored this, because it had not ended yet. `system` is the outside
    system, "" for work of the app itself. `status` is "ok", the kind of fault, or the status of an answer.
    """

    name: str
    start: float
    duration: float | None
    system: str
    status: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """What the newest attempt that stored the account's state did.

    `duration` in ms lasts until the state was stored. `left_out`: the steps that did not fit.
    """

    at: datetime
    duration: float
    trace_id: str
    source: str
    attempt: int
    ending: str
    steps: Sequence[Step]
    left_out: int = 0


def encode_attempt(attempt: LastAttempt) -> str:
    """Encode it in at most 4 KB; the shortest steps are left out if they do not fit."""
    steps = [
        step if len(step.name) <= LONGEST_NAME else step._replace(name=step.name[:LONGEST_NAME])
        for step in attempt.steps
    ]
    while len(text := _encoded(attempt, steps)) > LONGEST and steps:
        steps.remove(min(steps, key=lambda step: -1.0 if step.duration is None else step.duration))
    return text


def decode_attempt(text: str) -> LastAttempt | None:
    """Decode what `encode_attempt` wrote; None for "", which a row without an attempt has."""
    if not text:
        return None
    stored = json.loads(text)
    steps = [Step(*step) for step in stored.pop("steps")]
    return LastAttempt(**stored | {"at": datetime.fromisoformat(stored["at"]), "steps": steps})


def _encoded(attempt: LastAttempt, steps: Sequence[Step]) -> str:
    fields = {
        "at": attempt.at.isoformat(timespec="milliseconds"),
        "duration": attempt.duration,
        "trace_id": attempt.trace_id,
        "source": attempt.source,
        "attempt": attempt.attempt,
        "ending": attempt.ending,
        "steps": steps,
        "left_out": attempt.left_out + len(attempt.steps) - len(steps),
    }
    return _JSON.encode(fields)
