"""Describes one ERP for the contract suite: its names, its values, and how its simulator is set up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shared.model.customer import FieldValue
from shared.model.faults import System
from shared.model.field_map import FieldMap
from shared.ports import Target
from shared.web.odata import ODataClient
from tests.contract.conftest import Simulated


@dataclass(frozen=True, kw_only=True)
class Description:
    """One ERP.

    `adapter` makes the real adapter over a client, by a field map; the suite runs it against the simulator.
    `others` are further implementations: "fake", and "peer", the real adapter against a server that knows the
    protocol and nothing of the ERP. `variant` names one of several ways to the same ERP. `fields` are a
    customer's, as they are read again; `refused` are values that the ERP refuses, by field. Under
    `assigned_map` the ERP assigns the numbers. `told_city_length` and `told_holds` are what its metadata says
    of the city and of the blocking field; None if it does not tell.
    """

    system: System
    variant: str = ""
    field_map: FieldMap
    assigned_map: FieldMap
    adapter: Callable[[ODataClient, FieldMap], Target]
    others: Mapping[str, Callable[[], Target]] = field(default_factory=dict[str, Callable[[], Target]])
    company: str
    other_company: str
    fields: Mapping[str, FieldValue]
    name_field: str
    city_field: str
    currency_field: str
    not_blocked: str
    refused: Mapping[str, FieldValue]
    add_currency: Callable[[Simulated, str], None]
    set_page_size: Callable[[Simulated, int], None]
    has_own_ids: bool = False
    told_city_length: int | None = None
    told_holds: frozenset[str] | None = None
    answers_changes: bool = True  # the answer to a change has the customer

    def made(self, simulated: Simulated, implementation: str = "simulator") -> Target:
        """Return one implementation by the ERP's own map."""
        if implementation in self.others:
            return self.others[implementation]()
        return self.adapter(simulated.client(self.system), self.field_map)
