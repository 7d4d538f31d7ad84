"""Whatever is repeated, reordered, delayed or broken in between: the same customers in the end."""

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.change import AccountChange
from shared.model.faults import System, TransientFault
from tests.fakes.dynamics import CommittedError, CommittedLateError
from tests.flow.world import World, account

NAMES = ("A1", "A2", "A3")
THROTTLED = TransientFault(System.OPERATIONS, "answered 429", retry_after=2.0)
LOST = TransientFault(System.OPERATIONS, "no answer", unknown_outcome=True)


@dataclass(frozen=True)
class Save:
    """One save in Sales, or a deletion."""

    name: str
    currency: str
    phone: str
    active: bool
    wait: float
    delete: bool = False


saves = st.builds(
    Save,
    name=st.sampled_from(NAMES),
    currency=st.sampled_from(["US Dollar", "Euro", " euro ", "Pound Sterling", "Yen"]),
    phone=st.text("0123456789", max_size=3),
    active=st.booleans(),
    wait=st.floats(0, 400),
)


def _play(world: World, play: list[Save]) -> list[AccountChange]:
    events = list[AccountChange]()
    for save in play:
        columns: dict[str, object] = {"telephone1": save.phone, "statecode": 0 if save.active else 1}
        events.append(world.save(save.name, save.currency, **columns))
        world.clock.advance(save.wait)
    return events


def _expected(play: list[Save]) -> dict[str, Save]:
    return {save.name: save for save in play}


def _check(world: World, play: list[Save]) -> None:
    for name, last in _expected(play).items():
        customer = world.customer(name)
        if last.currency == "Yen" or customer is None:
            assert customer is not None or last.currency == "Yen" or not last.active
            continue
        codes = {"us dollar": "USD", "euro": "EUR", "pound sterling": "GBP"}
        assert customer["OnHoldStatus"] == ("No" if last.active else "All")
        assert customer["PrimaryContactPhone"] == last.phone
        assert customer["SalesCurrencyCode"] == codes[last.currency.strip().casefold()]
    assert len(world.operations.customers) <= len(NAMES)
    for name in NAMES:
        stored = world.states.rows.get(account(name))
        if stored is not None:
            assert stored.state.lease is None
            assert stored.state.unknown_until is None


@settings(max_examples=150)
@given(st.lists(saves, min_size=1, max_size=8), st.randoms(use_true_random=False), st.integers(0, 5))
async def test_any_order_and_repetition_gives_the_same_customers(play, random, repeats) -> None:
    world = World()
    events = _play(world, play)
    events += random.choices(events, k=repeats)
    random.shuffle(events)
    for event in events:
        await world.queue.send(event)
        world.clock.advance(random.choice([0, 1, 10, 700]))
        world.queue.seen.clear()  # as after the window of the broker's duplicate detection
    await world.drain()
    _check(world, play)


faults = st.sampled_from(
    [
        lambda world: THROTTLED,
        lambda world: LOST,
        lambda world: CommittedError(LOST),
        lambda world: CommittedLateError(LOST, world.clock.now().replace(microsecond=0)),
    ]
)


@settings(max_examples=150)
@given(
    st.lists(saves, min_size=1, max_size=6),
    st.lists(st.one_of(st.none(), faults, faults), max_size=10),
    st.lists(st.floats(1, 599), min_size=10, max_size=10),
)
async def test_lost_and_late_answers_change_nothing_about_the_end(play, broken, delays) -> None:
    world = World()
    waiting = list(zip(broken, delays, strict=False))

    def next_fault() -> Exception | None:
        make, delay = waiting.pop(0) if waiting else (None, 0.0)
        if make is None:
            return None
        fault = make(world)
        if isinstance(fault, CommittedLateError):
            fault.due = world.clock.now() + timedelta(seconds=delay)
        return fault

    world.operations.next_fault = next_fault
    for event in _play(world, play):
        await world.queue.send(event)
        world.clock.advance(1)
    await world.drain()
    _check(world, play)
