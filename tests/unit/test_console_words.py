"""The words of the operator's page."""

from datetime import timedelta

import pytest

from shared.console.words import on_the_page, spell, title
from shared.model.outcome import Cause


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_title_that_holds_its_facts(cause: Cause) -> None:
    said = title(str(cause), "yen", "Phone", "NAV")
    assert said
    assert str(cause) not in said
    assert "{" not in said
    assert title(str(cause), "", "", "NAV") == title(str(cause), "", "", "NAV").strip(" :")


def test_a_cause_of_a_later_version_is_named() -> None:
    assert title("NewCause", "x", "f", "NAV") == "NewCause f x"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("`accountsync replay 7f1f` does it.", "“Check again” on this page does it."),
        ("do `accountsync resume --system nav`.", "do “Resume” on the page Systems."),
        ("`accountsync currency set 'US Dollar' CODE` does it.", "“Add the code” on this page does it."),
        ("`accountsync new-command` is left.", "`accountsync new-command` is left."),
        ("no command", "no command"),
    ],
)
def test_a_command_is_named_by_its_button(said: str, shown: str) -> None:
    assert on_the_page(said) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (59, "59 s"), (61, "1 min"), (3700, "1 h 1 min"), (90_000, "1 d 1 h")],
)
def test_an_age_has_its_two_largest_units(seconds: int, text: str) -> None:
    assert spell(timedelta(seconds=seconds)) == text
