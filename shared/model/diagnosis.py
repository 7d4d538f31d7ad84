"""Diagnosis: what the doctor found in one check, as the table Control stores it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter

from shared.model.finding import Finding, Grade

LONGEST = 30_000  # characters; the Table service keeps 64 kB of a text, in UTF-16
ORDER = (Grade.ERROR, Grade.WARNING, Grade.NOT_CHECKED, Grade.FINE)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`identity` is who made the check, such as the app's client id; `build` is the build of the app."""

    at: datetime
    build: str
    identity: str
    findings: tuple[Finding, ...]

    def graded(self, grade: Grade) -> Sequence[Finding]:
        """Return the findings of one grade."""
        return [finding for finding in self.findings if finding.grade is grade]


def by_grade(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with errors first and what is fine last."""
    return sorted(findings, key=lambda finding: ORDER.index(finding.grade))


@cache
def _adapter() -> TypeAdapter[Diagnosis]:
    return TypeAdapter(Diagnosis)


def encode_diagnosis(diagnosis: Diagnosis) -> str:
    """Encode as JSON. If it is too long for a row, the least important findings are left out, with a note."""
    kept = by_grade(diagnosis.findings)
    text = _text(diagnosis, kept)
    while len(text) > LONGEST:
        kept = kept[: len(kept) * 9 // 10]
        text = _text(diagnosis, [*kept, _cut(len(diagnosis.findings) - len(kept))])
    return text


def decode_diagnosis(text: str) -> Diagnosis:
    """Decode. Raises ValueError for anything else."""
    return _adapter().validate_json(text)


def _text(diagnosis: Diagnosis, findings: Sequence[Finding]) -> str:
    return _adapter().dump_json(replace(diagnosis, findings=tuple(findings))).decode()


def _cut(number: int) -> Finding:
    return Finding(
        "kept result",
        Grade.NOT_CHECKED,
        f"{number} findings are not kept: the row would be too long.",
        "They may hold more of the same.",
        "Correct what is shown, then check again with `accountsync doctor --now`.",
    )
