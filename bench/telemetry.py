"""The suite `telemetry`: what the export of spans and metrics costs, whether the collector answers or not.

The same host of the same stand runs in turn without an exporter, with a collector on this machine, and with
one that never answers. The lag is that of lone changes, the systems' own latency included; the rounds
alternate, so that all three have the same machine. Memory is what the host's process holds after the same
number of events; an event is lost if it never ended.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.cold_start import Clock
from bench.collector import Collector, collecting, never_answering
from bench.drive import Users
from bench.figures import Figure
from bench.ground import OWN_LATENCY, Ground
from bench.lone import create, lags_of_changes
from bench.spread import ratio, spread
from bench.stream import Event
from tests.end_to_end.operator import running_with

OFF, REACHABLE, UNREACHABLE = "off", "reachable", "unreachable"
MODES = (OFF, REACHABLE, UNREACHABLE)
EVENTS, CHANGES, ROUNDS = 10_000, 20, 3
ACCOUNTS = 200
_AT_ONCE = 1_000
_STARTS = 15
_LONGEST = 1_800.0
_OTLP = {"TELEMETRY": "otlp"}


@dataclass(slots=True)
class Measured:
    """Of one mode: the lags in seconds, megabytes after the events, and how many events were lost."""

    lags: list[float] = field(default_factory=list[float])
    megabytes: float = 0.0
    lost: int = 0


async def measure(events: int = EVENTS, changes: int = CHANGES, rounds: int = ROUNDS) -> list[Figure]:
    """Start a stand, and measure the three modes in turn; then what a new instance waits for."""
    found = {mode: Measured() for mode in MODES}
    with collecting() as collector, never_answering() as silent:
        settings = _settings(collector, silent)
        async with Ground.start() as ground, Users.at(ground.stand.addresses, "T") as users:
            await create(ground, users, ACCOUNTS)
            for round_ in range(rounds):
                for mode in MODES:
                    async with running_with(ground.stand, settings[mode]):
                        found[mode].lags += await _lags(ground, users, changes, f"{mode} {round_}")
            for mode in MODES:
                async with running_with(ground.stand, settings[mode]):
                    found[mode].lost = await _lost(ground, users, events, mode)
                    found[mode].megabytes = _megabytes(ground.stand.host_pid())
    return [*figures(found, events), _of_exports(collector), *_of_start()]


def _settings(collector: Collector, silent: Collector) -> Mapping[str, Mapping[str, str]]:
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    return {
        OFF: {"TELEMETRY": "none"},
        REACHABLE: {**_OTLP, name: collector.address},
        UNREACHABLE: {**_OTLP, name: silent.address},
    }


async def _lags(ground: Ground, users: Users, changes: int, mark: str) -> list[float]:
    """The lags of lone changes after the first, which waits for a new host."""
    await ground.slow()
    found = await lags_of_changes(ground, users, range(changes + 1), mark)
    await ground.fast()
    return [lag + OWN_LATENCY for lag in found[1:]]


async def _lost(ground: Ground, users: Users, events: int, mark: str) -> int:
    """Change accounts so many times in all, and count the changes that never ended."""
    lost = 0
    for some in batches(events, mark):
        watch = ground.watch()
        (await users.control.delete("/events")).raise_for_status()
        posted = await users.take(some)
        with contextlib.suppress(TimeoutError):  # what has not ended by then is counted
            await watch.until_ended(len(some), _LONGEST)
        lost += len({one.operation_id for one in posted} - watch.ends().keys())
    return lost


def batches(events: int, mark: str) -> Iterator[list[Event]]:
    """The changes, as many at a time as are posted before it is looked whether they ended."""
    for begin in range(0, events, _AT_ONCE):
        places = range(begin, min(begin + _AT_ONCE, events))
        yield [Event(place % ACCOUNTS, "change", {"telephone1": f"{mark} {place}"}) for place in places]


def _megabytes(pid: int) -> float:
    """What the process holds in memory (Linux; elsewhere 0)."""
    status = Path(f"/proc/{pid}/status")
    held = re.search(r"VmRSS:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return int(held[1]) / 1024 if held else 0.0


def figures(found: Mapping[str, Measured], events: int) -> Iterator[Figure]:
    """What the two collectors cost beside no exporter."""
    off = found[OFF]
    for mode in (REACHABLE, UNREACHABLE):
        mine, text = found[mode], f"collector {mode}, to no exporter"
        lag, without = median(mine.lags), median(off.lags)
        told = f"{lag:.3f} s to {without:.3f} s; {spread(mine.lags)}"
        yield Figure(f"telemetry/lag-{mode}", f"lag of a lone change, {text}", lag / without, "x", told)
        more, held = mine.megabytes - off.megabytes, f"{mine.megabytes:.0f} MB to {off.megabytes:.0f} MB"
        size = "" if events == EVENTS else f"-{events}"  # the target is for one size
        text = f"memory after {events:,} events, {text}"
        yield Figure(f"telemetry/memory-{mode}{size}", text, more, "MB", held)
    lost = {mode: one.lost for mode, one in found.items()}
    told = ", ".join(f"{count} {mode}" for mode, count in lost.items())
    yield Figure("telemetry/lost", f"of {events:,} events each, never ended", sum(lost.values()), "", told)


def _of_exports(collector: Collector) -> Figure:
    return Figure("telemetry/exports", "exports that the collector took", collector.exports)


def _of_start() -> Iterator[Figure]:
    """CPU of what a new instance imports, and of the process while it has its first event.

    A second stands for that event: it waits for the systems most of the time, and what another thread does
    meanwhile counts. CPU time, because on a busy machine the time by the clock tells of the others. The
    measurements alternate.
    """
    nowhere = {**_OTLP, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    off, on = Clock(), Clock(settings=nowhere)
    ours = "import function_app"
    first = "from shared.wiring import application; application().sync_account; time.sleep(1)"
    for key, text, statement, before, clock in (
        ("import", "import of function_app", ours, "pass", "thread_time"),
        ("first-event", "CPU during a first event right after the start", first, ours, "process_time"),
    ):
        pairs = [
            (on.once(statement, before, clock), off.once(statement, before, clock)) for _ in range(_STARTS)
        ]
        with_, without = map(median, zip(*pairs, strict=True))
        told = f"{with_ * 1000:.0f} ms to {without * 1000:.0f} ms"
        yield Figure(f"telemetry/{key}", f"{text}, with an exporter to without", ratio(pairs), "x", told)
