"""The doctor's checks of the field map, of the mapping table and of the ERP's own points."""

from shared.diagnostics.doctor.field_map import FieldMapCheck
from shared.diagnostics.doctor.mappings import MappingsCheck
from shared.diagnostics.doctor.target_points import TargetPointsCheck
from shared.mappings.review import Review
from shared.model.field_map import FieldMap
from shared.model.field_source import CURRENCY
from shared.ports.metadata import SalesMetadata
from shared.wiring import Application

_LONGEST_CODE = 3  # of a currency in the ERP, where the field map does not say


def sales_metadata(app: Application) -> SalesMetadata:
    """Sales' descriptions of itself."""
    from shared.dataverse.metadata import DataverseMetadata

    return DataverseMetadata(app.clients.dataverse, app.field_map.only_if)


def set_up_checks(app: Application) -> tuple[FieldMapCheck, MappingsCheck, TargetPointsCheck]:
    """The three checks over the app's ports; each answers `check()` with its findings."""
    from shared.dataverse.inquiry import DataverseInquiry

    ports, field_map, sales = app.ports, app.field_map, sales_metadata(app)
    number = field_map.key.column or field_map.key.number_column
    inquiry = DataverseInquiry(app.clients.dataverse, number)
    review = Review(ports.target, inquiry, ports.states)
    return (
        FieldMapCheck(field_map, app.setting_texts(), ports.target, sales),
        MappingsCheck(ports.mappings, review, sales, longest_code(field_map), field_map.has_currency),
        TargetPointsCheck(app.erp.set_up(app.clients.erp), app.erp.capabilities.name),
    )


def longest_code(field_map: FieldMap) -> int:
    """The longest code of a currency that the ERP takes."""
    lengths = (field.max_length for field in field_map.fields.values() if field.via == CURRENCY)
    return next(lengths, None) or _LONGEST_CODE
