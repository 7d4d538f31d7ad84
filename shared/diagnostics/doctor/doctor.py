"""Runs all checks at the same time and turns whatever goes wrong into findings."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from shared.model.faults import ConfigurationFault, Fault, NotPermitted, System
from shared.model.finding import Finding, Grade

LONGEST = 30.0
_SYSTEMS = frozenset(map(str, System))
_UNKNOWN = "As long as this is not known, nobody can say that it is right."

type Check = Callable[[], Awaitable[Sequence[Finding]]]


class Named(NamedTuple):
    """A check, and the name under which it is shown when it cannot be made."""

    name: str
    check: Check


@dataclass(frozen=True, slots=True)
class Doctor:
    """A check may take `longest` seconds. All run together, so that the whole takes no longer.

    `refused` is the grade of a check that is refused as a whole.
    """

    checks: Sequence[Named]
    longest: float = LONGEST
    refused: Grade = Grade.ERROR

    async def examine(self) -> tuple[Finding, ...]:
        """Return the findings of all checks, in the order of the checks. Raises nothing."""
        found = await asyncio.gather(*(self._bounded(named) for named in self.checks))
        return tuple(told_once([finding for findings in found for finding in findings]))

    async def _bounded(self, named: Named) -> Sequence[Finding]:
        try:
            async with asyncio.timeout(self.longest):
                return await named.check()
        except Exception as error:  # noqa: BLE001 - a defect of one check must not hide what the others find
            found = finding_of(named.name, error, self.longest)
            return [replace(found, grade=self.refused) if found.grade is Grade.ERROR else found]


def told_once(findings: Sequence[Finding]) -> list[Finding]:
    """Merge what several checks say of one and the same fault of a system, under the names of all of them."""
    found: dict[object, Finding] = {}
    for finding in findings:
        of_system = finding.what.partition(": ")[0] in _SYSTEMS
        key = (finding.grade, finding.what, finding.remedy) if of_system else (len(found), finding)
        known = found.get(key)
        found[key] = replace(known, check=f"{known.check}, {finding.check}") if known else finding
    return list(found.values())


def said(fault: ConfigurationFault) -> str:
    """Say what a system did, without the remedy."""
    return f"{fault.system}: {fault.reason}"


def finding_of(name: str, error: Exception, longest: float = LONGEST) -> Finding:
    """Say why a check could not be made: a wrong set-up is an error, anything else is not checked."""
    match error:
        case NotPermitted():
            return Finding(name, Grade.NOT_CHECKED, said(error), _UNKNOWN, error.remedy)
        case ConfigurationFault():
            return Finding(name, Grade.ERROR, said(error), "Work that needs it waits.", error.remedy)
        case TimeoutError():
            what = f"There was no answer within {longest:.0f} s."
            return Finding(name, Grade.NOT_CHECKED, what, _UNKNOWN, AGAIN)
        case _:
            what = str(error) if isinstance(error, Fault) else f"The check failed ({type(error).__name__})."
            return Finding(name, Grade.NOT_CHECKED, what, _UNKNOWN, AGAIN)


AGAIN = "See with `accountsync status` whether the system is away, then check again with `--now`."


async def attempted(
    name: str, request: Awaitable[object], *, fine: str, why: str, remedy: str = "", right: str = ""
) -> Finding:
    """Make a request that the app has to be allowed to make; a refusal is an error.

    `remedy` is that of any refusal, `right` that of a missing right; by default it is the fault's own.
    """
    try:
        await request
    except ConfigurationFault as fault:
        own = right if isinstance(fault, NotPermitted) else ""
        return Finding(name, Grade.ERROR, said(fault), why, own or remedy or fault.remedy)
    return Finding(name, Grade.FINE, fine)


async def all_attempted(*attempts: tuple[str, Awaitable[Finding]]) -> list[Finding]:
    """Wait for findings that are made together; one that fails does not take the others with it."""
    return await all_findings(*((name, _alone(attempt)) for name, attempt in attempts))


async def all_findings(*parts: tuple[str, Awaitable[Sequence[Finding]]]) -> list[Finding]:
    """Wait for the parts of a check that are made together; each has the name that it is shown under."""

    async def one(name: str, part: Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
        try:
            return await part
        except Fault as fault:
            return [finding_of(name, fault)]

    found = await asyncio.gather(*(one(name, part) for name, part in parts))
    return [finding for findings in found for finding in findings]


async def _alone(attempt: Awaitable[Finding]) -> Sequence[Finding]:
    return [await attempt]
