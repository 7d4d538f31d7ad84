"""NAV's capabilities.

Sources: tables 18 (Customer) and 225 (Post Code) of NAV 2018; for the page size "Server-Driven Paging in
OData Web Services" (learn.microsoft.com/previous-versions/dynamicsnav-2016-developer). A page inserts the
row when its key is known and validates the other fields after that, so a refused create may leave a row.
NAV documents no limit of parallel requests, and no longest time of a request: 16 minutes are those of
Business Central, 8 in its queue and 8 at work.
"""

from shared.model.capabilities import Capabilities
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.model.field_source import CURRENCY

# Controls of page 21 whose table fields are of type Code: stored trimmed and in upper case.
_CODES = frozenset(
    {
        "Base_Calendar_Code",
        "Bill_to_Customer_No",
        "Country_Region_Code",
        "Currency_Code",
        "Customer_Disc_Group",
        "Customer_Posting_Group",
        "Customer_Price_Group",
        "Fin_Charge_Terms_Code",
        "Gen_Bus_Posting_Group",
        "IC_Partner_Code",
        "Invoice_Disc_Code",
        "Language_Code",
        "Location_Code",
        "Payment_Method_Code",
        "Payment_Terms_Code",
        "Post_Code",
        "Primary_Contact_No",
        "Reminder_Terms_Code",
        "Responsibility_Center",
        "Salesperson_Code",
        "Search_Name",
        "Service_Zone_Code",
        "Shipment_Method_Code",
        "Shipping_Agent_Code",
        "Shipping_Agent_Service_Code",
        "Tax_Area_Code",
        "Territory_Code",
        "VAT_Bus_Posting_Group",
    }
)
# A post code that NAV knows overwrites the others; a changed country makes NAV look the post code up again.
_ADDRESS = ("Country_Region_Code", "Post_Code", "City", "County")
_FILLED_ON_INSERT = ("Invoice_Disc_Code", "Salesperson_Code", "Search_Name")  # where they are blank


def capabilities(field_map: FieldMap, local_currency: str | None = None) -> Capabilities:
    """Return what NAV is and does under this field map; a blank currency reads as the local one."""
    key, mapped = field_map.key, field_map.names
    second = {key.second_key} if key.assigned_by_erp and key.second_key else set[str]()
    currencies = [name for name, entry in field_map.fields.items() if entry.via == CURRENCY]
    return Capabilities(
        system=System.NAV,
        name="NAV",
        company_field=field_map.company.field,
        number_field=key.field,
        assigns_numbers=key.assigned_by_erp,
        key_fields=frozenset({key.field}),
        refuses_existing_number=False,
        refused_create_may_exist=True,
        blocking_field=field_map.hold.field,
        blocked_value=field_map.hold.blocked,
        code_fields=(_CODES & mapped) | {key.field} | second | {*field_map.customer_fields},
        sent_together=tuple(name for name in _ADDRESS if name in mapped),
        changed_by_erp=mapped & {*_ADDRESS, *_FILLED_ON_INSERT},
        blank_values=dict.fromkeys(currencies, local_currency) if local_currency else {},
        most_concurrent_requests=0,
        longest_request_seconds=960,
        page_size=1_000,
    )
