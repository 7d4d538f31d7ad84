"""Route templates of HTTP triggers, as ASP.NET Core reads them, and the choice among them.

In: templates such as `dataverse/events/{id:int?}`; a method and a path. Out: the route and its parameters.
Refused: a constraint that is not known here. Source: learn.microsoft.com/aspnet/core/fundamentals/routing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote

_PARAMETER = re.compile(
    r"\{(?P<star>\*{0,2})(?P<name>\w+)(?::(?P<constraint>\w+))?(?:=(?P<default>[^}?]*))?(?P<optional>\?)?\}"
)
_CONSTRAINTS = {
    None: r"[^/]+",
    "alpha": r"[A-Za-z]+",
    "bool": r"true|false",
    "guid": r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
    "int": r"-?\d{1,10}",
    "long": r"-?\d{1,19}",
}


class RouteError(Exception):
    """A route template that this host does not understand."""


@dataclass(frozen=True, slots=True)
class Route:
    """One function's route. `rank`: literals, constrained parameters, parameters, catch-alls."""

    function: str
    methods: frozenset[str]
    pattern: re.Pattern[str]
    defaults: dict[str, str]
    rank: tuple[int, ...]

    @classmethod
    def parse(cls, function: str, template: str, methods: Iterable[str]) -> Self:
        """Read a template, without its leading slash; no methods means all. Raise `RouteError`."""
        pattern, rank, defaults = "", [], {}
        for segment in filter(None, template.strip("/").split("/")):
            match = _PARAMETER.fullmatch(segment)
            if match is None:
                if "{" in segment:
                    raise RouteError(
                        f"function {function}: cannot read {segment!r} of its route {template!r}"
                    )
                pattern += "/" + re.escape(segment)
                rank.append(0)
                continue
            pattern += _segment(function, match)
            rank.append(3 if match["star"] else 1 if match["constraint"] else 2)
            if match["default"] is not None:
                defaults[match["name"]] = match["default"]
        allowed = frozenset(method.upper() for method in methods)
        return cls(function, allowed, re.compile(pattern + "/?", re.IGNORECASE), defaults, tuple(rank))

    def match(self, method: str, raw_path: str) -> dict[str, str] | None:
        """The route parameters if this route answers `method` on the still percent-encoded path."""
        if self.methods and method.upper() not in self.methods:
            return None
        match = self.pattern.fullmatch(raw_path)
        if match is None:
            return None
        return self.defaults | {
            name: unquote(value) for name, value in match.groupdict().items() if value is not None
        }


def _segment(function: str, match: re.Match[str]) -> str:
    name = match["name"]
    if match["star"]:
        return f"(?:/(?P<{name}>.*))?"
    constraint = _CONSTRAINTS.get(match["constraint"])
    if constraint is None:
        raise RouteError(
            f"function {function}: route constraint {match['constraint']!r} is not known to this host"
        )
    optional = "?" if match["optional"] or match["default"] is not None else ""
    return f"(?:/(?P<{name}>{constraint})){optional}"


def find_route(routes: Iterable[Route], method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
    """The most specific route for the request, and its parameters; a wrong method counts as no route."""
    for route in sorted(routes, key=lambda route: route.rank):
        parameters = route.match(method, raw_path)
        if parameters is not None:
            return route, parameters
    return None
