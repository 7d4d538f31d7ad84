"""The simulated NAV with the app's own client for it, over one protocol."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from local.dynamics.faults import FaultRule
from local.dynamics.nav.environment import CRONUS, Company, Environment
from local.dynamics.nav.state import read_nav_state
from local.dynamics.simulator import Simulator
from shared.field_maps import load_field_map
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.targets.nav.target import NavTarget
from shared.targets.nav.wire import Protocol
from shared.web.credentials import BasicAuth
from shared.web.odata import ODataClient
from tests.contract.conftest import NAV_OTHER, TOKEN
from tests.fakes.clock import FakeClock

OTHER = NAV_OTHER
MAP = load_field_map("nav", "nav")
ASSIGNED = """
target = "nav"
[company]
{company}
[key]
assigned_by_erp = true
second_key = "Account_Id"
[fields.Name]
column = "name"
"""


def assigned(folder: Path, company: str = 'setting = "NAV_COMPANY"') -> FieldMap:
    """A map for numbers from NAV's series, found again by the control Account_Id."""
    file = folder / "assigned.toml"
    file.write_text(ASSIGNED.format(company=company), encoding="utf-8")
    return load_field_map(str(file), "nav")


@dataclass(slots=True)
class NavStand:
    """The running simulator; `start_anew` empties it, and puts its knobs back."""

    simulator: Simulator
    http: httpx.AsyncClient
    protocol: Protocol = "v4"
    clock: FakeClock = field(default_factory=lambda: FakeClock(datetime.now(UTC)))

    @property
    def environment(self) -> Environment:
        return self.simulator.nav.environment

    def target(self, field_map: FieldMap = MAP, **given: Any) -> NavTarget:
        """A fresh adapter, as a process that starts has it."""
        key, company = given.pop("key", TOKEN), given.pop("company", CRONUS)
        options = {"service": "Customer", "currency_service": "Currencies", "local_currency": "GBP"}
        client = ODataClient(System.NAV, self.http, BasicAuth("ACCOUNTSYNC", key), self.clock)
        return NavTarget(client, field_map, protocol=self.protocol, company=company, **{**options, **given})

    def start_anew(self, protocol: Protocol) -> None:
        """Two companies with a few currencies and post codes, no customers, no faults, all knobs as usual."""
        self.protocol = protocol
        self.simulator.faults.clear()
        self.simulator.log.clear()
        self.simulator.nav.environment = Environment(companies={CRONUS: Company(), OTHER: Company()})
        currencies = [{"company": name, "Code": code} for name in (CRONUS, OTHER) for code in ("EUR", "USD")]
        codes = [{"code": "10115", "city": "Berlin", "country": "DE", "county": "BE"}]
        self.simulator.nav.seed({"currencies": currencies, "post_codes": codes})

    def stored(self, number: str = "C-1") -> dict[str, Any]:
        """The customer as NAV has it."""
        rows = read_nav_state(self.simulator.nav.service)["customers"]
        return next(row for row in rows if row["No"] == number)

    def fault(self, kind: str, **rule: Any) -> None:
        self.simulator.faults.add(FaultRule.model_validate({"system": "nav", "kind": kind} | rule))

    def requests(self) -> list[str]:
        """The methods of the requests since the last call."""
        methods = [entry["method"] for entry in self.simulator.log.report("nav", 0)["entries"]]
        self.simulator.log.clear()
        return methods
