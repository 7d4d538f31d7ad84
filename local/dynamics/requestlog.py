"""The log of requests: one entry per HTTP exchange enters, entries and counts by system leave.

Keys in a path are replaced, so that `accounts(1…)` and `accounts(2…)` count as one kind. The log keeps the
newest 100,000 entries; the counts keep all.
"""

import re
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

LIMIT = 100_000
_KEY = re.compile(r"\((?:[^()']|'(?:[^']|'')*')*\)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One exchange; `time` in seconds of the epoch, `ms` how long it took, `status` 0 when it was aborted."""

    time: float
    system: str
    method: str
    path: str
    kind: str
    query: str
    status: int
    ms: float
    fault: str | None


@dataclass(slots=True)
class RequestLog:
    """Entries and counts since the last `clear`."""

    entries: deque[Entry] = field(default_factory=lambda: deque[Entry](maxlen=LIMIT))
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])

    def add(
        self, system: str, method: str, target: str, status: int, started: float, fault: str | None
    ) -> None:
        """Log one exchange; `target` is the raw path with its query, `started` the epoch second of its
        start.
        """
        path, _, query = target.partition("?")
        kind = path_kind(path)
        ms = round((time.time() - started) * 1000, 2)
        self.entries.append(Entry(started, system, method, path, kind, query, status, ms, fault))
        self.counts[(system, method, kind)] += 1

    def clear(self) -> None:
        """Forget everything."""
        self.entries.clear()
        self.counts.clear()

    def report(self, system: str | None, since: float) -> dict[str, Any]:
        """`{total, counts: {system: {"METHOD kind": n}}, entries: [...]}`; `since` in epoch seconds."""
        chosen = [e for e in self.entries if (system is None or e.system == system) and e.time >= since]
        if since:
            tally = Counter((e.system, e.method, e.kind) for e in chosen)
        else:
            tally = Counter({key: n for key, n in self.counts.items() if system is None or key[0] == system})
        counts: dict[str, dict[str, int]] = {}
        for (name, method, kind), number in sorted(tally.items()):
            counts.setdefault(name, {})[f"{method} {kind}"] = number
        return {"total": tally.total(), "counts": counts, "entries": [asdict(entry) for entry in chosen]}


def path_kind(path: str) -> str:
    """The path with every key replaced by `(key)`."""
    return _KEY.sub("(key)", path.replace("%27", "'").replace("%28", "(").replace("%29", ")"))
