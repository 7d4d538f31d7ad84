"""Grouped counts: `$apply` enters, one row for each group leaves.

Only the form `filter(...)/groupby((column),aggregate($count as name))` is known. A filter that lets more
than 50,000 rows through is refused (learn.microsoft.com/power-apps/developer/data-platform/webapi/query/
aggregate-data).
"""

import re
from collections import Counter
from typing import Any

from local.dynamics.calls import Call
from local.dynamics.dataverse import errors
from local.dynamics.dataverse.errors import DataverseError
from local.dynamics.dataverse.queries import filtered
from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Store

MOST_ROWS = 50_000
_FORM = re.compile(
    r"(?:filter\((?P<filter>.*)\)/)?"
    r"groupby\(\((?P<column>\w+)\),aggregate\(\$count as (?P<name>\w+)\)\)"
)


def grouped(store: Store, table: Table, call: Call, most_rows: int) -> dict[str, Any]:
    """Return the answer's body; raises DataverseError and QueryError."""
    match = _FORM.fullmatch(call.query["$apply"])
    if match is None:
        raise errors.bad_query("The $apply expression is not supported.")
    column = table.by_property(match["column"])
    if column is None:
        raise errors.no_property(match["column"], table.name)
    rows = filtered(store, table, match["filter"])
    if len(rows) > most_rows:
        message = "The maximum record limit is exceeded. Reduce the number of records."
        raise DataverseError(400, "0x8004e023", message)
    counts = Counter(row.get(column.name) for row in rows)
    value = [
        ({} if key is None else {match["column"]: key}) | {match["name"]: count}
        for key, count in counts.items()
    ]
    return {"@odata.context": f"{call.root}/$metadata#{table.entity_set}", "value": value}
