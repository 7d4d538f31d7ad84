"""The accounts of a load as the rows of a spreadsheet; those that are parked with number and name."""

from collections.abc import Iterator, Sequence

from shared.diagnostics.name_accounts import NameAccounts, Named
from shared.load.report import ReportLoad, Result
from shared.mappings.sheet import neutralised
from shared.model.load import LoadRun
from shared.model.outcome import Cause, remedy

_HEADER = ("Account number", "Name", "Result", "Cause", "What to do", "Account id", "Record in Sales")


async def load_rows(
    run: LoadRun, report: ReportLoad, naming: NameAccounts, erp: str
) -> list[tuple[str, ...]]:
    """Return the headers, and a row for each account that was checked."""
    results = [result async for result in report.results(run)]
    named = await naming.all_of([result.account_id for result in results if "|" in result.ending])
    return [_HEADER, *_rows(results, named, naming, erp)]


def _rows(
    results: Sequence[Result], named: Named, naming: NameAccounts, erp: str
) -> Iterator[tuple[str, ...]]:
    for result in results:
        ending, _, cause = result.ending.partition("|")
        name, links = named.of(result.account_id), naming.links(result.account_id)
        what = remedy(Cause(cause), erp) if cause in Cause else ""
        cells = (name.number, name.name, ending or "at work", cause, what, str(result.account_id))
        yield tuple(map(neutralised, (*cells, links["sales"])))
