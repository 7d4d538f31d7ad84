"""Operations, for the contract suite."""

from pathlib import Path

from shared.field_maps import load_field_map
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.ports import Target
from shared.targets.operations.target import OperationsTarget
from shared.web.credentials import FixedToken
from shared.web.odata import ODataClient
from tests.contract.conftest import Simulated
from tests.contract.odata_peer import odata_peer
from tests.contract.targets.description import Description
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeOperations

SYSTEM = System.OPERATIONS
MAP = load_field_map("operations")
ASSIGNED = load_field_map(str(Path(__file__).parents[2] / "flow/assigned.toml"))


def adapter(client: ODataClient, field_map: FieldMap) -> Target:
    return OperationsTarget(client, field_map)


def fake() -> Target:
    return FakeOperations(FakeClock())


def peer() -> Target:
    return adapter(ODataClient(SYSTEM, odata_peer(MAP), FixedToken("any"), FakeClock()), MAP)


def add_currency(simulated: Simulated, code: str) -> None:
    simulated.state(currencies=[{"CurrencyCode": code, "Name": code}])


def set_page_size(simulated: Simulated, rows: int) -> None:
    simulated.simulator.operations.environment.page_size = rows


OPERATIONS = Description(
    system=SYSTEM,
    field_map=MAP,
    assigned_map=ASSIGNED,
    adapter=adapter,
    others={"fake": fake, "peer": peer},
    company="usmf",
    other_company="demf",
    fields={
        "OrganizationName": "Contoso Möbel",
        "SalesCurrencyCode": "USD",
        "CustomerGroupId": "10",
        "PartyType": "Organization",
        "AddressCity": "Redmond",
    },
    name_field="OrganizationName",
    city_field="AddressCity",
    currency_field="SalesCurrencyCode",
    not_blocked="No",
    refused={"SalesCurrencyCode": "XXX", "CustomerGroupId": "99", "AddressCountryRegionISOCode": "XX"},
    add_currency=add_currency,
    set_page_size=set_page_size,
    told_holds=frozenset({"No", "Invoice", "All", "Payment", "Requisition", "Never"}),
    answers_changes=False,
)
