"""Measures: `python3 dev.py bench [cpu | cold-start | requests | console | broker] [arguments]`.

If none is named: cpu, cold-start and requests.

Figures are ratios and counts, or microseconds beside the same machine's baseline, so that they mean the same
on every machine.
"""

import sys

from bench import cold_start, console, cpu, requests, servicebus
from local import commands

SUITES = {
    "cpu": cpu.main,
    "cold-start": cold_start.main,
    "requests": requests.main,
    "console": console.main,
    "broker": servicebus.main,
}
BY_DEFAULT = ("cpu", "cold-start", "requests")


def main() -> int:
    """Run the suite that the command line names, or those by default; return the exit code."""
    parser = commands.bench()
    arguments = parser.parse_args()
    if arguments.suite:
        return SUITES[arguments.suite](arguments)
    codes: list[int] = []
    for name in BY_DEFAULT:
        print(f"== {name}")
        codes.append(SUITES[name](parser.parse_args([name])))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
