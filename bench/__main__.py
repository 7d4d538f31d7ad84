"""Measures: `python3 dev.py bench [cpu | cold-start | requests | broker] [arguments]`, all but the broker if
none is named.

Figures are ratios and counts, or microseconds beside the same machine's baseline, so that they mean the same
on every machine.
"""

import sys

from bench import cold_start, cpu, requests, servicebus

SUITES = {
    "cpu": cpu.main,
    "cold-start": cold_start.main,
    "requests": requests.main,
    "broker": servicebus.main,
}
BY_DEFAULT = ("cpu", "cold-start", "requests")


def main() -> int:
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    if named and named not in SUITES:
        print(f"Unknown suite {named}; there are {', '.join(SUITES)}.", file=sys.stderr)
        return 2
    if named:
        sys.argv = [f"bench {named}", *sys.argv[2:]]
        return SUITES[named]()
    codes: list[int] = []
    for name in BY_DEFAULT:
        print(f"== {name}")
        codes.append(SUITES[name]())
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
