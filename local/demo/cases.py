"""The cases by hand: accounts, what happens to them, and what must then stand in the ERP.

Every value here is literal; nothing is computed as the product computes it. What stands in the ERP is in the
words of `local.erps.erp.Fields`, and in the values of Operations; an ERP that stores a value in another way
says so in its description.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

type Kind = Literal["patch", "delete", "repeat", "late", "stripped", "xml"]


@dataclass(frozen=True, slots=True)
class Case:
    """An account as it is created; `customer` is what the ERP shows then, None if it is parked."""

    number: str
    name: str
    currency: str
    columns: Mapping[str, object]
    customer: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Step:
    """One event: a change of an account, or a message that is posted by hand.

    `columns` are written in Sales (`currency` stands for the look-up). `then`: fields that change in
    the ERP; where there was no customer yet, there is one with these. Kinds: repeat = the message of the
    creation once more; late = one made an hour ago; stripped = one that lost its columns to the size limit;
    xml = a body that cannot be understood.
    """

    number: str
    kind: Kind = "patch"
    columns: Mapping[str, object] = field(default_factory=dict[str, object])
    then: Mapping[str, str] = field(default_factory=dict[str, str])


CASES = (
    Case(
        "D-1001",
        "Adventure Works",
        "US Dollar",
        {"address1_city": "Seattle", "address1_country": "United States"},
        {"currency": "USD", "city": "Seattle", "country": "US"},
    ),
    Case("D-1002", "Alpine Ski House", "Swiss Franc", {}, {"currency": "CHF"}),
    Case("D-1003", "Thimphu Trading", "Bhutanese Ngultrum", {}, None),
    Case("D-1004", "Coho Vineyard (Pty)", "Rand R/c #1", {}, {"currency": "ZAR"}),
    Case("D-1005", "Contoso", "Euro", {}, {"currency": "EUR"}),
    Case("D-1006", "Fabrikam & Sons", "Pound Sterling", {}, {"currency": "GBP"}),
    Case("D-1007", "Bosporus Travel", "Turkish Lira", {}, None),
    Case("D-1008", "Lost Continent Divers", "Euro", {"address1_country": "Atlantis"}, None),
    Case("D-1009", "Smørrebrød Ærø", "Danish Krone", {}, {"currency": "DKK"}),
    Case("D-1010", "Żabka Łódź", "Polish Złoty", {}, {"currency": "PLN"}),
)

_GREEK = {"currency": "EUR", "country": "GR"}

# In the order of their importance: few events mean the first of these. Each wave is over before the next.
STEPS: tuple[tuple[int, Step], ...] = (
    (1, Step("D-1001", columns={"currency": "Euro"}, then={"currency": "EUR"})),
    (1, Step("D-1001", "repeat")),
    (1, Step("D-1004", columns={"description": "The ERP has no such field"})),
    (2, Step("D-1005", "delete", then={"hold": "All"})),
    (2, Step("D-1001", "late")),
    (1, Step("", "xml")),
    (2, Step("D-1006", "stripped")),
    (1, Step("D-1002", columns={"telephone1": "+41 1"}, then={"phone": "+41 1"})),
    (1, Step("D-1002", columns={"telephone1": "+41 2"}, then={"phone": "+41 2"})),
    (1, Step("D-1002", columns={"telephone1": "+41 3"}, then={"phone": "+41 3"})),
    (2, Step("D-1003", columns={"telephone1": "+975 2"})),
    (2, Step("D-1004", columns={"name": "Coho Vineyard (Pty)"})),
    (2, Step("D-1001", "repeat")),
    (3, Step("D-1005", "late")),
    (2, Step("D-1007", columns={"currency": "Euro"}, then={"currency": "EUR"})),
    (2, Step("D-1008", columns={"address1_country": "Greece"}, then=_GREEK)),
    (1, Step("D-1009", columns={"statecode": 1}, then={"hold": "All"})),
    (2, Step("D-1009", columns={"statecode": 0}, then={"hold": "No"})),
    (1, Step("D-1010", columns={"name": "Żabka Kraków"}, then={"name": "Żabka Kraków"})),
    (1, Step("D-1006", columns={"currency": "Japanese Yen"}, then={"currency": "JPY"})),
    (1, Step("D-1006", columns={"currency": "Pound Sterling"}, then={"currency": "GBP"})),
    (3, Step("", "xml")),
)


# What one ERP does and the others do not. In Business Central codes are upper case, and a known post code
# decides the city for good: a later change finds nothing to repair. In NAV a name has 50 characters.
CASES_OF: Mapping[str, tuple[Case, ...]] = {
    "business-central": (
        Case(
            "D-1011",
            "Tivoli Rides",
            "Danish Krone",
            {
                "accountnumber": "d-1011",
                "address1_postalcode": "dk-2100",
                "address1_city": "Copenhagen",
                "address1_country": "Denmark",
            },
            {"currency": "DKK", "city": "København Ø", "country": "DK"},
        ),
    ),
    "nav": (Case("D-1011", "The Wide World Importers and Exporters of Fine Foods Ltd.", "Euro", {}, None),),
}
STEPS_OF: Mapping[str, tuple[tuple[int, Step], ...]] = {
    "business-central": (
        (1, Step("D-1011", columns={"telephone1": "+45 11"}, then={"phone": "+45 11"})),
        (2, Step("D-1011", "stripped")),
    ),
    "nav": (
        (2, Step("D-1011", columns={"name": "Wide World"}, then={"name": "Wide World", "currency": "EUR"})),
    ),
}
# How its simulator is set for that: in a body, a post code has the last word on the city.
SIMULATOR_OF: Mapping[str, Mapping[str, object]] = {"business-central": {"validation_order": "page"}}


def cases_of(target: str) -> tuple[Case, ...]:
    """The accounts by hand for this ERP."""
    return (*CASES, *CASES_OF.get(target, ()))


def steps_of(target: str) -> tuple[tuple[int, Step], ...]:
    """The steps by hand for this ERP."""
    return (*STEPS, *STEPS_OF.get(target, ()))
