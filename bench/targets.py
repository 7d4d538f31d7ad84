"""The targets, by the key of the figure that must reach them.

Each is a promise of the project to those who run it: little load on the two systems, little delay, and costs
that do not grow with what is stored. `docs/benchmark/README.md` says how each figure is measured.
"""

from collections.abc import Mapping

from bench.figures import Target

TARGETS: Mapping[str, Target] = {
    # The stream on the local stand, at 80 ms (Sales) and 200 ms (ERP), settings at their defaults.
    "stream/erp-requests": Target(0.35),
    "stream/requests-to-recipe": Target(0.25),
    "stream/speed-to-one-worker": Target(5, at_least=True),
    "stream/speed-to-eight-workers": Target(2, at_least=True),
    # The stream through the app's own code with a clock of its own: counts that are the same each time.
    "counts/erp-requests": Target(0.35),
    "counts/tables-unchanged": Target(1),
    "counts/tables-updated": Target(3),
    "counts/tables-created": Target(5),
    "counts/burst-writes": Target(3),
    "lone/lag-p50": Target(1.0),
    "lone/first-to-tenth": Target(1.5),
    "lone/tables-unchanged": Target(1),
    "lone/tables-updated": Target(3),
    "lone/tables-created": Target(5),
    "burst/writes": Target(3),
    # A first load of 4,000 accounts.
    "load/times-the-least": Target(1.2),
    "load/lone-p95": Target(5.0),
    "load/unequal": Target(0),
    "load/killed-unequal": Target(0),
    # The export of spans and metrics, after 10,000 events with each collector.
    "telemetry/lag-reachable": Target(1.05),
    "telemetry/lag-unreachable": Target(1.05),
    "telemetry/memory-reachable": Target(50),
    "telemetry/memory-unreachable": Target(50),
    "telemetry/lost": Target(0),
    "telemetry/exports": Target(1, at_least=True),
    "telemetry/import": Target(1.05),
    "telemetry/first-event": Target(1.05),
    # The operator's page, with 1,000 issues.
    "console/slowest-page": Target(300),
    # How much a cost at the largest size is of the cost at the smallest; a quarter is left to chance.
    "growth/requests-accounts": Target(1.25),
    "growth/requests-mapping": Target(1.25),
    "growth/lone-accounts": Target(1.25),
    "growth/lone-mapping": Target(1.25),
    "growth/cpu-accounts": Target(1.25),
    "growth/cpu-mapping": Target(1.25),
    "growth/heal-accounts": Target(18),
    "growth/heal-mapping": Target(18),
    "growth/status-accounts": Target(10),
    "growth/status-mapping": Target(10),
    "growth/double-differs": Target(0),
    "cpu/own-work": Target(1.0),
    "cold-start/import-ratio": Target(0.6),
    "broker/lost": Target(0),
    "broker/doubled": Target(0),
}
QUICK = frozenset(key for key in TARGETS if key.startswith("counts/")) | {
    "growth/requests-accounts",
    "growth/requests-mapping",
    "growth/lone-accounts",
    "growth/lone-mapping",
    "growth/heal-accounts",
    "growth/heal-mapping",
    "growth/status-accounts",
    "growth/status-mapping",
}
"""The targets of `--quick`: counts that depend on no clock and no load of the machine."""
