"""
A chart of what something costs as it grows, both axes in powers of ten, as SVG.
"""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from math import ceil, floor, inf, log10

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 760, 400, 70, 44, 50
#: What a letter takes at most, and what names are apart at least.
_LETTER, _LINE = 7.6, 17
_COLOURS = ("#1b6ca8", "#c8553d", "#4f772d", "#6d597a")

Points = Sequence[tuple[float, float]]


def chart(title: str, x_label: str, y_label: str, series: Mapping[str, Points]) -> str:
    """
    Return the chart; all numbers must be positive.
    """
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    low, high = floor(log10(min(ys))), max(ceil(log10(max(ys))), floor(log10(min(ys))) + 1)
    left, right = log10(min(xs)), log10(max(xs))
    edge = _WIDTH - 26 - _LETTER * max(map(len, series))  # names stand beside the last points

    def at(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - left) / ((right - left) or 1)
        up = (log10(y) - low) / (high - low)
        return _LEFT + across * (edge - _LEFT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        ' font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 22, title, "start", weight="bold"),
        _text((_LEFT + edge) / 2, _HEIGHT - 12, x_label, "middle"),
        f'<g transform="rotate(-90 18 {_HEIGHT / 2})">{_text(18, _HEIGHT / 2, y_label, "middle")}</g>',
    ]
    for power in range(low, high + 1):
        for step in range(1, 10 if power < high else 2):
            y = at(min(xs), step * 10.0**power)[1]
            parts.append(_line((_LEFT, y), (edge, y), "#bbb" if step == 1 else "#eee", 1))
        parts.append(_text(_LEFT - 8, at(min(xs), 10.0**power)[1] + 4, f"{10.0**power:g}", "end"))
    for x in sorted(set(xs)):
        parts.append(_line(at(x, 10.0**low), at(x, 10.0**high), "#ddd", 1))
        parts.append(_text(at(x, 1)[0], _HEIGHT - _BOTTOM + 18, f"{x:,.0f}", "middle"))
    names: list[tuple[float, str, str]] = []
    numbers: list[tuple[float, float, str, str]] = []
    for n, (name, points) in enumerate(series.items()):
        colour, ordered = _COLOURS[n % len(_COLOURS)], sorted(points)
        places = [at(x, y) for x, y in ordered]
        parts += [_line(one, other, colour, 2) for one, other in pairwise(places)]
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        numbers += [(*place, f"{value:.2g}", colour) for place, (_, value) in zip(places, ordered, strict=True)]
        names.append((places[-1][1], name, colour))
    above = (-inf, -inf)
    for x, y, words, colour in sorted(numbers):
        # The lower one of two that are near stands below its point.
        down = 17 if x == above[0] and y - above[1] < 2 * _LINE else -8
        parts.append(_text(x + 6 if x == _LEFT else x - 6, y + down, words, _beside(x), colour=colour, size=11))
        above = x, y
    lowest = -inf
    for y, name, colour in sorted(names):
        lowest = max(y, lowest + _LINE)
        parts.append(_text(edge + 12, lowest + 4, name, "start", colour=colour))
    return "\n".join([*parts, "</svg>", ""])


def _beside(x: float) -> str:
    """Where a number at a point begins: within the chart."""
    return "start" if x == _LEFT else "end"


def _text(
    x: float, y: float, words: str, anchor: str, weight: str = "normal", colour: str = "#222", size: int = 13
) -> str:
    look = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(words)}</text>'


def _line(one: tuple[float, float], other: tuple[float, float], colour: str, width: int) -> str:
    (x1, y1), (x2, y2) = one, other
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'
