"""The doctor's checks of the field map, of the mapping table and of the ERP's own points."""

from shared.diagnostics.doctor.field_map import FieldMapCheck
from shared.diagnostics.doctor.mappings import MappingsCheck
from shared.diagnostics.doctor.target_points import TargetPointsCheck
from shared.mappings.review import Review
from shared.model.field_map import FieldMap
from shared.model.field_source import CURRENCY
from shared.model.mapping import CURRENCIES, MappingTable
from shared.ports.metadata import SalesMetadata
from shared.wiring import Application
from shared.wiring.mapping_tables import rows_of

_LONGEST_CODE = 3  # of a currency in the ERP, where the field map does not say
_LONGEST_VALUE = 250  # of any other value


def sales_metadata(app: Application) -> SalesMetadata:
    """Sales' descriptions of itself."""
    from shared.dataverse.metadata import DataverseMetadata

    return DataverseMetadata(app.clients.dataverse, app.field_map.only_if)


def set_up_checks(app: Application) -> tuple[FieldMapCheck, list[MappingsCheck], TargetPointsCheck]:
    """The checks over the app's ports; each answers `check()` with its findings."""
    from shared.dataverse.inquiry import DataverseInquiry

    ports, field_map, sales = app.ports, app.field_map, sales_metadata(app)
    number = field_map.key.column or field_map.key.number_column
    inquiry = DataverseInquiry(app.clients.dataverse, number)

    def of(table: MappingTable, *, needed: bool = True) -> MappingsCheck:
        review = Review(ports.target, inquiry, ports.states, table, ports.labels)
        return MappingsCheck(rows_of(ports, table), review, sales, longest_code(field_map, table), needed)

    return (
        FieldMapCheck(field_map, app.setting_texts(), ports.target, sales),
        [of(CURRENCIES, needed=field_map.has_currency), *map(of, field_map.mapping_tables.values())],
        TargetPointsCheck(app.erp.set_up(app.clients.erp), app.erp.capabilities.name),
    )


def longest_code(field_map: FieldMap, table: MappingTable = CURRENCIES) -> int:
    """The longest code that every field takes whose values go through the table."""
    via = CURRENCY if table.of_currencies else f"table:{table.name}"
    lengths = [field.max_length for field in field_map.fields.values() if field.via == via]
    otherwise = _LONGEST_CODE if table.of_currencies else _LONGEST_VALUE
    return min([length for length in lengths if length], default=otherwise)
