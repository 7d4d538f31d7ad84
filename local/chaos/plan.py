"""The plan of a run, made of the seed alone: what happens in Sales, and which trouble comes when."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from local.chaos.conditions import (
    CORRECTED_MEANWHILE,
    COUNTRIES,
    CURRENCIES,
    HOSTS,
    WEIGHTS,
    Conditions,
)
from local.chaos.families import UNMAPPED, WITH_PARENT, Parents, planted
from local.chaos.terms import ROWS, TERMS
from local.chaos.terms import WEIGHTS as TERMS_WEIGHTS
from local.commands import FULL_SIZE

type Kind = Literal[
    "create", "change", "contact", "delete", "repeat", "stripped", "late", "garbage", "rename"
]
type Trouble = Literal[
    "kill",
    "storm",
    "outage",
    "wrong credentials",
    "disconnect",
    "locks lost",
    "reordering",
    "tables away",
    "mapping",
    "terms mapped",
    "terms renamed",
    "refused creation",
    "partitions",
    "load",
]

CREATED_WITHIN = 0.6  # of the stream
CLASHING = 0.05  # of the accounts
REORDERED = 25  # events
TIMES: dict[Trouble, int] = {"storm": 4, "disconnect": 5, "locks lost": 5, "reordering": 5, "tables away": 3}
REFUSED = 10  # creations that NAV refuses after it has inserted the row
KINDS: dict[str, int] = {
    "mapped column": 42,
    "other column": 10,
    "currency": 14,
    "terms": 10,
    "state": 8,
    "contact": 8,
    "delete": 3,
    "repeat": 8,
    "stripped": 5,
    "late": 5,
    "garbage": 3,
}
WITH_TERMS = 0.8  # of the accounts
CONTACTS = 8  # each is the contact of many accounts
DESCRIBED: Mapping[str, object] = {"description": "no parent"}
MAPPED = ("name", "telephone1", "contact", "websiteurl", "address1_city", "address1_country")


@dataclass(frozen=True, slots=True)
class Step:
    """One event; `currency`, `terms` (by their first name) and the other columns are what is written, in
    the words of Sales.

    `contact` is the number of the account's contact. A step of this kind changes the contact of the account.
    """

    kind: Kind
    account: int
    columns: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order, and by place in the stream the trouble that comes before that step."""

    steps: tuple[Step, ...]
    trouble: Mapping[int, tuple[tuple[Trouble, str], ...]]


def label(account: int) -> str:
    """What marks every text of an account."""
    return f"A{account:04d}"


def make_plan(conditions: Conditions) -> Plan:
    """The plan for these conditions."""
    random = Random(conditions.seed)
    return Plan(tuple(_Stream(conditions, random).steps()), _trouble(conditions, random))


class _Stream:
    """Makes steps that fit what there is: only what was created is changed, nothing deleted is touched."""

    def __init__(self, conditions: Conditions, random: Random) -> None:
        self._conditions, self._random = conditions, random
        self._alive: list[int] = []
        self._inactive: set[int] = set()
        self._numbers: list[str] = []
        self._written = 0
        self._post_codes = [*(code.lower() for code in conditions.erp.post_codes), "ZZ-1", "ZZ-2"]
        own = ("address1_postalcode",) if conditions.erp.post_codes else ()
        self._columns = (*MAPPED, *own)
        self._kinds = KINDS | ({"rename": 3} if conditions.renames else {})
        self._parents = Parents(random) if conditions.parents else None
        if self._parents is not None:
            self._kinds["parent"] = 6

    def steps(self) -> list[Step]:
        events, accounts = self._conditions.events, self._conditions.accounts
        places = {0, *self._random.sample(range(1, int(events * CREATED_WITHIN)), accounts - 1)}
        steps = [self._create() if place in places else self._further() for place in range(events)]
        return [*self._circles(), *steps] if self._parents is not None else steps

    def _circles(self) -> Iterator[Step]:
        """Accounts that refer to each other, and that no other step touches."""
        circles = planted(self._conditions.accounts)
        for account in circles:
            columns = {name: self._text(account, name) for name in self._columns} | {"currency": UNMAPPED}
            if not self._conditions.assigned:
                columns["accountnumber"] = f"N{account:04d}"
            yield Step("create", account, columns)
        for account, parent in circles.items():
            yield Step("change", account, {"parent": parent})

    def _create(self) -> Step:
        account = len(self._numbers)
        number = f"N{account:04d}"
        if self._numbers and self._random.random() < CLASHING:
            number = self._random.choice(self._numbers)
        self._numbers.append(number)
        self._alive.append(account)
        columns = {name: self._text(account, name) for name in self._columns} | {"currency": self._currency()}
        if not self._conditions.assigned:
            columns["accountnumber"] = number
        if self._random.random() < WITH_TERMS:
            columns["terms"] = self._terms()
        if self._parents is not None and self._random.random() < WITH_PARENT:
            columns |= self._parents.choose(account, self._alive)
        return Step("create", account, columns)

    def _further(self) -> Step:
        (what,) = self._random.choices([*self._kinds], [*self._kinds.values()])
        account = self._random.choice(self._alive)
        match what:
            case "mapped column":
                name = self._random.choice(self._columns)
                return Step("change", account, {name: self._text(account, name)})
            case "other column":
                return Step("change", account, {"description": self._text(account, "description")})
            case "currency":
                return Step("change", account, {"currency": self._currency()})
            case "terms":
                return Step("change", account, {"terms": self._terms()})
            case "state":
                return self._turn(account)
            case "parent" if self._parents is not None:
                return Step("change", account, self._parents.choose(account, self._alive) or DESCRIBED)
            case "delete" if self._may_delete(account):
                self._alive.remove(account)
                return Step("delete", account)
            case "contact":
                return Step("contact", account, {"emailaddress1": self._text(account, "emailaddress1")})
            case "repeat" | "stripped" | "late" | "garbage" | "rename":
                return Step(what, account)
            case _:
                return Step("change", account, {"telephone1": self._text(account, "telephone1")})

    def _may_delete(self, account: int) -> bool:
        """Sales clears the parent of the children of a deleted account, and posts no events of them."""
        if self._parents is not None and self._parents.has_children(account, self._alive):
            return False
        return len(self._alive) > len(self._numbers) / 2 + 1

    def _turn(self, account: int) -> Step:
        self._inactive ^= {account}
        return Step("change", account, {"statecode": int(account in self._inactive)})

    def _currency(self) -> str:
        return self._random.choices(CURRENCIES, WEIGHTS)[0].crm

    def _terms(self) -> str:
        return self._random.choices(TERMS, TERMS_WEIGHTS)[0].name

    def _text(self, account: int, column: str) -> str:
        self._written += 1
        mark = label(account)
        match column:
            case "address1_country":
                return self._random.choice([*COUNTRIES])
            case "telephone1":  # an ERP may refuse letters
                return f"{account:04d} {self._written}"
            case "address1_postalcode":
                return self._random.choice(self._post_codes)
            case "contact":
                return str(self._random.randrange(CONTACTS))
            case "emailaddress1":  # of a contact, whose accounts have it too: it bears no account's mark
                return f"contact.{self._written}@example.com"
            case "websiteurl":
                return f"https://{mark}.example.com/{self._written}"
            case _:
                return f"{mark} {column} {self._written}"


def _trouble(conditions: Conditions, random: Random) -> Mapping[int, tuple[tuple[Trouble, str], ...]]:
    events = conditions.events
    found: defaultdict[int, list[tuple[Trouble, str]]] = defaultdict(list)

    def place(first: float, last: float) -> int:
        return int(events * random.uniform(first, last))

    for _ in range(conditions.kills):
        found[place(0.05, 0.95)].append(("kill", str(random.randrange(HOSTS))))
    for trouble, times in TIMES.items():
        for _ in range(max(1, round(times * events / FULL_SIZE))):
            found[place(0.05, 0.9)].append((trouble, ""))
    found[place(0.3, 0.4)].append(("outage", ""))
    found[place(0.6, 0.7)].append(("wrong credentials", ""))
    for _ in range(max(3, round(REFUSED * events / FULL_SIZE)) if conditions.erp.inserts_first else 0):
        found[place(0.05, 0.6)].append(("refused creation", ""))
    for currency in CORRECTED_MEANWHILE:
        found[place(0.5, 0.8)].append(("mapping", currency))
    for terms in ROWS:
        if terms.renamed:
            found[place(0.3, 0.5)].append(("terms renamed", terms.name))
        if terms.meanwhile:
            found[place(0.5, 0.8)].append(("terms mapped", terms.name))
    found[place(0.4, 0.6)].append(("partitions", ""))
    found[place(0.3, 0.6)].append(("load", ""))
    return {at: tuple(trouble) for at, trouble in found.items()}
