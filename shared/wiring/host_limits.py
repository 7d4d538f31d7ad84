"""Reads from host.json how long the host lets a function run, and how long it renews a message's lock."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

_FILE = Path(__file__).parents[2] / "host.json"
_SPAN = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+)")  # days.hours:minutes:seconds


class HostLimits(NamedTuple):
    """Both in seconds; None where host.json does not say."""

    longest_run: float | None
    longest_lock: float | None


def host_limits(file: Path = _FILE) -> HostLimits:
    """Return the limits; the operator's tool may run where there is no host.json."""
    if not file.is_file():
        return HostLimits(None, None)
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    bus = content.get("extensions", {}).get("serviceBus", {})
    return HostLimits(
        _seconds(content.get("functionTimeout")), _seconds(bus.get("maxAutoLockRenewalDuration"))
    )


def _seconds(text: object) -> float | None:
    found = _SPAN.fullmatch(str(text))
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
