"""What the suites measure: figures, the targets that some of them must reach, and the table of all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MET, MISSED, NO_TARGET = "met", "missed", ""


@dataclass(frozen=True, slots=True)
class Target:
    """A limit: at most, or at least."""

    limit: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        """Whether the value reaches the target."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `key` is suite/name: its target is found under it. `detail` is for the reader."""

    key: str
    text: str
    value: float
    unit: str = ""
    detail: str = ""

    @property
    def suite(self) -> str:
        """The suite that measured it."""
        return self.key.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure with its verdict; without a value, the figure was not measured, and its target is missed."""

    key: str
    text: str
    value: float | None
    unit: str
    target: Target | None
    detail: str

    @property
    def verdict(self) -> str:
        """Met, missed, or nothing where there is no target."""
        if self.target is None:
            return NO_TARGET
        return MET if self.value is not None and self.target.met_by(self.value) else MISSED

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{shown(self.value)} {self.unit}".rstrip()
        target = str(self.target or "")
        told = f"  ({self.detail})" if self.detail else ""
        return f"{self.verdict:7} {self.key:34} {value:>16}  {target:8} {self.text}{told}".rstrip()


def judge(figures: Sequence[Figure], targets: Mapping[str, Target], suites: Sequence[str]) -> list[Line]:
    """Each figure with its verdict; a target of these suites that has no figure is missed."""
    lines = [
        Line(figure.key, figure.text, figure.value, figure.unit, targets.get(figure.key), figure.detail)
        for figure in figures
    ]
    return [*lines, *_not_measured(figures, targets, suites)]


def _not_measured(
    figures: Sequence[Figure], targets: Mapping[str, Target], suites: Sequence[str]
) -> Iterator[Line]:
    measured = {figure.key for figure in figures}
    for key, target in targets.items():
        if key.partition("/")[0] in suites and key not in measured:
            yield Line(key, "", None, "", target, "")


def shown(value: float) -> str:
    """The number with as many digits as say something."""
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.1f}"
