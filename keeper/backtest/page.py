"""
The report as a page: one file, its plots within.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import accumulate
from typing import Any

import matplotlib
from jinja2 import Environment
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keeper.backtest.summary import profits_by_block

_WEI = 10**18
_COLOURS = ("#2f6fb2", "#c8553d", "#588157", "#8a5a9e")


def page(report: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> str:
    """
    Return the page as HTML; the same report gives the same page.
    """
    environment = Environment(autoescape=True)
    environment.filters["eth"] = lambda wei: f"{int(wei) / _WEI:,.6f}"
    template = environment.from_string(files("keeper.backtest").joinpath("page.html").read_text())
    plots = [Markup(plot) for plot in _plots(report, findings)]  # noqa: S704 - drawn here
    return template.render(report=report, plots=plots)


def _plots(report: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if not findings:
        return
    yield _over_blocks(findings)
    yield _bars(
        "Left after so many blocks",
        [str(row["blocks"]) for row in report["latency"]],
        {
            "executed": [row["executed"] for row in report["latency"]],
            "missed": [row["missed"] for row in report["latency"]],
        },
        "opportunities",
    )
    for title, key in (
        ("Profit by DEXes", "by_dexes"),
        ("Profit by hops", "by_hops"),
        ("Profit by lender", "by_funding"),
    ):
        rows = sorted(report[key].items(), key=lambda item: -int(item[1]["profit_wei"]))[:10]
        rows = sorted(rows) if key == "by_hops" else rows
        yield _bars(
            title, [name for name, _ in rows], {"ETH": [int(row["profit_wei"]) / _WEI for _, row in rows]}, "ETH"
        )
    rows = report["gas_factors"]
    yield _bars(
        "Profit if gas costs so many times as much",
        [f"{row['factor']}x" for row in rows],
        {"ETH": [int(row["profit_wei"]) / _WEI for row in rows]},
        "ETH",
    )
    rows = report["bids"]
    yield _bars(
        "Profit after a bid of so much of it",
        [f"{row['share_percent']} %" for row in rows],
        {"ETH": [int(row["profit_wei"]) / _WEI for row in rows]},
        "ETH",
    )


def _over_blocks(findings: Sequence[Mapping[str, Any]]) -> str:
    profits = sorted(profits_by_block(findings).items())
    figure, axes = _figure("Profit over blocks, if every opportunity were had", "ETH")
    axes.step(
        [block for block, _ in profits],
        [total / _WEI for total in accumulate(profit for _, profit in profits)],
        where="post",
        color=_COLOURS[0],
    )
    axes.set_xlabel("block")
    axes.ticklabel_format(useOffset=False, style="plain", axis="x")
    return _svg(figure)


def _bars(title: str, names: Sequence[str], series: Mapping[str, Sequence[float]], unit: str) -> str:
    long = max(map(len, names), default=0) > 12
    figure, axes = _figure(title, "" if long else unit)
    if long:
        (values,) = series.values()
        axes.barh(names[::-1], values[::-1], color=_COLOURS[0])
        axes.set_xlabel(unit)
        return _svg(figure)
    width = 0.8 / len(series)
    for place, (label, values) in enumerate(series.items()):
        axes.bar([i + place * width for i in range(len(names))], values, width, label=label, color=_COLOURS[place])
    axes.set_xticks([i + width * (len(series) - 1) / 2 for i in range(len(names))], names)
    if len(series) > 1:
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(series), borderaxespad=0)
    return _svg(figure)


def _figure(title: str, unit: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_ylabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    """The figure as an element of a page; names within it depend on nothing but what it shows."""
    drawn = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "keeper", "svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    text = drawn.getvalue()
    return text[text.index("<svg") :]
