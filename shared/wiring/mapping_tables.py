"""The mapping tables that the field map names, and what looks values up in them."""

from collections.abc import Awaitable, Callable, Mapping

from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.model.mapping import MappingTable
from shared.ports.mappings import CurrencyMappings, OptionLabels
from shared.resilience.circuit_breaker import Breakers
from shared.sync.desired_customer import MappedValues
from shared.sync.table_values import TableValues
from shared.wiring.clients import Ports


def rows_of(ports: Ports, table: MappingTable) -> CurrencyMappings:
    """Return the rows of a mapping table."""
    return ports.mappings if table.of_currencies else ports.value_mappings(table)


def mapped_values(
    field_map: FieldMap,
    ports: Ports,
    knows: Callable[[str], Awaitable[bool]],
    breakers: Breakers | None = None,
) -> MappedValues:
    """Build what looks values up; with `breakers`, faults of its questions to the systems count there.

    `knows` asks the ERP for a currency.
    """
    others = table_values(field_map, ports, breakers) if field_map.looked_up else None
    return MappedValues(field_map, ports.mappings, knows, others)


def table_values(field_map: FieldMap, ports: Ports, breakers: Breakers | None = None) -> TableValues:
    """Build what looks up the values of other tables than that of currencies."""
    target = ports.target

    async def knows_value(field: str, code: str) -> bool | None:
        asked, system = target.knows_value(field, code), target.capabilities.system
        return await (breakers.call(system, "codes", asked, remembered=True) if breakers else asked)

    return TableValues(
        field_map,
        {name: rows_of(ports, table) for name, table in field_map.mapping_tables.items()},
        _Guarded(ports.labels, breakers) if breakers else ports.labels,
        knows_value,
    )


class _Guarded:
    """Implements OptionLabels: each question is a call to Sales, and its breaker counts a fault."""

    def __init__(self, labels: OptionLabels, breakers: Breakers) -> None:
        self._labels = labels
        self._breakers = breakers

    async def of(self, column: str, *, fresh: bool) -> Mapping[int, str]:
        """Return the label of each option."""
        asked = self._labels.of(column, fresh=fresh)
        return await self._breakers.call(System.DATAVERSE, "labels", asked, remembered=True)
