"""Addresses in Business Central that a person can open.

The web client opens a page with a filter
(learn.microsoft.com/dynamics365/business-central/dev-itpro/developer/devenv-web-client-urls): page 22 lists
customers, page 21 shows one.
"""

from urllib.parse import quote, urlencode, urlsplit

from shared.model.customer import CustomerKey

_HOST_OF_API = "api."
_PATH_OF_API = "/v2.0"


def links(url: str, company: str, customer: CustomerKey | None) -> dict[str, str]:
    """Return the list of a company's customers and, of a customer whose number is known, its card."""
    found = {"business-central": _page(url, company, page=22)}
    if customer and not customer.by:
        number = customer.number.strip().upper().replace("'", "''")
        found["business-central_record"] = _page(url, company, page=21, filter=f"'No.' IS '{number}'")
    return found


def _page(url: str, company: str, **query: object) -> str:
    parts = urlsplit(url)
    host, path = parts.netloc.removeprefix(_HOST_OF_API), parts.path.removeprefix(_PATH_OF_API)
    return f"{parts.scheme}://{host}{path}/?{urlencode({'company': company, **query}, quote_via=quote)}"
