"""Measures: `python3 dev.py bench [SUITE] [--quick] [--json FILE] [--report]`.

Each suite gives figures. Those with a target get a verdict; the line of a missed one begins with `missed`,
and the exit code is then 1. Figures are counts, ratios of two things measured together, or times beside what
the simulated systems need by themselves, so that they mean the same on every machine that is not busy.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from bench.figures import MISSED, Figure, Line, Target, judge
from bench.targets import QUICK, TARGETS
from local import commands

type Suite = Callable[[argparse.Namespace], list[Figure]]


def counts(_arguments: argparse.Namespace) -> list[Figure]:
    """The stream in memory."""
    from bench.counts import measure

    return measure()


def stream(arguments: argparse.Namespace) -> list[Figure]:
    """The stream on the stand."""
    from bench.events import measure

    return asyncio.run(measure(arguments.events, arguments.accounts, arguments.pairs))


def lone(_arguments: argparse.Namespace) -> list[Figure]:
    """One change at a time."""
    from bench.lone import measure_lone

    return asyncio.run(measure_lone())


def burst(_arguments: argparse.Namespace) -> list[Figure]:
    """Many changes of one account."""
    from bench.lone import measure_burst

    return asyncio.run(measure_burst())


def growth(arguments: argparse.Namespace) -> list[Figure]:
    """Costs by size; that the tables in memory are right is shown unless it is to be quick."""
    from bench import azurite
    from bench.growth import measure

    return measure(quick=True) if arguments.quick else [*measure(), *azurite.measure()]


def cold_start(_arguments: argparse.Namespace) -> list[Figure]:
    """A new instance."""
    from bench.cold_start import measure

    return measure()


def cpu(_arguments: argparse.Namespace) -> list[Figure]:
    """Own work."""
    from bench.cpu import measure

    return measure()


def load(arguments: argparse.Namespace) -> list[Figure]:
    """A first load."""
    from bench.load import measure

    return asyncio.run(measure(arguments))


def telemetry(arguments: argparse.Namespace) -> list[Figure]:
    """The export of spans and metrics."""
    from bench.telemetry import measure

    return asyncio.run(measure(arguments.events, arguments.changes, arguments.rounds))


def console(_arguments: argparse.Namespace) -> list[Figure]:
    """The operator's page."""
    from bench.console import measure

    return measure()


def broker(arguments: argparse.Namespace) -> list[Figure]:
    """The stand's own Service Bus."""
    from bench.broker import figures

    return figures(arguments.count, arguments.rounds, arguments.against, arguments.soak)


SUITES: Mapping[str, Suite] = {
    "counts": counts,
    "cpu": cpu,
    "cold-start": cold_start,
    "growth": growth,
    "lone": lone,
    "burst": burst,
    "stream": stream,
    "load": load,
    "telemetry": telemetry,
    "console": console,
    "broker": broker,
}
QUICK_SUITES = ("counts", "growth")


def main() -> int:
    """Run the suites that the command line names; return the exit code."""
    parser = commands.bench()
    arguments = parser.parse_args()
    names = [arguments.suite] if arguments.suite else list(QUICK_SUITES if arguments.quick else SUITES)
    lines: list[Line] = []
    for name in names:
        print(f"== {name}", flush=True)
        options = parser.parse_args([name])  # the suite's own options at their defaults
        found = SUITES[name](argparse.Namespace(**{**vars(options), **vars(arguments)}))
        judged = judge(found, _targets(arguments.quick), [name])
        print(*judged, sep="\n", flush=True)
        lines += judged
    _write(arguments, lines)
    return _verdict(lines)


def _targets(quick: bool) -> Mapping[str, Target]:
    return {key: target for key, target in TARGETS.items() if not quick or key in QUICK}


def _write(arguments: argparse.Namespace, lines: Sequence[Line]) -> None:
    if arguments.json:
        content = [asdict(line) | {"verdict": line.verdict} for line in lines]
        arguments.json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.report:
        from bench.report import write_report

        write_report(lines)


def _verdict(lines: Sequence[Line]) -> int:
    """Say how many targets are met, and which are not; return the exit code."""
    judged = [line for line in lines if line.target]
    missing = [line.key for line in judged if line.verdict == MISSED]
    print(f"== {len(judged) - len(missing)} of {len(judged)} targets met", *missing, sep="\n   not ")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
