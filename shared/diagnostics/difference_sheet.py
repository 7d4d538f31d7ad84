"""The differences of a comparison as the rows of a spreadsheet: values as they are now, names and links."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import batched

from shared.diagnostics.name_accounts import NameAccounts, Named
from shared.load.repair import TwoValues, values_of, what_to_do
from shared.mappings.sheet import neutralised
from shared.model.faults import Fault
from shared.model.reconciliation import Difference
from shared.sync.decide import Decide

_AT_ONCE = 4
_HEADERS = (
    *("Account number", "Name", "Difference", "Field", "Value for Sales", "Value in {erp}"),
    *("What to do", "Account id", "Record in Sales"),
)
NOT_READ = "not read"


async def values_of_all(
    decide: Decide,
    found: Sequence[Difference],
    tell: Callable[[int], None] = lambda _: None,
    longest: float | None = None,
) -> list[Sequence[TwoValues] | None]:
    """Read the values that differ now; `tell` is called with how many more were read.

    Without `longest`, faults of the systems are raised. With it, what was not read in so many seconds, or
    could not be read, is None.
    """
    values: list[Sequence[TwoValues] | None] = []
    try:
        async with asyncio.timeout(longest):
            for some in batched(found, _AT_ONCE, strict=False):
                values += await asyncio.gather(*(values_of(decide, one) for one in some))
                tell(len(some))
    except (TimeoutError, Fault):
        if longest is None:
            raise
    return [*values, *[None] * (len(found) - len(values))]


def difference_rows(
    found: Sequence[Difference],
    values: Sequence[Sequence[TwoValues] | None],
    named: Named,
    naming: NameAccounts,
    erp: str,
) -> Iterator[list[str]]:
    """Return the headers, and a row for each field that differs; each difference has one row at least."""
    yield [header.replace("{erp}", erp) for header in _HEADERS]
    for one, fields in zip(found, values, strict=True):
        name, links = named.of(one.account_id), naming.links(one.account_id)
        note = NOT_READ if fields is None else ""
        empty = TwoValues(one.cause or ", ".join(one.fields), note, note)
        for field in fields or [empty]:
            texts = (name.number, name.name, str(one.kind), *map(str, field))
            more = (what_to_do(one, erp), str(one.account_id), links["sales"])
            yield [neutralised(text) for text in (*texts, *more)]
