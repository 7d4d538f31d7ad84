"""Addresses in NAV that a person can open.

The web client may stand on any address, and the app does not know it; so these are the addresses of the web
services, which the person's browser asks for NAV's sign-in.
"""

from shared.model.customer import CustomerKey
from shared.targets.nav.wire import Protocol, Wire


def links(
    url: str,
    company: str,
    customer: CustomerKey | None,
    *,
    service: str = "Customer",
    protocol: Protocol = "v4",
) -> dict[str, str]:
    """Return the list of a company's customers and, of a customer whose number is known, its record."""
    wire = Wire(protocol)
    found = {"nav": f"{url}{wire.path(company, service)}"}
    if customer and not customer.by:
        found["nav_record"] = f"{url}{wire.path(customer.company, service, customer.number)}"
    return found
