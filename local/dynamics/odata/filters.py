"""`$filter` expressions: text enters, a predicate over rows leaves.

The grammar is the part of OData 4.0 (Part 2, section 5.1.1) that both services document: eq, ne, gt, ge, lt,
le, and, or, not, parentheses, contains, startswith, endswith; string, number, boolean,
null, guid, date and qualified enum literals. Unknown properties, operands of different types and everything
else raise QueryError.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from local.dynamics.odata.errors import QueryError
from local.dynamics.odata.tokens import Literal, Token, tokenize

type Row = Mapping[str, Any]
type Predicate = Callable[[Row], bool]
type Getter = Callable[[Row], Any]

COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")
MAX_DEPTH = 100
NUMBERS = ("Edm.Int32", "Edm.Int64", "Edm.Decimal", "Edm.Double")


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison: its OData type (None for null) and how to read it from a row."""

    type: str | None
    get: Getter
    text: str | None = None  # of a string literal


class Dialect(Protocol):
    """What differs between services: property names and types, functions, comparison of strings."""

    @property
    def functions(self) -> frozenset[str]:
        """The names of the functions that a filter may call."""
        ...

    def resolve(self, name: str) -> tuple[str, Getter]:
        """The OData type of a property and how to read it; raises QueryError when there is none."""
        ...

    def equal_text(self, value: str, wanted: str) -> bool:
        """Whether a stored string equals the string of a filter."""
        ...


def parse_filter(text: str, dialect: Dialect) -> Predicate:
    """Parse a `$filter` expression; raises QueryError."""
    parser = _Parser(tokenize(text), dialect)
    predicate = parser.disjunction()
    parser.end()
    return predicate


class _Parser:
    """Recursive descent over the tokens, `or` below `and` below `not`."""

    def __init__(self, tokens: list[Token], dialect: Dialect) -> None:
        self._tokens = tokens
        self._dialect = dialect
        self._at = 0
        self._depth = 0

    def disjunction(self) -> Predicate:
        terms = [self._conjunction()]
        while self._skip_word("or"):
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else lambda row: any(term(row) for term in terms)

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise QueryError(f"Syntax error at position {self._tokens[self._at].position} in the filter.")

    def _conjunction(self) -> Predicate:
        terms = [self._negation()]
        while self._skip_word("and"):
            terms.append(self._negation())
        return terms[0] if len(terms) == 1 else lambda row: all(term(row) for term in terms)

    def _negation(self) -> Predicate:
        self._deeper()
        term = self._term()
        self._depth -= 1
        return term

    def _term(self) -> Predicate:
        if self._skip_word("not"):
            term = self._negation()
            return lambda row: not term(row)
        if self._skip("("):
            inner = self.disjunction()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        left = self._operand()
        token = self._peek()
        if token is None or token.kind != "word" or token.text not in COMPARISONS:
            return self._condition(left, token)
        self._at += 1
        return compare(left, token.text, self._operand(), self._dialect)

    def _condition(self, operand: Operand, token: Token | None) -> Predicate:
        if token is not None and token.kind == "word" and token.text not in ("and", "or"):
            raise QueryError(f"The operator '{token.text}' is not supported.")
        if operand.type != "Edm.Boolean":
            raise QueryError("The $filter expression must evaluate to a single boolean value.")
        return lambda row: operand.get(row) is True

    def _operand(self) -> Operand:
        token = self._next()
        if token.literal is not None:
            return _constant(token.literal)
        if token.kind != "word":
            raise QueryError(f"Syntax error at position {token.position} in the filter.")
        if self._skip("("):
            return self._call(token.text)
        kind, get = self._dialect.resolve(token.text)
        return Operand(kind, get)

    def _call(self, name: str) -> Operand:
        if name not in self._dialect.functions:
            raise QueryError(f"An unknown function with name '{name}' was found.")
        self._deeper()
        arguments = [self._operand()]
        while self._skip(","):
            arguments.append(self._operand())
        self._expect(")")
        self._depth -= 1
        return _function(name, arguments)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise QueryError("Recursion depth exceeded allowed limit.")

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> Token:
        token = self._peek()
        if token is None:
            raise QueryError("Expression expected at the end of the filter.")
        self._at += 1
        return token

    def _skip(self, symbol: str) -> bool:
        token = self._peek()
        found = token is not None and token.kind == "symbol" and token.text == symbol
        self._at += found
        return found

    def _skip_word(self, word: str) -> bool:
        token = self._peek()
        found = token is not None and token.kind == "word" and token.text == word
        self._at += found
        return found

    def _expect(self, symbol: str) -> None:
        if not self._skip(symbol):
            raise QueryError(f"'{symbol}' expected in the filter.")


def compare(left: Operand, operator: str, right: Operand, dialect: Dialect) -> Predicate:
    """A comparison of two operands; refuses operands whose types do not fit each other."""
    _check_types(left, right, operator)
    if operator in ("eq", "ne"):
        wanted = operator == "eq"
        return lambda row: _equal(left.get(row), right.get(row), dialect) is wanted
    return lambda row: _ordered(left.get(row), operator, right.get(row))


def _check_types(left: Operand, right: Operand, operator: str) -> None:
    if left.type is None or right.type is None or left.type == right.type:
        if left.type and left.type.startswith("Microsoft.") and operator not in ("eq", "ne"):
            raise QueryError(f"The operator '{operator}' is not supported for the enumeration '{left.type}'.")
        return
    if left.type in NUMBERS and right.type in NUMBERS:
        return
    names = {"eq": "Equal", "ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual"}
    names |= {"lt": "LessThan", "le": "LessThanOrEqual"}
    raise QueryError(
        "A binary operator with incompatible types was detected. Found operand types "
        f"'{left.type}' and '{right.type}' for operator kind '{names[operator]}'."
    )


def _equal(left: Any, right: Any, dialect: Dialect) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return dialect.equal_text(left, right)
    return left == right


def _ordered(left: Any, operator: str, right: Any) -> bool:
    if left is None or right is None:
        return False
    if isinstance(left, str) and isinstance(right, str):
        left, right = left.casefold(), right.casefold()
    return {"gt": left > right, "ge": left >= right, "lt": left < right, "le": left <= right}[operator]


def _constant(literal: Literal) -> Operand:
    value = literal.value
    text = value if literal.type == "Edm.String" else None
    return Operand(literal.type, lambda _row: value, text)


def _function(name: str, arguments: list[Operand]) -> Operand:
    if len(arguments) != 2 or any(one.type not in ("Edm.String", None) for one in arguments):
        raise QueryError(f"No function signature for the function with name '{name}' matches the arguments.")
    read = [argument.get for argument in arguments]
    test = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[name]
    return Operand(
        "Edm.Boolean", lambda row: test(_text(read[0](row)).casefold(), _text(read[1](row)).casefold())
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def sort_value(value: Any) -> tuple[int, Any]:
    """A key that orders nulls first and strings without regard to case, as both services do."""
    if value is None:
        return (0, 0)
    if isinstance(value, str):
        return (1, value.casefold())
    return (1, value.timestamp() if isinstance(value, datetime) else value)
