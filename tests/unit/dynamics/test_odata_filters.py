"""The parsers of query options: what they understand, and that only their own error comes out."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.filters import parse_filter
from local.dynamics.odata.options import parse_expand, parse_key, parse_options, parse_segment

NAMES = {"name": "Edm.String", "size": "Edm.Int32", "on": "Edm.Boolean"}


class PlainDialect:
    """Three properties, text compares exactly."""

    functions = frozenset({"contains", "startswith", "endswith"})

    def resolve(self, name: str) -> tuple[str, Callable[[Mapping[str, Any]], Any]]:
        if name not in NAMES:
            raise QueryError(f"no property {name}")
        return NAMES[name], lambda row: row[name]

    def equal_text(self, value: str, wanted: str) -> bool:
        return value == wanted


def matches(query: str, **row: object) -> bool:
    return parse_filter(query, PlainDialect())({"name": None, "size": None, "on": None, **row})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("size eq 1 or size eq 2 and name eq 'x'", True),  # and binds tighter than or
        ("(size eq 1 or size eq 2) and name eq 'x'", False),
        ("not (size eq 1)", False),
        ("not size eq 2", True),
        ("on", True),
        ("not on", False),
        ("on eq true", True),
        ("size ge 1 and size le 1", True),
        ("size gt 0.5", True),
        ("1 eq size", True),
        ("contains(name,'B')", True),
        ("startswith(name,'ab') and endswith(name,'BC')", True),
        ("name gt 'a'", True),
        ("name eq null", False),
        ("null ne name", True),
    ],
)
def test_operators_and_precedence(query: str, expected: bool) -> None:
    assert matches(query, size=1, name="aBC", on=True) is expected


def test_comparing_with_null_is_false() -> None:
    assert not matches("size gt 1")
    assert not matches("size lt 1")
    assert matches("size eq null")
    assert matches("size ne 1")


@given(st.text())
def test_any_text_survives_as_a_quoted_literal(value: str) -> None:
    literal = value.replace("'", "''")
    assert matches(f"name eq '{literal}'", name=value)


@given(st.text())
def test_any_text_survives_as_a_key(value: str) -> None:
    literal = value.replace("'", "''")
    assert parse_key(f"a='{literal}',b='{literal}'") == {"a": value, "b": value}


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_numbers_compare_as_numbers(left: int, right: int) -> None:
    assert matches(f"size lt {right}", size=left) is (left < right)


WORDS = st.sampled_from(
    [
        "(",
        ")",
        ",",
        "eq",
        "ne",
        "gt",
        "and",
        "or",
        "not",
        "name",
        "size",
        "on",
        "'x'",
        "''",
        "1",
        "-2.5",
        "null",
        "true",
        "contains(",
        "contains(",
        "2020-01-01",
        "A.B'c'",
        "B'c'",
        "'",
        "@",
        "nothing",
    ]
)


@given(st.one_of(st.text(), st.lists(WORDS, max_size=12).map(" ".join)))
def test_no_text_makes_a_parser_fail_otherwise_than_with_its_own_error(text: str) -> None:
    for parse in (
        lambda: parse_filter(text, PlainDialect()),
        lambda: parse_segment(text),
        lambda: parse_key(text),
        lambda: parse_expand(text),
        lambda: parse_options(
            {"$top": text, "$orderby": text, "$select": text}, ("$top", "$orderby", "$select")
        ),
    ):
        with contextlib.suppress(QueryError):
            parse()


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises(QueryError):
        parse_filter("(" * 5000 + "on" + ")" * 5000, PlainDialect())
    with pytest.raises(QueryError):
        parse_filter("not " * 5000 + "on", PlainDialect())
    with pytest.raises(QueryError):
        parse_filter("contains(" * 5000, PlainDialect())
    assert matches("(" * 40 + "on" + ")" * 40, on=True)


def test_duplicate_columns_are_shown_once() -> None:
    assert parse_options({"$select": "a, b,a"}, ("$select",)).select == ("a", "b")
    assert parse_options({"$select": "*"}, ("$select",)).select is None
