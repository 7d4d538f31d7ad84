"""The checkpoint of a reconcile run: its walks, their ends, and a walk that comes round."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from shared.load.checkpoint import advanced, comes_round, counted
from shared.model.reconciliation import (
    Compared,
    Difference,
    Kind,
    Part,
    Reconciliation,
    RunState,
    decode_run,
    encode_run,
)
from tests.unit.making import ACCOUNT, NOW

NEW = Reconciliation(id="r", by="a person", started_at=NOW, changed_at=NOW, companies=("usmf", "demf"))


def page(*keys: str, after: str | None = None) -> Compared:
    return Compared(keys=keys, after=(keys[-1] if keys else "") if after is None else after)


def through(run: Reconciliation, *pages: Compared) -> Reconciliation:
    for one in pages:
        run = advanced(run, one, NOW)
    return run


def test_after_the_accounts_each_company_is_walked_to_its_end() -> None:
    run = through(NEW, page("a", "b"), page())
    assert (run.part, run.company, run.after) == (Part.CUSTOMERS, 0, "")
    run = through(run, page("1"), page())
    assert (run.part, run.company, run.after, run.state) == (Part.CUSTOMERS, 1, "", RunState.RUNNING)
    run = through(run, page())
    assert (run.state, run.page) == (RunState.DONE, 5)


def test_without_companies_the_run_ends_with_the_accounts() -> None:
    assert through(replace(NEW, companies=()), page()).state is RunState.DONE


def test_what_pages_found_is_added_and_survives_as_text() -> None:
    found = (Difference(ACCOUNT, Kind.MISSING), Difference(ACCOUNT, Kind.PARKED))
    one = Compared(after="a", accounts=3, in_work=1, differences=found, companies=frozenset({"USMF", "x"}))
    run = counted(counted(NEW, one, 2), one, 1)
    assert (run.accounts, run.in_work, run.kept, run.differences) == (6, 2, 3, 4)
    assert run.found == {"missing": 2, "parked": 2}
    assert sorted(run.companies) == ["demf", "usmf", "x"]
    assert decode_run(encode_run(run)) == run


@given(tail=st.integers(0, 20), circle=st.integers(1, 20), size=st.integers(1, 4))
def test_a_walk_that_comes_round_is_noticed_wherever_it_does(tail: int, circle: int, size: int) -> None:
    run = NEW
    for number in count():
        assert number < 8 * (tail + circle) + 8
        places: Sequence[int] = range(number * size, (number + 1) * size)
        keys = [str(place if place < tail else tail + (place - tail) % circle) for place in places]
        if comes_round(run, page(*keys)):
            return
        run = through(run, page(*keys))


@given(rows=st.integers(0, 60), size=st.integers(1, 7))
def test_a_walk_that_advances_is_never_taken_for_one_that_does_not(rows: int, size: int) -> None:
    run = NEW
    for start in range(0, rows, size):
        some = page(*(str(number) for number in range(start, min(rows, start + size))))
        assert not comes_round(run, some)
        run = through(run, some)


def test_the_longest_run_fits_into_one_property_of_a_row() -> None:
    companies = tuple(f"{number:030}" for number in range(300))  # as many as an environment can have
    counts = dict.fromkeys(map(str, Kind), 10**9)
    run = replace(NEW, companies=companies, found=counts, after="x" * 40, passed="x" * 40, reason="x" * 500)
    assert len(encode_run(run)) < 32_000
