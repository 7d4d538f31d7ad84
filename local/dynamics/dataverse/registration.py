"""Rules of the registration tables: what the platform refuses or fills in when an endpoint or a step is
written.
"""

from collections.abc import Mapping
from typing import Any

from local.dynamics.dataverse.schema import Table
from local.dynamics.dataverse.store import Row, Store


def apply_rules(
    store: Store, table: Table, values: Mapping[str, Any], before: Row | None
) -> Mapping[str, Any]:
    """The row as the platform keeps it; raises DataverseError."""
    if table.name == "serviceendpoint":
        secrets = {"issaskeyset": bool(values.get("saskey")), "isauthvalueset": bool(values.get("authvalue"))}
        return {**values, **secrets}
    return values
