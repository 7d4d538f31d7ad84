"""Addresses in Operations that a person can open.

Operations has an address for one customer in its data service only; a form opens with its list
(learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/user-interface/create-deep-links).
"""

from urllib.parse import quote, urlencode

from shared.model.customer import CustomerKey


def links(url: str, company: str, customer: CustomerKey | None) -> dict[str, str]:
    """The list of a company's customers and, of a customer whose number is known, its record."""
    found = {"operations": f"{url}/?{urlencode({'cmp': company, 'mi': 'CustTableListPage'})}"}
    if customer and not customer.by:
        key = f"dataAreaId={_quoted(customer.company)},CustomerAccount={_quoted(customer.number)}"
        found["operations_record"] = f"{url}/data/CustomersV3({key})?cross-company=true"
    return found


def _quoted(text: str) -> str:
    return "'" + quote(text.replace("'", "''"), safe="") + "'"
