"""What became of every event, read from the host's log and the broker's counts.

In: the lines that the app writes, `intake` for each event and `outcome` for each message of its own queue.
Out: the ledger, in which every event stands under one of ten outcomes, or is still on its way.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OUTCOMES = (
    *("created", "updated", "unchanged", "covered", "merged"),
    *("repeated", "filtered", "deleted", "parked", "rejected"),
)
ON_THE_WAY = "retrying"
FROM_DATAVERSE = ("dataverse-queue", "webhook")
# Outcomes that say where an account stands, as against those of events that needed no look of their own.
LOOKS = ("created", "updated", "unchanged", "deleted", "parked", "filtered")


@dataclass(slots=True)
class Tail:
    """The lines of growing files, each given out once, as soon as it is whole."""

    files: Sequence[Path]
    _read: dict[Path, int] = field(default_factory=dict[Path, int])

    def records(self) -> Iterator[dict[str, Any]]:
        """The records that are new since the last call."""
        for path in self.files:
            if not path.exists():
                continue
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                text = file.read()
            whole = text.rfind(b"\n") + 1
            self._read[path] = self._read.get(path, 0) + whole
            yield from (json.loads(line) for line in text[:whole].splitlines())


@dataclass(slots=True)
class Ledger:
    """Every event and every message, under its id."""

    intake: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    endings: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    last_look: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def add(self, record: dict[str, Any]) -> None:
        """Take a log record; those that say nothing of events are passed over."""
        if record.get("event") == "intake":
            self.intake.append(record)
        elif record.get("event") == "outcome" and record["ending"] != ON_THE_WAY:
            self.endings.setdefault(record["first_message_id"], []).append(record)
            if record["ending"] in LOOKS:
                self.last_look[record["account_id"]] = record

    @property
    def queued(self) -> Counter[str]:
        """Message id -> how many events were queued under it."""
        return Counter(line["detail"] for line in self.intake if line["ending"] == "queued")

    def outcomes(self) -> Counter[str]:
        """Outcome -> number of events, of those that have one."""
        found = Counter(line["ending"] for line in self.intake if line["ending"] != "queued")
        for message_id, times in self.queued.items():
            found["repeated"] += times - 1
            if message_id in self.endings:
                found[self.endings[message_id][-1]["ending"]] += 1
        return found

    def parked_causes(self) -> Counter[str]:
        """Cause -> number of events whose account was parked for it."""
        last = (self.endings[message_id][-1] for message_id in self.queued if message_id in self.endings)
        return Counter(line["detail"] for line in last if line["ending"] == "parked")

    def looks_of_bursts(self) -> int:
        """How many looks the merged events led to."""
        return sum(lines[-1]["source"] == "burst" for lines in self.endings.values())


def idle(queues: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether nothing waits, runs or is scheduled in the app's two queues."""
    counts = ("active", "locked", "scheduled", "deferred")
    return not any(
        queues[name][count] for name in ("dataverse-events", "account-changes") for count in counts
    )
