"""Hypothesis as the unit tests use it: no deadlines on a busy machine, the same examples in every run."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "unit", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unit")
