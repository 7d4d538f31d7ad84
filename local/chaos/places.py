"""The invariants of the events: each of them, and each message that came of it, ended in a named place."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.chaos.standing import Standing
from local.demo.watch import Ledger

NEVER = ("RetriesExhausted", "UnexpectedError")


def unaccounted(jobs: Sequence[Mapping[str, Any]], ledger: Ledger) -> Iterator[str]:
    """Events without a line of intake, and messages without an outcome.

    A host that is killed may have taken an event twice, so that there may be more lines than events.
    """
    taken = {line["operation_id"] for line in ledger.intake}
    for job in jobs:
        understood = job["size"] > 500  # garbage is short, and has no operation id to be found by
        if job["state"] == "posted" and understood and job["operation_id"] not in taken:
            yield f"event {job['operation_id']} of account {job['account_id']} was posted, and never seen"
        if job["state"] == "failed" and job["via"] == "queue":
            yield f"event {job['operation_id']} could not be posted: {job['error']}"
    for message_id in ledger.queued:
        if not ledger.endings.get(message_id):
            yield f"message {message_id} was queued, and has no outcome"


def not_kept(garbage: Sequence[str], kept: Sequence[bytes]) -> Iterator[str]:
    """Bodies that could not be understood and do not lie in `rejected-events`."""
    text = b"\n".join(kept).decode("utf-8", "replace")
    yield from (f"{mark} is not in rejected-events" for mark in garbage if mark not in text)


def dead(standing: Standing) -> Iterator[str]:
    """Dead letters."""
    for name, counts in standing.queues.items():
        if counts["dead_letter"]:
            yield f"{name}: {counts['dead_letter']} dead letters"


def issues_differ(standing: Standing) -> Iterator[str]:
    """Rows of Issues that no parked account names, and parked accounts without their row."""
    rows = {(row["PartitionKey"], row["RowKey"]) for row in standing.issues}
    parked = {
        (state["Issue"], account)
        for account, state in standing.states.items()
        if state.get("Phase") == "parked"
    }
    yield from (
        f"account {account}: a row {key} of Issues, but it is not parked so" for key, account in rows - parked
    )
    yield from (
        f"account {account} is parked as {key}, without its row of Issues" for key, account in parked - rows
    )


def parked_for(ledger: Ledger, cause: str) -> int:
    """How many messages ended in parking an account for this cause."""
    endings = (line for lines in ledger.endings.values() for line in lines)
    return sum(line["ending"] == "parked" and line["detail"] == cause for line in endings)


def bugs(ledger: Ledger) -> Iterator[str]:
    """Parked for causes that no fault may lead to: given up, or a defect."""
    causes = Counter(
        line["detail"]
        for lines in ledger.endings.values()
        for line in lines
        if line["ending"] == "parked" and line["detail"] in NEVER
    )
    yield from (f"{times} times parked as {cause}" for cause, times in causes.items())
