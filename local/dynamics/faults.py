"""Faults on demand: rules enter through the control endpoint, the first one that fires decides a request's
fate.

A rule names a system, optionally a method and a path (regular expression searched in the raw path, whole or
below the service's root), a kind, and limits: `rate` (probability), `count` (how often it fires), `seconds`
(how long it lives). The random source is seeded, so a run can be repeated. Unknown kinds are refused.
"""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

type System = Literal["dataverse", "operations", "business-central", "nav", "events"]
type Kind = Literal["status", "delay", "drop-before", "drop-after-commit", "late-commit", "conflict"]


class FaultRule(BaseModel):
    """One rule as it is posted; `hold` is for late-commit: keep the answer back until the commit."""

    model_config = ConfigDict(extra="forbid")

    system: System
    kind: Kind
    method: str | None = None
    path: str | None = None
    status: int | None = Field(default=None, ge=100, le=599)
    body: object = None
    code: str | None = None
    retry_after: float | None = Field(default=None, ge=0)
    delay_ms: float = Field(default=0, ge=0)
    hold: bool = False
    rate: float = Field(default=1.0, ge=0, le=1)
    count: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)

    @field_validator("path")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"path is no regular expression: {error}") from error
        return value


@dataclass(slots=True)
class ActiveFault:
    """A rule at work: when it ends and how often it matched and fired."""

    id: int
    rule: FaultRule
    ends: float | None
    matched: int = 0
    fired: int = 0

    def matches(self, system: str, method: str, paths: tuple[str, ...], now: float) -> bool:
        """Whether the rule is alive and meant for this request."""
        rule = self.rule
        if rule.system != system or (self.ends is not None and now >= self.ends):
            return False
        if rule.count is not None and self.fired >= rule.count:
            return False
        if rule.method is not None and rule.method.upper() != method:
            return False
        return rule.path is None or any(re.search(rule.path, path) for path in paths)


@dataclass(slots=True)
class Faults:
    """All active rules, in the order in which they were posted."""

    clock: Callable[[], float] = time.monotonic
    active: list[ActiveFault] = field(default_factory=list[ActiveFault])
    _random: random.Random = field(default_factory=lambda: random.Random(1))
    _next: int = 1

    def seed(self, seed: int) -> None:
        """Start the random source anew."""
        self._random = random.Random(seed)

    def add(self, rule: FaultRule) -> ActiveFault:
        """Put a rule to work."""
        ends = None if rule.seconds is None else self.clock() + rule.seconds
        fault = ActiveFault(self._next, rule, ends)
        self._next += 1
        self.active.append(fault)
        return fault

    def clear(self) -> None:
        """Remove all rules."""
        self.active.clear()

    def draw(self, system: str, method: str, *paths: str) -> FaultRule | None:
        """The rule that this request falls under, if any; counts matches and firings."""
        now = self.clock()
        for fault in self.active:
            if not fault.matches(system, method, paths, now):
                continue
            fault.matched += 1
            if fault.rule.rate >= 1 or self._random.random() < fault.rule.rate:
                fault.fired += 1
                return fault.rule
        return None
