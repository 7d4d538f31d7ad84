"""The last attempt as it is stored: it comes back as it was, within 4 KB, whatever happened."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.model.attempt import LONGEST, LONGEST_NAME, LastAttempt, Step, decode_attempt, encode_attempt

AT = datetime(2026, 11, 22, 12, 0, 0, 123_000, UTC)
STEPS = st.lists(
    st.builds(
        Step,
        st.text(max_size=300),
        st.floats(0, 1e6),
        st.none() | st.floats(0, 1e6),
        st.sampled_from(["", "dataverse", "operations"]),
        st.sampled_from(["ok", "503", "TransientFault"]),
        st.integers(0, 4),
    ),
    max_size=120,
)


def attempt(*steps: Step) -> LastAttempt:
    return LastAttempt(AT, 1200.5, "0af7651916cd43dd8448eb211c80319c", "webhook", 2, "retrying", list(steps))


def test_an_attempt_comes_back_as_it_was() -> None:
    whole = attempt(
        Step("read", 3.1, 81.4, "dataverse", "ok"),
        Step("GET /api/data/v9.2/accounts()", 3.3, 80.9, "dataverse", "200", 1),
        Step("record", 90.0, None, "", ""),
    )
    assert decode_attempt(encode_attempt(whole)) == whole


def test_a_row_without_an_attempt_has_none() -> None:
    assert decode_attempt("") is None


@given(STEPS)
def test_what_is_stored_always_fits_and_says_what_was_left_out(steps: list[Step]) -> None:
    text = encode_attempt(attempt(*steps))
    assert len(text.encode()) <= LONGEST
    found = decode_attempt(text)
    assert found is not None
    assert len(found.steps) + found.left_out == len(steps)
    assert all(len(step.name) <= LONGEST_NAME for step in found.steps)


def test_the_shortest_steps_are_left_out_first() -> None:
    steps = [Step(f"{number} {'x' * 80}", 0, float(number), "", "ok") for number in range(60)]
    found = decode_attempt(encode_attempt(attempt(*steps)))
    assert found is not None
    assert found.left_out > 0
    assert [step.duration for step in found.steps] == [float(n) for n in range(found.left_out, 60)]
