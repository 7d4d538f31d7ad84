"""The two checks: do the right customers stand in the ERP, and has every event ended in a named place?

In: what was expected, what stands there, and the ledger. Out: differences in words; none means all is well.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from local.demo.scenario import Customer, fields_of
from local.demo.watch import Ledger, idle
from local.erps.erp import Erp
from local.stand_options import Addresses

QUEUES = ("dataverse-events", "account-changes", "rejected-events")


async def customers_in(erp: Erp, addresses: Addresses) -> dict[str, Customer]:
    """The customers in the ERP by number, asked for as any client would."""
    names = fields_of(erp)
    async with erp.client(addresses.erp, addresses.token) as client:
        rows = await erp.customers(client)
    return {row[erp.fields.number]: {name: row[name] for name in names} for row in rows}


def customers_differ(
    erp: Erp, expected: Mapping[str, Customer], standing: Mapping[str, Customer]
) -> Iterator[str]:
    """Each difference between what must stand in the ERP and what does."""
    for number in sorted(expected.keys() - standing.keys()):
        yield f"{number}: the customer is missing in {erp.title}"
    for number in sorted(standing.keys() - expected.keys()):
        yield f"{number}: stands in {erp.title} and should not"
    for number in sorted(expected.keys() & standing.keys()):
        for name in fields_of(erp):
            wanted, there = expected[number][name], standing[number][name]
            if wanted != there:
                yield f"{number}: {name} is {there!r}, expected {wanted!r}"


def events_lost(
    jobs: list[dict[str, Any]], ledger: Ledger, queues: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Each event that did not end in exactly one named place, and each queue that is not empty."""
    yield from _without_intake(jobs, ledger)
    for message_id in ledger.queued.keys() | ledger.endings.keys():
        endings = [line["ending"] for line in ledger.endings.get(message_id, ())]
        if len(endings) != 1:
            yield f"message {message_id} has the outcomes {endings}, expected one"
    if not idle(queues):
        yield "the queues are not drained"
    for name in QUEUES:
        if queues[name]["dead_letter"]:
            yield f"{name}: {queues[name]['dead_letter']} dead letters"
    yield from _dropped_otherwise(ledger, queues)


def _without_intake(jobs: list[dict[str, Any]], ledger: Ledger) -> Iterator[str]:
    """Every post must have its line; what was not understood has no operation id, and is only counted."""
    posted = Counter(job["operation_id"] for job in jobs)
    received = Counter(line["operation_id"] for line in ledger.intake if line["ending"] != "rejected")
    rejected = sum(line["ending"] == "rejected" for line in ledger.intake)
    missing = posted - received
    if missing.total() != rejected:
        yield f"{missing.total()} events have no line of intake but {rejected} were rejected"
    if extra := received - posted:
        yield f"{extra.total()} lines of intake have no event"


def _dropped_otherwise(ledger: Ledger, queues: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The broker must have dropped the repeats, and all looks of a burst but one, and nothing else."""
    outcomes = ledger.outcomes()
    expected = outcomes["repeated"] + outcomes["merged"] - ledger.looks_of_bursts()
    dropped = queues["account-changes"]["duplicates_dropped"]
    if dropped != expected:
        yield f"the broker dropped {dropped} messages as duplicates, expected {expected}"
