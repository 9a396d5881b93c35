"""
A chart of what something costs as it grows, both axes in powers of ten, as SVG.
"""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 400, 70, 210, 40, 50
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

    def at(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - left) / ((right - left) or 1)
        up = (log10(y) - low) / (high - low)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        ' font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 22, title, "start", weight="bold"),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, x_label, "middle"),
        f'<g transform="rotate(-90 18 {_HEIGHT / 2})">{_text(18, _HEIGHT / 2, y_label, "middle")}</g>',
    ]
    for power in range(low, high + 1):
        for step in range(1, 10 if power < high else 2):
            y = at(min(xs), step * 10.0**power)[1]
            parts.append(_line((_LEFT, y), (_WIDTH - _RIGHT, y), "#bbb" if step == 1 else "#eee", 1))
        parts.append(_text(_LEFT - 8, at(min(xs), 10.0**power)[1] + 4, f"{10.0**power:g}", "end"))
    for x in sorted(set(xs)):
        parts.append(_line(at(x, 10.0**low), at(x, 10.0**high), "#ddd", 1))
        parts.append(_text(at(x, 1)[0], _HEIGHT - _BOTTOM + 18, f"{x:,.0f}", "middle"))
    for n, (name, points) in enumerate(series.items()):
        colour, places = _COLOURS[n % len(_COLOURS)], [at(x, y) for x, y in sorted(points)]
        parts += [_line(one, other, colour, 2) for one, other in pairwise(places)]
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        y = _TOP + 12 + 22 * n
        parts.append(_line((_WIDTH - _RIGHT + 14, y), (_WIDTH - _RIGHT + 34, y), colour, 2))
        parts.append(_text(_WIDTH - _RIGHT + 40, y + 4, name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, words: str, anchor: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'


def _line(one: tuple[float, float], other: tuple[float, float], colour: str, width: int) -> str:
    (x1, y1), (x2, y2) = one, other
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'
