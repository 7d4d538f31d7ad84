"""The command lines of `dev.py`: one parser for each command, used by the command and by its `--help`.

Standard library only, in the syntax of Python 3.8: `dev.py` reads this before anything is set up.
"""

from __future__ import annotations

import argparse
from pathlib import Path

FULL_SIZE, FULL_KILLS, FULL_OUTAGE = 2000, 10, 10.0
CHAOS_ACCOUNTS, CHAOS_RATE = 300, 18.0
TARGETS = ("operations", "business-central", "nav")
NUMBERINGS = ("given", "assigned", "both")


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python3 dev.py " + command, description=description, allow_abbrev=False
    )


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", choices=TARGETS, default=TARGETS[0], help="the ERP (%(default)s)")


def demo() -> argparse.ArgumentParser:
    """The parser of `demo`."""
    parser = _parser("demo", "Run the whole synchronisation once on this machine, and check the result.")
    _add_target(parser)
    parser.add_argument("--accounts", type=int, default=25, help="accounts to create (%(default)s)")
    parser.add_argument(
        "--events", type=int, default=100, help="events in all, the creations counted in (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result to this file")
    parser.add_argument("--keep", action="store_true", help="then keep the stand, with the operator's page")
    return parser


def start() -> argparse.ArgumentParser:
    """The parser of `start`."""
    parser = _parser("start", "Run the local stand until Ctrl-C.")
    _add_target(parser)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the addresses here once all is ready"
    )
    parser.add_argument(
        "--without-functions", action="store_true", help="start all but the functions: run them yourself"
    )
    return parser


def chaos() -> argparse.ArgumentParser:
    """The parser of `chaos`."""
    parser = _parser("chaos", "Run the app under injected faults and kills, and check that nothing is lost.")
    _add_target(parser)
    parser.add_argument("--events", type=int, default=FULL_SIZE, help="events in all (%(default)s)")
    parser.add_argument(
        "--accounts", type=int, default=CHAOS_ACCOUNTS, help="accounts among them (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="decides what happens and when (%(default)s)")
    parser.add_argument("--numbering", choices=NUMBERINGS, default="given", help="who gives the numbers")
    parser.add_argument(
        "--kills", type=int, help=f"hosts killed ({FULL_KILLS} for {FULL_SIZE} events, more for more)"
    )
    parser.add_argument("--rate", type=float, default=CHAOS_RATE, help="events a second (%(default)s)")
    parser.add_argument("--outage", type=float, help=f"seconds of each outage ({FULL_OUTAGE:g})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to this file")
    parser.add_argument("--folder", type=Path, help="keep settings and logs here")
    return parser


def bench() -> argparse.ArgumentParser:
    """The parser of `bench`; a suite has options of its own."""
    parser = _parser(
        "bench", "Measure, and judge by the targets; exit code 1 if one is missed. Without a suite: all."
    )
    parser.add_argument("--quick", action="store_true", help="only counts, in a minute and without servers")
    _add_results(parser, None)
    suites = parser.add_subparsers(dest="suite", metavar="SUITE", title="suites")
    helps = {
        "counts": "requests of the stream, of each ending and of a burst, in memory",
        "stream": "requests, lag and speed of a mixed stream, beside a recipe that is run",
        "lone": "lag of one change at a time, and its table requests",
        "burst": "writes after a hundred changes of one account",
        "growth": "costs with up to a million accounts and 100,000 mapping rows",
        "cold-start": "import and first event of the deployed package",
        "load": "a first load, beside what latency and partitions allow",
        "telemetry": "lag, losses and memory with an exporter, whose collector answers or does not",
        "console": "the app's own work on the operator's largest pages",
        "cpu": "the app's own work on one event, without any I/O",
        "broker": "speed and losses of the local Service Bus",
    }
    made = {name: suites.add_parser(name, help=text) for name, text in helps.items()}
    for suite in made.values():
        _add_results(suite, argparse.SUPPRESS)
    stream, load, broker, telemetry = (made[name] for name in ("stream", "load", "broker", "telemetry"))
    stream.add_argument("--events", type=int, default=600, help="events in all (%(default)s)")
    stream.add_argument("--accounts", type=int, default=120, help="accounts among them (%(default)s)")
    stream.add_argument("--pairs", type=int, default=3, help="runs from a backlog (%(default)s)")
    load.add_argument("--accounts", type=int, default=4_000, help="accounts in Sales (%(default)s)")
    load.add_argument("--sales-ms", type=int, default=80, help="latency of Sales (%(default)s)")
    load.add_argument("--erp-ms", type=int, default=200, help="latency of the ERP (%(default)s)")
    load.add_argument("--kills", type=int, default=3, help="kills of the host in a second load (%(default)s)")
    load.add_argument("--killed", type=int, default=2_000, help="accounts of that load (%(default)s)")
    telemetry.add_argument("--events", type=int, default=10_000, help="events in each case (%(default)s)")
    telemetry.add_argument("--changes", type=int, default=20, help="lone changes in a round (%(default)s)")
    telemetry.add_argument("--rounds", type=int, default=3, help="rounds of these (%(default)s)")
    broker.add_argument("--count", type=int, default=2000, help="messages in each case (%(default)s)")
    broker.add_argument("--rounds", type=int, default=3, help="the best of so many (%(default)s)")
    broker.add_argument("--against", metavar="CONNECTION", help="connection string of another broker")
    broker.add_argument("--soak", type=int, default=20_000, help="messages; 0: no soak (%(default)s)")
    return parser


def _add_results(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Where results go. In a suite the default leaves what was given before the suite's name."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=default, help="write the results to this file"
    )
    parser.add_argument(
        "--report",
        action="store_true",
        default=default or False,
        help="bring the report in docs/benchmark up to date with these results",
    )


def test() -> argparse.ArgumentParser:
    """The parser of `test`; what it does not know is for pytest."""
    parser = _parser("test", "Check style and types, then run pytest; further arguments are for pytest.")
    parser.add_argument("--fast", action="store_true", help="unit and flow tests only: no server is started")
    return parser


def lint() -> argparse.ArgumentParser:
    """The parser of `lint`."""
    return _parser("lint", "Check style and types.")


def lock() -> argparse.ArgumentParser:
    """The parser of `lock`."""
    return _parser(
        "lock", "Pin requirements.in, requirements-dev.in and requirements-cli.in again, with hashes."
    )


PARSERS = {
    "demo": demo,
    "start": start,
    "test": test,
    "lint": lint,
    "bench": bench,
    "chaos": chaos,
    "lock": lock,
}
