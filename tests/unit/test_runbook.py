"""
Whoever is woken finds in docs/ what the name means; whoever draws a figure finds that it exists.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric

from keeper.config import Settings, load_settings
from keeper.execution.breakers import Breakers
from keeper.execution.limits import BREAKERS
from keeper.execution.operation import Operation
from keeper.market import Market
from keeper.monitor.figures import Figures, Sources
from keeper.monitor.metrics import Metrics
from keeper.monitor.report import Report

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def raised() -> Iterator[str]:
    """Every name by which the keeper's code raises an alert."""
    yield from BREAKERS
    for path in sorted((ROOT / "keeper").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "alert":
                match node.args[1]:
                    case ast.Constant(value=str(name)):
                        yield name
                    case named:
                        assert ast.unparse(named) == "breaker.name", f"{path.name}: {ast.unparse(node)}"


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the table under a heading, by their first cell."""
    section = OPERATIONS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"
    ]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_runbook__names_every_alert_and_no_other() -> None:
    names = set(raised())

    assert {"halted", "stopped", "quarantine", "no_success", "loss_hour"} <= names
    assert rows("Alerts").keys() == names
    assert all(len(row) == 2 and row[1] for row in rows("Alerts").values())


def test_runbook__severities_are_the_breakers_own() -> None:
    told = rows("Alerts")

    assert {name: told[name][0] for name in BREAKERS} == {
        name: "page" if breaker.page else "ticket" for name, breaker in BREAKERS.items()
    }


def test_runbook__breakers_actions_and_settings__are_the_codes_own() -> None:
    told = rows("Breakers")

    assert {name: row[2] for name, row in told.items()} == {
        name: str(breaker.action) for name, breaker in BREAKERS.items()
    }
    mentioned = set(re.findall(r"`([a-z0-9_]+)`", " ".join(row[1] for row in told.values())))
    assert mentioned <= Settings.model_fields.keys()
    assert sum(name.startswith(("max_", "min_", "stale", "hard")) for name in mentioned) == 14


@pytest.fixture
def metrics(tmp_path: Path) -> Metrics:
    """As a keeper has them before it has done anything."""
    metrics, operation = Metrics(), Operation(tmp_path)
    breakers = Breakers(load_settings(rpc_url="http://x"), operation, lambda: 0.0, lambda *_: None)
    market = Market(())
    pools = {"quarantined": 0, "quarantined_for": {}, "audited": 0, "mismatched": 0}
    answers = {("node", "accepted"): 5, ("node", "already known"): 2, ("node", "nonce too low"): 3}
    Figures(
        metrics,
        Sources(
            operation,
            breakers,
            Report(),
            market=lambda: market,
            pools=lambda: pools,
            lenders=lambda: 0,
            in_flight=dict,
            nonces=dict,
            answers=lambda: answers,
            gaps=lambda: (7, 6),
            backfilled=lambda: 40,
        ),
    )
    return metrics


def listed(metrics: Metrics) -> list[Metric]:
    return sorted(metrics.registry.collect(), key=lambda metric: metric.name)


def told_as(metric: Metric) -> str:
    """As Prometheus stores it: a counter ends in ``_total``."""
    return metric.name + ("_total" if metric.type == "counter" else "_info" if metric.type == "info" else "")


def test_metrics__what_is_kept_elsewhere__is_read_when_asked_for(metrics: Metrics) -> None:
    told = metrics.registry.get_sample_value

    # What was taken is no error.
    assert told("arb_tx_publish_errors_total", {"endpoint": "node", "class": "nonce too low"}) == 3
    assert told("arb_tx_publish_errors_total", {"endpoint": "node", "class": "already known"}) is None
    assert told("arb_tx_publish_errors_total", {"endpoint": "node", "class": "accepted"}) is None
    assert told("arb_nonce_gaps_total") == 7
    assert told("arb_noop_total") == 6
    assert told("arb_logs_backfilled_total") == 40


def test_metrics__documentation_lists_all_of_them(metrics: Metrics) -> None:
    told = re.findall(r"^\| `(arb_\w+)` \| (\w+) \| (.*) \|$", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)

    assert told == [(told_as(metric), metric.type, metric.documentation) for metric in listed(metrics)]


def test_metrics__render__is_what_prometheus_reads(metrics: Metrics) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    families = {family.name for family in text_string_to_metric_families(metrics.render().decode())}

    assert {"arb_state", "arb_breaker_state", "arb_cache_hits", "arb_event_loop_lag_seconds"} <= families
    assert all(name.startswith("arb_") for name in families)


def test_grafana__uses_only_metrics_that_exist(metrics: Metrics) -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    names = {name for expression in asked for name in re.findall(r"\barb_\w+", expression)}
    exist = {told_as(metric) for metric in listed(metrics)}
    exist |= {
        f"{metric.name}_{part}"
        for metric in listed(metrics)
        if metric.type == "histogram"
        for part in ("bucket", "sum", "count")
    }

    assert len(names) > 30
    assert names <= exist
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
