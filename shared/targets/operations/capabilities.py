"""Operations' capabilities.

Source of the page size: learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata. How long
a request may still take effect is documented nowhere; ten minutes are this app's own assumption.
"""

from shared.model.capabilities import Capabilities
from shared.model.faults import System
from shared.model.field_map import FieldMap


def capabilities(field_map: FieldMap) -> Capabilities:
    """What Operations is and does under this field map."""
    return Capabilities(
        system=System.OPERATIONS,
        name="Operations",
        company_field=field_map.company.field,
        number_field=field_map.key.field,
        assigns_numbers=field_map.key.assigned_by_erp,
        key_fields=frozenset({field_map.company.field, field_map.key.field}),
        refuses_existing_number=True,
        blocking_field=field_map.hold.field,
        blocked_value=field_map.hold.blocked,
        most_concurrent_requests=0,
        longest_request_seconds=600,
        page_size=10_000,
    )
