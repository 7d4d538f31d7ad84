"""Builds what concerns accounts that refer to each other's customers, over the ports of the application."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from shared.resilience.circuit_breaker import Breakers
from shared.resilience.family import Family
from shared.resilience.recheck import Recheck
from shared.resilience.release_children import ReleaseChildren
from shared.sync.desired_customer import BuildCustomer, ResolveCustomer
from shared.sync.parents import FindParents
from shared.wiring.mapping_tables import mapped_values

if TYPE_CHECKING:
    from shared.wiring import Application


def resolve_of(
    app: "Application", knows: Callable[[str], Awaitable[bool]], breakers: Breakers | None = None
) -> ResolveCustomer:
    """Build what finds a customer's values; `knows` asks the ERP for a currency's code.

    With `breakers`, its questions to the systems count there.
    """
    ports = app.ports
    return ResolveCustomer(
        mapped=mapped_values(app.field_map, ports, knows, breakers),
        parents=FindParents(app.field_map, ports.states, app.target_in_use),
        build=BuildCustomer(app.field_map, app.setting_texts()),
    )


def family_of(app: "Application") -> Family:
    """Build what keeps parents and children in step."""
    ports, release = app.ports, release_children_of(app)
    return Family(app.field_map.account_columns, ports.queue, ports.pages, release, ports.clock)


def recheck_of(app: "Application") -> Recheck:
    """Build what checks parked accounts."""
    return Recheck(app.ports.issues, app.ports.states, app.ports.queue)


def release_children_of(app: "Application") -> ReleaseChildren:
    """Build what releases children."""
    ports, recheck = app.ports, recheck_of(app)
    return ReleaseChildren(ports.issues, ports.states, ports.control, app.target_in_use, recheck)
