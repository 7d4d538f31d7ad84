"""Finding: one thing that the doctor looked at, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How to take a finding. NOT_CHECKED: the doctor could not read it, which is never taken as fine."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names what was looked at, such as "field map: CustomerName".

    `what` says what was found, `why` why it matters, `remedy` what to do. `why` and `remedy` are empty where
    all is well.
    """

    check: str
    grade: Grade
    what: str
    why: str = ""
    remedy: str = ""
