"""Business Central, for the contract suite."""

from pathlib import Path

from shared.field_maps import load_field_map
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.ports import Target
from shared.targets.business_central.target import BusinessCentralTarget
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.contract.business_central_peer import business_central_peer
from tests.contract.conftest import Simulated
from tests.contract.targets.description import Description
from tests.fakes.clock import FakeClock

SYSTEM = System.BUSINESS_CENTRAL
NAME = "business-central"
MAP = load_field_map(NAME, NAME)
ASSIGNED = load_field_map(str(Path(__file__).with_name("business_central_assigned.toml")), NAME)
COMPANY = "CRONUS USA, Inc."
OTHER = "CRONUS DE GmbH"


def adapter(
    client: ODataClient,
    field_map: FieldMap = MAP,
    *,
    local_currency: str | None = None,
    company: str | None = COMPANY,
) -> BusinessCentralTarget:
    """The real adapter; a map with assigned numbers goes to the partner's page."""
    return BusinessCentralTarget(
        client,
        field_map,
        api_path="api/contoso/sync/v1.0" if field_map.key.assigned_by_erp else "api/v2.0",
        local_currency=local_currency,
        company=company,
    )


def peer() -> Target:
    http = business_central_peer(MAP, COMPANY, OTHER)
    return adapter(ODataClient(SYSTEM, http, FixedToken("any"), FakeClock()))


def add_currency(simulated: Simulated, code: str) -> None:
    simulated.state(business_central={"currencies": [{"code": code}]})


def set_page_size(simulated: Simulated, rows: int) -> None:
    simulated.state(business_central={"page_size": rows})


BUSINESS_CENTRAL = Description(
    system=SYSTEM,
    field_map=MAP,
    assigned_map=ASSIGNED,
    adapter=adapter,
    others={"peer": peer},
    company=COMPANY,
    other_company=OTHER,
    fields={
        "displayName": "Contoso Möbel",
        "currencyCode": "USD",
        "country": "US",
        "postalCode": "98052",
        "city": "Redmond",
        "state": "WA",
    },
    name_field="displayName",
    city_field="city",
    currency_field="currencyCode",
    not_blocked="_x0020_",
    refused={"currencyCode": "XXX", "country": "XX", "phoneNumber": "555 ext. 12", "email": "nobody"},
    add_currency=add_currency,
    set_page_size=set_page_size,
    told_city_length=30,
    told_holds=frozenset({"_x0020_", "Ship", "Invoice", "All"}),
    has_own_ids=True,
)
