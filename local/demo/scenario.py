"""Which accounts and which steps a run has: the cases by hand first, then as many by rule as are asked for.

The rule, in full: account n has the number D-2000 + n, the name "Customer n" and the n-th currency of the
list, over and over. Further steps go round these accounts in turn (or round the first two by hand, where
there are no others), and of four steps the first writes a telephone number, the second the currency that
follows in the list, the third a column that the ERP does not have, the fourth the name that is there.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from local.demo.cases import Case, Step, cases_of, steps_of
from local.demo.currencies import MAPPED
from local.erps.erp import Erp

WAVES = (1, 2, 3)
AT_FIRST = {"hold": "No", "phone": "", "city": "", "country": ""}

type Customer = dict[str, str]


def fields_of(erp: Erp) -> tuple[str, ...]:
    """The fields of a customer that are compared, as the ERP names them."""
    fields = erp.fields
    named = (fields.number, fields.name, fields.currency, fields.hold)
    return (*named, fields.phone, fields.city, fields.country, *erp.constants)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is created, and then done in each wave; the steps of one account stay in order."""

    erp: Erp
    cases: tuple[Case, ...]
    waves: tuple[tuple[Step, ...], ...]

    @property
    def events(self) -> int:
        """How many events this makes."""
        return len(self.cases) + sum(len(wave) for wave in self.waves)

    def expected(self) -> dict[str, Customer]:
        """The customers that must stand in the ERP at the end, by number."""
        found: dict[str, Customer] = {}
        for case in self.cases:
            if case.customer is not None:
                found[case.number] = self._customer(case, case.customer)
        by_number = {case.number: case for case in self.cases}
        for step in chain.from_iterable(self.waves):
            if step.then and step.number not in found:
                found[step.number] = self._customer(by_number[step.number], {})
            if step.number in found:
                found[step.number] |= self.erp.stored(**step.then)
        return found

    def _customer(self, case: Case, fields: Mapping[str, str]) -> Customer:
        values = {**AT_FIRST, "number": case.number, "name": case.name, **fields}
        return {**self.erp.constants, **self.erp.stored(**values)}


def plan(erp: Erp, accounts: int, events: int) -> Scenario:
    """The scenario of that size; `events` are at least as many as `accounts`."""
    by_hand = cases_of(erp.target)
    cases = tuple(islice(chain(by_hand, _cases_by_rule()), accounts))
    numbers = {case.number for case in cases} | {""}
    steps = [(wave, step) for wave, step in steps_of(erp.target) if step.number in numbers]
    steps = steps[: events - accounts]
    free = events - accounts - len(steps)
    by_rule = islice(_steps_by_rule(cases[len(by_hand) :] or cases[:2]), free)
    waves: dict[int, list[Step]] = defaultdict(list)
    for wave, step in steps:
        waves[wave].append(step)
    for index, step in enumerate(by_rule):
        waves[WAVES[index * len(WAVES) // free]].append(step)
    return Scenario(erp, cases, tuple(tuple(waves[wave]) for wave in WAVES if waves[wave]))


def _cases_by_rule() -> Iterator[Case]:
    n = 0
    while True:
        n += 1
        currency = MAPPED[n % len(MAPPED)]
        yield Case(f"D-{2000 + n}", f"Customer {n}", currency.crm, {}, {"currency": currency.ax})


def _steps_by_rule(chosen: tuple[Case, ...]) -> Iterator[Step]:
    names = [currency.crm for currency in MAPPED]
    place = {case.number: names.index(case.currency) for case in chosen}
    n = 0
    while True:
        case = chosen[n % len(chosen)]
        match (n // len(chosen) + n) % 4:
            case 0:
                phone = f"+45 {n}"
                yield Step(case.number, columns={"telephone1": phone}, then={"phone": phone})
            case 1:
                place[case.number] += 1
                currency = MAPPED[place[case.number] % len(MAPPED)]
                code = {"currency": currency.ax}
                yield Step(case.number, columns={"currency": currency.crm}, then=code)
            case 2:
                yield Step(case.number, columns={"description": f"Note {n}"})
            case _:
                yield Step(case.number, columns={"name": case.name})
        n += 1
