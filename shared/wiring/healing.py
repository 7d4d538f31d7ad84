"""Builds what heals: it follows the rows of each mapping table, and releases accounts parked for one."""

from datetime import timedelta
from typing import TYPE_CHECKING

from shared.model.mapping import CURRENCIES, LABELS_KEPT, MappingTable
from shared.resilience.compare_issues import CompareIssues
from shared.resilience.follow_mappings import FollowMappings
from shared.resilience.heal import Heal
from shared.resilience.keep_counts import KeepCounts
from shared.resilience.release_parked import ReleaseParked
from shared.resilience.seen_mappings import SeenMappings
from shared.wiring.families import recheck_of, release_children_of
from shared.wiring.mapping_tables import rows_of, table_values

if TYPE_CHECKING:
    from shared.wiring import Application


def heal_of(app: "Application", deadline: timedelta) -> Heal:
    """Build the use case behind the function `heal`; `deadline`: of the work on one message."""
    ports, values = app.ports, table_values(app.field_map, app.ports, app.breakers)
    tables = [CURRENCIES, *(table for table in app.field_map.mapping_tables.values() if table.fields)]
    seen = [SeenMappings(table, rows_of(ports, table), values.labels) for table in tables]

    async def knows(table: MappingTable, code: str) -> bool:
        if table.of_currencies:
            return await app.knows_currency(code)
        return all([await values.knows(field, code) is not False for field in table.fields])

    def followed(one: SeenMappings) -> FollowMappings:
        return FollowMappings(one, ports.states, ports.queue, _kept(app, one.table), deadline)

    return Heal(
        control=ports.control,
        clock=ports.clock,
        follow=tuple(map(followed, seen)),
        release=ReleaseParked(
            tables=tuple(seen),
            issues=ports.issues,
            knows=knows,
            erp=app.erp.capabilities.system,
            breakers=app.breakers,
            recheck=recheck_of(app),
        ),
        compare=CompareIssues(ports.issues, ports.states),
        counts=KeepCounts(ports.issues, ports.counts),
        children=release_children_of(app) if app.field_map.account_columns else None,
    )


def _kept(app: "Application", table: MappingTable) -> timedelta:
    """Return how long a process may use an old copy of the table's rows, or of the labels that it needs."""
    rows = timedelta(seconds=app.settings.currency_cache_seconds)
    return max(rows, LABELS_KEPT) if table.labels else rows
