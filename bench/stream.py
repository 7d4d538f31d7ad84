"""The stream of events that the suites measure: which accounts change, how, and in what order.

In: how many events, over how many accounts. Out: the same events each time, from a fixed seed. The numbers of
each kind are exact: 30 % change a column that the ERP does not have or write the value that stands there,
10 % are messages that come again, 5 % are messages made an hour ago, each account is created once, and the
rest are changes, most of them in bursts. An account is chosen by Zipf's law: the first created is changed
most. Nothing here does I/O.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from local.demo.currencies import MAPPED

type Kind = Literal["create", "change", "unmapped", "equal", "repeat", "late"]
type Columns = Mapping[str, str]
CHANGES: tuple[Kind, ...] = ("create", "change")  # the events after which the ERP must show something new

EVENTS, ACCOUNTS, SEED = 600, 120, 1
NO_CHANGE, REPEATED, LATE = 0.30, 0.10, 0.05
IN_BURSTS = 5 / 7  # of the changes
BURST = 5  # changes of one account, one after the other


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an account; `columns` are written in Sales, `currency` by its name."""

    account: int
    kind: Kind
    columns: Columns = field(default_factory=dict[str, str])


def make_stream(events: int = EVENTS, accounts: int = ACCOUNTS, seed: int = SEED) -> tuple[Event, ...]:
    """The events in their order; the first `n` of them are a stream too."""
    random = Random(seed)
    names: list[str] = []
    stream: list[Event] = []
    for card in _cards(events, accounts, random):
        if card == "create":
            names.append(f"Customer {len(names)}")
            stream.append(_creation(len(names) - 1))
            continue
        account = random.choices(range(len(names)), [1 / rank for rank in range(1, len(names) + 1)])[0]
        for _ in range(BURST if card == "burst" else 1):
            event = _event(account, "change" if card == "burst" else card, len(stream), names[account])
            names[account] = event.columns.get("name", names[account])
            stream.append(event)
    return tuple(stream)


def counts(stream: Sequence[Event]) -> Counter[str]:
    """How many events of each kind there are."""
    return Counter(event.kind for event in stream)


def _cards(events: int, accounts: int, random: Random) -> Iterator[str]:
    """What happens, in its order: creations first of all, then everything mixed."""
    unmapped = round(events * NO_CHANGE / 2)
    equal = round(events * NO_CHANGE) - unmapped
    repeats, late = round(events * REPEATED), round(events * LATE)
    changes = events - accounts - unmapped - equal - repeats - late
    bursts = round(changes * IN_BURSTS / BURST)
    numbers = {
        "create": accounts - 1,
        "burst": bursts,
        "change": changes - bursts * BURST,
        "unmapped": unmapped,
        "equal": equal,
        "repeat": repeats,
        "late": late,
    }
    cards = [kind for kind, number in numbers.items() for _ in range(number)]
    random.shuffle(cards)
    yield from ("create", *cards)


def _creation(account: int) -> Event:
    currency = MAPPED[account % len(MAPPED)].crm
    return Event(account, "create", {"name": f"Customer {account}", "currency": currency})


def _event(account: int, kind: str, place: int, name: str) -> Event:
    match kind:
        case "change":
            return Event(account, "change", _changed(place))
        case "unmapped":
            return Event(account, "unmapped", {"description": f"Note {place}"})
        case "equal":
            return Event(account, "equal", {"name": name})
        case "repeat":
            return Event(account, "repeat")
        case _:
            return Event(account, "late")


def _changed(place: int) -> Columns:
    """A value that no event before it wrote, or the next currency."""
    return (
        {"telephone1": f"+45 {place}"},
        {"address1_city": f"City {place}"},
        {"name": f"Customer renamed {place}"},
        {"currency": MAPPED[place % len(MAPPED)].crm, "telephone1": f"+47 {place}"},
    )[place % 4]
