"""Decides when the app makes the check, and makes it: one instance at a time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.diagnostics.doctor.doctor import Doctor
from shared.model.diagnosis import Diagnosis
from shared.model.faults import StateConflict
from shared.model.finding import Grade
from shared.ports import Clock
from shared.ports.doctor import Diagnoses, Standing
from shared.telemetry import LOGGER

EVERY = timedelta(days=1)
LEASE = timedelta(seconds=90)  # the checks are bounded by 30 s; the rest is for the machine


def is_due(standing: Standing, build: str, now: datetime) -> bool:
    """Whether to make the check now: there is none of this build, it is a day old, or a person asks."""
    if standing.leased_until is not None and now < standing.leased_until:
        return False
    if standing.at is None or standing.build != build or standing.request != standing.answered:
        return True
    return now - standing.at >= EVERY


@dataclass(frozen=True, slots=True)
class Diagnose:
    """The use case behind the function `doctor`. If nothing is due, it reads one row."""

    diagnoses: Diagnoses
    doctor: Callable[[], Doctor]
    clock: Clock
    build: str
    identity: Callable[[], Awaitable[str]]

    async def run(self) -> Diagnosis | None:
        """Make the check if it is due, and keep it. Raises faults of the table."""
        standing = await self.diagnoses.standing()
        now = self.clock.now()
        if not is_due(standing, self.build, now):
            return None
        try:
            await self.diagnoses.lease(now + LEASE, standing)
        except StateConflict:
            return None  # another instance makes it, or a person just asked: the next run sees
        findings = await self.doctor().examine()
        diagnosis = Diagnosis(now, self.build, await self.identity(), findings)
        await self.diagnoses.keep(diagnosis, standing.request)
        _log(diagnosis)
        return diagnosis


def _log(diagnosis: Diagnosis) -> None:
    errors, of = diagnosis.graded(Grade.ERROR), len(diagnosis.findings)
    if errors:
        names = ", ".join(finding.check for finding in errors)
        LOGGER.warning("doctor: %d of %d findings are errors: %s", len(errors), of, names)
    else:
        LOGGER.info("doctor: none of %d findings is an error", of)
