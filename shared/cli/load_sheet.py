"""The accounts of a load as lines of a spreadsheet."""

from itertools import batched
from uuid import UUID

from shared.load.report import Result
from shared.mappings.sheet import neutralised
from shared.model.load import LoadRun
from shared.model.outcome import Cause, remedy
from shared.wiring.operator import Operator

_HEADER = ("Account number", "Name", "Result", "Cause", "What to do", "Account id", "Record in Sales")
_NAMED = 1_000


async def sheet_of(operator: Operator, run: LoadRun) -> list[tuple[str, ...]]:
    """Return the header and a line for each account that was checked; parked ones with number and name."""
    results = [result async for result in operator.run_cases.report_load.results(run)]
    parked = [result.account_id for result in results if "|" in result.ending]
    names: dict[UUID, tuple[str, str]] = {}
    for some in batched(parked, _NAMED, strict=False):
        named = await operator.name_accounts.of(some)
        names |= {account_id: (name.number, name.name) for account_id, name in named.names.items()}
    return [_HEADER, *(_line(operator, result, names) for result in results)]


def _line(operator: Operator, result: Result, names: dict[UUID, tuple[str, str]]) -> tuple[str, ...]:
    ending, _, cause = result.ending.partition("|")
    what = remedy(Cause(cause), operator.erp.capabilities.name) if cause in Cause else ""
    links = operator.name_accounts.links(result.account_id)
    cells = (
        *names.get(result.account_id, ("", "")),
        *(ending or "at work", cause, what, str(result.account_id), links["sales"]),
    )
    return tuple(map(neutralised, cells))
