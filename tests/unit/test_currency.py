"""Keys of the currency mapping: one name, one key, and nothing that a table refuses."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.faults import AccountFault
from shared.model.mapping import LONGEST_KEY, currency_key, escape_key, fold, unescape_key
from shared.model.outcome import Cause, Problem
from shared.sync.desired_customer import Keys, MappedValues
from tests.fakes.clock import FakeClock
from tests.fakes.dynamics import FakeOperations
from tests.fakes.tables import FakeMappings
from tests.unit.making import account, field_map

any_text = st.text(st.characters(codec="utf-8"), max_size=80)
surrogates = st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, categories=["Cs"])


@pytest.mark.parametrize(
    "typed",
    [
        *("US Dollar", " us  dollar ", "US\u00a0Dollar", "US\u3000DOLLAR", "\tUS\nDollar\r", "ＵＳ Ｄollar"),
        "US\u2009Dollar",
    ],
)
def test_one_name_has_one_key_however_it_was_typed(typed: str) -> None:
    assert currency_key(typed) == "us dollar"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Złoty", "ZŁOTY"), ("Straße", "STRASSE"), ("Cafe\u0301", "Café"), ("ﬁ", "FI"), ("İ", "i̇")],
)
def test_case_and_composition_make_no_difference(one: str, other: str) -> None:
    assert currency_key(one) == currency_key(other)


@given(any_text)
def test_normalising_is_idempotent(text: str) -> None:
    try:
        key = currency_key(text)
    except ValueError:
        return
    assert currency_key(key) == key
    assert key == key.strip()
    assert unicodedata.is_normalized("NFKC", key)


@given(st.text(st.characters(), min_size=1, max_size=80))
def test_escaping_gives_the_text_back_and_nothing_that_a_table_refuses(text: str) -> None:
    key = escape_key(text)
    assert unescape_key(key) == text
    assert not set(key) & set("/\\#?")
    assert not any(unicodedata.category(char) == "Cc" for char in key)


@given(any_text, any_text)
def test_different_texts_have_different_keys(one: str, other: str) -> None:
    assert (escape_key(one) == escape_key(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "key"),
    [("a/b", "a%2Fb"), ("100%", "100%25"), ("\x81", "%C2%81"), ("a\\b#c?", "a%5Cb%23c%3F"), ("€ ü", "€ ü")],
)
def test_only_what_a_table_refuses_is_escaped(text: str, key: str) -> None:
    assert escape_key(text) == key


@pytest.mark.parametrize("name", ["", " ", "\u00a0\u3000", "\t\n"])
def test_an_empty_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        currency_key(name)


@given(surrogates, any_text)
def test_half_a_surrogate_pair_is_refused(half: str, text: str) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        currency_key(text + half)


@pytest.mark.parametrize("char", ["x", "ü", "€"])
def test_the_longest_name_has_512_characters(char: str) -> None:
    assert currency_key(char * LONGEST_KEY) == char * LONGEST_KEY
    with pytest.raises(ValueError, match="512"):
        currency_key(char * (LONGEST_KEY + 1))


@pytest.mark.parametrize(("char", "fits"), [("/", LONGEST_KEY // 3), ("😀", LONGEST_KEY // 2)])
def test_the_limit_is_that_of_the_escaped_key_in_utf_16(char: str, fits: int) -> None:
    assert currency_key(char * fits)
    with pytest.raises(ValueError, match="512"):
        currency_key(char * (fits + 1))


@given(any_text)
def test_no_key_is_too_long_for_the_table_of_issues(text: str) -> None:
    problem = Problem(Cause.UNMAPPED_CURRENCY, value=(text * 20)[:LONGEST_KEY])
    assert len(problem.key.encode("utf-16-le")) <= 1024


def test_problems_of_different_long_values_have_different_keys() -> None:
    keys = {Problem(Cause.UNMAPPED_CURRENCY, value="x" * 511 + end).key for end in "ab"}
    assert len(keys) == 2


@given(any_text)
def test_folding_ignores_case_and_space_around(text: str) -> None:
    assert fold(f"  {text}\t") == fold(text)


async def test_an_account_without_currency_has_no_key() -> None:
    assert (await looking_up({}).keys(account(currency=None), fresh=False)).currency is None
    assert (await looking_up({}).keys(account("Euro "), fresh=False)).currency == "euro"


@pytest.mark.parametrize("name", ["\ud800", "x" * 513, " "])
async def test_a_currency_name_that_no_table_holds_parks_the_account(name: str) -> None:
    with pytest.raises(AccountFault) as raised:
        await looking_up({}).keys(account(name), fresh=False)
    assert raised.value.problem == Problem(Cause.BAD_VALUE, field="currencyname")


def looking_up(rows: dict[str, str]) -> MappedValues:
    operations = FakeOperations(FakeClock(), currencies={"USD", "EUR"})
    return MappedValues(field_map(), FakeMappings(rows), operations.knows_currency)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"US Dollar": "USD"}, "USD"),
        ({"US Dollar": " EUR "}, "EUR"),
        ({}, Problem(Cause.UNMAPPED_CURRENCY, value="us dollar")),
        ({"Euro": "EUR"}, Problem(Cause.UNMAPPED_CURRENCY, value="us dollar")),
        ({"US Dollar": " "}, Problem(Cause.BAD_MAPPING, value="us dollar")),
        ({"US Dollar": "USD", "us  dollar": "USD"}, Problem(Cause.BAD_MAPPING, value="us dollar")),
        ({"US Dollar": "USX"}, Problem(Cause.UNKNOWN_ERP_CURRENCY, value="USX")),
    ],
)
async def test_a_currency_is_never_guessed(rows: dict[str, str], expected: str | Problem) -> None:
    mapped, keys = looking_up(rows), Keys("us dollar")
    if isinstance(expected, str):
        assert await mapped.of(keys, fresh=False) == {"SalesCurrencyCode": expected}
        return
    with pytest.raises(AccountFault) as raised:
        await mapped.of(keys, fresh=True)
    assert raised.value.problem == expected
    assert raised.value.problem.remedy()
