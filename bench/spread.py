"""Percentiles and spreads of measured values."""

from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The median of the ratios of pairs; the two of a pair were measured one after the other."""
    return median(one / other for one, other in pairs)


def spread(values: Sequence[float]) -> str:
    """The median with the smallest and the largest value, as text."""
    return f"{median(values):.2f}, from {min(values):.2f} to {max(values):.2f}"
