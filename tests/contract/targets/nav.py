"""NAV, for the contract suite: once for each of its two protocols."""

from functools import partial
from pathlib import Path

from local.dynamics.nav.environment import CRONUS
from shared.field_maps import load_field_map
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.targets.nav.target import NavTarget
from shared.targets.nav.wire import Protocol
from shared.web.credentials import BasicAuth
from shared.web.odata import ODataClient
from tests.contract.conftest import NAV_OTHER, Simulated
from tests.contract.nav_peer import nav_peer
from tests.contract.targets.description import Description
from tests.fakes.clock import FakeClock

SYSTEM = System.NAV
MAP = load_field_map("nav", "nav")
ASSIGNED = load_field_map(str(Path(__file__).with_name("nav_assigned.toml")), "nav")


def adapter(
    client: ODataClient,
    field_map: FieldMap = MAP,
    *,
    protocol: Protocol = "v4",
    service: str = "Customer",
    currency_service: str = "Currencies",
    local_currency: str | None = None,
    company: str | None = CRONUS,
) -> NavTarget:
    """The real adapter."""
    return NavTarget(
        client,
        field_map,
        service=service,
        currency_service=currency_service,
        protocol=protocol,
        local_currency=local_currency,
        company=company,
    )


def peer() -> NavTarget:
    """The adapter against a server that knows V4 and nothing of NAV."""
    http = nav_peer(MAP, CRONUS, NAV_OTHER)
    return adapter(ODataClient(SYSTEM, http, BasicAuth("ACCOUNTSYNC", "any"), FakeClock()))


def add_currency(simulated: Simulated, code: str) -> None:
    simulated.state(nav={"currencies": [{"Code": code}]})


def set_page_size(simulated: Simulated, rows: int) -> None:
    simulated.simulator.nav.environment.page_size = rows


def _over(protocol: Protocol) -> Description:
    return Description(
        system=SYSTEM,
        variant=protocol,
        field_map=MAP,
        assigned_map=ASSIGNED,
        adapter=partial(adapter, protocol=protocol),
        others={"peer": peer} if protocol == "v4" else {},
        company=CRONUS,
        other_company=NAV_OTHER,
        fields={
            "Name": "Contoso Möbel",
            "Currency_Code": "USD",
            "Country_Region_Code": "US",
            "Post_Code": "98052",
            "City": "Redmond",
        },
        name_field="Name",
        city_field="City",
        currency_field="Currency_Code",
        not_blocked="_x0020_",
        refused={"Currency_Code": "XXX", "Country_Region_Code": "XX", "Phone_No": "1" * 31},
        add_currency=add_currency,
        set_page_size=set_page_size,
        told_city_length=30,
    )


NAV = [_over("v4"), _over("v3")]
