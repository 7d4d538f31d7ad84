"""Draws two kinds of plots as SVG: bars in groups, and lines over a logarithmic scale. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import log10

from bench.figures import shown

WIDTH, LEFT, RIGHT, TOP = 760, 210, 90, 64
BAR, GAP = 20, 16
COLOURS = ("#2563eb", "#9ca3af", "#d97706", "#059669")
STYLE = "font-family:system-ui,sans-serif;font-size:13px;fill:#1f2937"

type Series = Mapping[str, float]


def bars(title: str, groups: Mapping[str, Series], names: Sequence[str]) -> str:
    """For each group a bar of each series; every group has a scale of its own, from zero."""
    body: list[str] = []
    y = float(TOP)
    for label, series in groups.items():
        most = max((*series.values(), 1e-9))
        height = len(series) * BAR
        body.append(_text(LEFT - 10, y + height / 2 + 4, label, "end"))
        for name, value in series.items():
            long = (WIDTH - LEFT - RIGHT) * value / most
            colour = COLOURS[names.index(name) % len(COLOURS)]
            body.append(
                f'<rect x="{LEFT}" y="{y:.1f}" width="{long:.1f}" height="{BAR - 3}" fill="{colour}"/>'
            )
            body.append(_text(LEFT + long + 6, y + BAR - 7, shown(value)))
            y += BAR
        y += GAP
    return _page(title, y, [*_legend(names), *body])


def lines(title: str, axis: str, series: Mapping[str, Mapping[float, float]]) -> str:
    """A line for each series; both axes are logarithmic, with the value at each point."""
    height = 300.0
    points = [point for one in series.values() for point in one.items()]
    across = _scale([x for x, _ in points], LEFT / 2, WIDTH - RIGHT)
    up = _scale([y for _, y in points], TOP + height, TOP + 20)
    body: list[str] = []
    for place, one in enumerate(series.values()):
        colour = COLOURS[place % len(COLOURS)]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in one.items())
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in one.items():
            body.append(f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5" fill="{colour}"/>')
            body.append(_text(across(x), up(y) - 8, shown(y), "middle"))
    body += [
        _text(across(x), TOP + height + 24, f"{x:,.0f}", "middle") for x in sorted({x for x, _ in points})
    ]
    body.append(_text(WIDTH / 2, TOP + height + 46, axis, "middle"))
    return _page(title, TOP + height + 60, [*_legend(list(series)), *body])


def _scale(values: Sequence[float], first: float, last: float) -> "_Scale":
    return _Scale(log10(max(min(values), 1e-3)), log10(max(*values, 1e-2)), first, last)


class _Scale:
    """From a value to its place, by its logarithm."""

    def __init__(self, least: float, most: float, first: float, last: float) -> None:
        self._least, self._range = least, (most - least) or 1.0
        self._first, self._long = first, last - first

    def __call__(self, value: float) -> float:
        """The place of a value."""
        return self._first + self._long * (log10(max(value, 1e-3)) - self._least) / self._range


def _legend(names: Sequence[str]) -> Iterator[str]:
    x = LEFT / 2
    for place, name in enumerate(names):
        yield f'<rect x="{x:.0f}" y="38" width="12" height="12" fill="{COLOURS[place % len(COLOURS)]}"/>'
        yield _text(x + 18, 49, name)
        x += 40 + 7.5 * len(name)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _page(title: str, height: float, body: Sequence[str]) -> str:
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" style="{STYLE}">'
    named = f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#ffffff"/>'
    heading = f'<text x="16" y="24" style="font-size:15px;font-weight:600">{escape(title)}</text>'
    return "\n".join([head, named, heading, *body, "</svg>"]) + "\n"
