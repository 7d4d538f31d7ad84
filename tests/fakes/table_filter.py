"""Reads a filter of the Table service: which rows match, and which range of keys must be read for it.

In: a filter as the stores write it, with its parameters. Out: a predicate over a row's columns, and the span
of keys. Only conditions on the keys that all must hold make the span smaller; with `or` the service reads
everything (learn.microsoft.com/azure/storage/tables/table-storage-design-for-query).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple

LAST = "\U0010ffff" * 4  # behind every key
NEXT = "\0"  # makes of a key the next one
_WORD = re.compile(r"\(|\)|'(?:[^']|'')*'|[^\s()]+")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"eq": eq, "ne": ne, "gt": gt, "ge": ge, "lt": lt, "le": le}

type Columns = Mapping[str, Any]
type Matches = Callable[[Columns], bool]


class Condition(NamedTuple):
    """One comparison of a column with a value."""

    column: str
    operator: str
    value: Any

    def __call__(self, columns: Columns) -> bool:
        """Whether it holds; never for a column that the row does not have."""
        found = columns.get(self.column)
        return found is not None and _COMPARE[self.operator](found, self.value)


class Span(NamedTuple):
    """The keys from `first`, as long as the partition and the row are below their ends."""

    first: tuple[str, str] = ("", "")
    partition: str | None = None
    before: str = LAST
    before_row: str = LAST

    def holds(self, key: tuple[str, str]) -> bool:
        """Whether a key at or behind `first` lies in the span."""
        if self.partition is not None:
            return key[0] == self.partition and key[1] < self.before_row
        return key[0] < self.before


def parse(text: str, parameters: Mapping[str, Any]) -> tuple[Matches, Span]:
    """The filter as a predicate, and the span of keys to read."""
    if not text:
        return (lambda _columns: True), Span()
    words = iter(_WORD.findall(text))
    alternatives = list(_alternatives(words, parameters))
    matches = _any(alternatives)
    return matches, _span(alternatives[0]) if len(alternatives) == 1 else Span()


def _alternatives(words: Iterator[str], parameters: Mapping[str, Any]) -> Iterator[list[Matches]]:
    """The parts joined by `or`, each as the conditions joined by `and`, up to the closing bracket."""
    together: list[Matches] = []
    for word in words:
        match word:
            case "or":
                yield together
                together = []
            case "and":
                continue
            case ")":
                break
            case "(":
                together.append(_any(list(_alternatives(words, parameters))))
            case column:
                together.append(Condition(column, next(words), _value(next(words), parameters)))
    yield together


def _any(alternatives: list[list[Matches]]) -> Matches:
    if len(alternatives) == 1 and len(alternatives[0]) == 1:
        return alternatives[0][0]

    def matches(columns: Columns) -> bool:
        for together in alternatives:  # plain loops: this is asked for each row of a scan
            for one in together:
                if not one(columns):
                    break
            else:
                return True
        return False

    return matches


def _value(word: str, parameters: Mapping[str, Any]) -> Any:
    value = parameters[word[1:]] if word.startswith("@") else word[1:-1].replace("''", "'")
    return value if isinstance(value, (str, int, bool, datetime)) else str(value)


def _span(conditions: list[Matches]) -> Span:
    keys = [
        one for one in conditions if isinstance(one, Condition) and one.column in {"PartitionKey", "RowKey"}
    ]
    partition = next(
        (one.value for one in keys if (one.column, one.operator) == ("PartitionKey", "eq")), None
    )
    if partition is None:
        first, last = _ends(keys, "PartitionKey")
        return Span((first, ""), before=last)
    first, last = _ends(keys, "RowKey")
    return Span((partition, first), partition, before_row=last)


def _ends(keys: list[Condition], column: str) -> tuple[str, str]:
    """The first key that fits, and the first behind it that does not."""
    mine = [one for one in keys if one.column == column]
    lower = [one.value + NEXT * (one.operator == "gt") for one in mine if one.operator in {"eq", "ge", "gt"}]
    upper = [one.value + NEXT * (one.operator != "lt") for one in mine if one.operator in {"eq", "le", "lt"}]
    return max(lower, default=""), min(upper, default=LAST)
