"""What the ERPs share where many customers are read: pages by key, and look-ups of many customers at once.

A page asks for the customers after the last key of the page before, in the order in which the ERP sorts them.
That order is the ERP's own collation, so it is never compared here: the last key is handed over as it was
read. Documents name the operator `gt` for texts, and no order; so a page that does not advance is a fault. A
list by `$skip` would miss customers, because those that are created or removed meanwhile move the others
(github.com/OData/WebApi/issues/1135).
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby

from shared.model.customer import Customer, CustomerKey
from shared.model.faults import ConfigurationFault, System, TransientFault
from shared.model.state import Page
from shared.web.odata import literal

type Read = Callable[[str, str], Awaitable[Sequence[Customer]]]
"""Reads a company's customers that meet a condition: one request."""

_LONGEST = 2_000  # characters of one condition; some gateways refuse addresses over 4 kB
OR = "%20or%20"


def after_key(field: str, after: str) -> str:
    """Return the condition for the customers after this key; for all of them if it is ""."""
    return f"{field}%20gt%20{literal(after)}" if after else ""


def page_after(system: System, customers: Sequence[Customer], after: str) -> Page[Customer]:
    """Return the customers as a page, with the key that the next one goes on after; "" at the end.

    A server may cut a page short, so only an empty page is the last one. Raises the fault of `not_advancing`
    if the page has the customer after which it was to begin.
    """
    numbers = [customer.key.number for customer in customers]
    if not all(number.strip() for number in numbers):
        raise TransientFault(system, "answered a customer without its number")
    if after in numbers or len({*numbers}) < len(numbers):
        raise not_advancing(system)
    return Page(customers, numbers[-1] if numbers else "")


def not_advancing(system: System) -> ConfigurationFault:
    """Return the fault of a list that comes to the same customer again."""
    remedy = "Check the customer page or entity there: it must filter and sort by the customer's number."
    return ConfigurationFault(system, "lists its customers without an end: a page did not advance.", remedy)


def answers(customer: Customer, key: CustomerKey) -> bool:
    """Whether this really is the customer that was asked for: the ERPs' filters know wildcards."""
    return _asked(customer, key.by) == key.folded


async def look_up(
    keys: Collection[CustomerKey],
    number_field: str,
    read: Read,
    find: Callable[[CustomerKey], Awaitable[Customer | None]],
    is_pattern: Callable[[str], bool],
) -> Mapping[CustomerKey, Customer]:
    """Return the customers that stand under these keys, by the keys as the ERP compares them.

    Keys are read many at a time by number or second key, whatever id they have; a number that the filter
    would take for a pattern is read alone by `find`. A key of several customers is left out.
    """
    found: dict[CustomerKey, Customer] = {}
    plain = [key for key in keys if key.by or not is_pattern(key.number)]
    places = sorted(plain, key=lambda key: (key.company, key.by))
    for (company, by), group in groupby(places, key=lambda key: (key.company, key.by)):
        for condition in _any_of(by or number_field, {key.number for key in group}):
            rows = [(_asked(customer, by), customer) for customer in await read(company, condition)]
            times = Counter(key for key, _ in rows)
            found |= {key: customer for key, customer in rows if times[key] == 1}
    for key in keys:
        if not key.by and is_pattern(key.number) and (customer := await find(key)) is not None:
            found[key.folded] = customer
    return found


def _any_of(field: str, numbers: Collection[str]) -> Iterator[str]:
    """Return conditions that together name every number, each of a length that an address can have."""
    condition = ""
    for number in sorted(numbers):
        term = f"{field}%20eq%20{literal(number)}"
        if condition and len(condition) + len(OR) + len(term) > _LONGEST:
            yield condition
            condition = ""
        condition = f"{condition}{OR}{term}" if condition else term
    if condition:
        yield condition


def _asked(customer: Customer, by: str) -> CustomerKey:
    number = str(customer.fields.get(by, "")) if by else customer.key.number
    return CustomerKey(customer.key.company, number, by).folded
