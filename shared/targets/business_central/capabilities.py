"""Business Central's capabilities.

Sources: learn.microsoft.com/dynamics365/business-central/dev-itpro/administration/operational-limits-online
(five requests at a time, eight minutes in the queue and eight minutes of work, pages of 20,000 rows) and the
tables Customer and Post Code in github.com/microsoft/BCApps. An existing number is refused as a whole
(".../dev-itpro/webservices/dynamics-error-codes", Internal_EntityWithSameKeyExists).
"""

from shared.model.capabilities import Capabilities
from shared.model.faults import System
from shared.model.field_map import FieldMap

# Another country clears post code, city and state, so it comes first; a known post code sets city and state.
ADDRESS = ("country", "postalCode", "city", "state", "addressLine1", "addressLine2")
_CODES = frozenset({"country", "postalCode", "currencyCode", "salespersonCode", "taxRegistrationNumber"}) | {
    *("paymentTermsId", "paymentMethodId", "shipmentMethodId")  # codes, as the app has them
}
_CHANGED = frozenset({"country", "postalCode", "city", "state"})


def capabilities(field_map: FieldMap) -> Capabilities:
    """Return what Business Central is and does under this field map."""
    return Capabilities(
        system=System.BUSINESS_CENTRAL,
        name="Business Central",
        company_field=field_map.company.field,
        number_field=field_map.key.field,
        assigns_numbers=field_map.key.assigned_by_erp,
        key_fields=frozenset({"id"}),
        refuses_existing_number=True,
        blocking_field=field_map.hold.field,
        blocked_value=field_map.hold.blocked,
        code_fields=(_CODES & field_map.names) | {*field_map.customer_fields},
        sent_together=tuple(name for name in ADDRESS if name in field_map.names),
        changed_by_erp=_CHANGED & field_map.names,
        most_concurrent_requests=5,
        longest_request_seconds=960,
        page_size=20_000,
    )
