"""The ERP in use: the setting TARGET picks its folder in shared/targets."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from shared.model.capabilities import Capabilities
from shared.model.customer import CustomerKey
from shared.model.field_map import FieldMap
from shared.setting_types import TargetName
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.ports import Target
    from shared.web.odata import ODataClient


class Links(Protocol):
    """Addresses in the ERP by name: its system's own for a list, and `..._record` for one customer."""

    def __call__(self, company: str, customer: CustomerKey | None) -> Mapping[str, str]:
        """The addresses for a company or for one of its customers."""
        ...


@dataclass(frozen=True, slots=True)
class Erp:
    """What the folder of one ERP offers."""

    field_map: FieldMap
    capabilities: Capabilities
    url: str
    links: Links

    def target(self, client: "ODataClient") -> "Target":
        """The ERP behind its port, over a client that is open."""
        from shared.targets.operations.target import OperationsTarget

        return OperationsTarget(client, self.field_map)


def erp_of(settings: Settings, field_map: FieldMap) -> Erp:
    """The ERP that the settings name; opens nothing."""
    match settings.target:
        case TargetName.OPERATIONS:
            from shared.targets.operations.capabilities import capabilities
            from shared.targets.operations.links import links

            url = settings.operations_url
            return Erp(field_map, capabilities(field_map), url, partial(links, url))
