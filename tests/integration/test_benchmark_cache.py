"""
The cache's benchmark on a small world: what it must show there it shows on the large one.
"""

from typing import Any

import pytest

from benchmarks._world import Scale
from benchmarks.cache import measure

POLICIES = ("none", "ttl", "invalidate", "apply")


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, Any]]:
    return measure(Scale(pools_v3=40, pools_v2=20, tokens=12, blocks=400, actions_per_block=3.0, seed=4))


def test_stream__of_real_bytecode__is_what_anvil_mines(figures: dict[str, dict[str, Any]]) -> None:
    assert figures["scale"]["blocks equal to anvil's"] == 40
    assert figures["scale"]["logs"] > 3_000


def test_cold_start__finds_and_reads_every_pool_in_few_requests(figures: dict[str, dict[str, Any]]) -> None:
    cold = figures["cold start"]

    assert (cold["unread"], cold["not found"]) == (0, 0)
    assert cold["pools"] == 60 + 39
    assert cold["requests"] <= 10


def test_apply__asks_next_to_nothing_and_is_never_wrong(figures: dict[str, dict[str, Any]]) -> None:
    apply = figures["apply"]

    assert apply["requests per block"] <= 2
    assert apply["fewer pool reads than none"] >= 0.99
    assert apply["hit rate"] >= 0.995
    assert (apply["stale reads"], apply["worst error"]) == (0, 0)


def test_other_policies__cost_more_or_are_wrong(figures: dict[str, dict[str, Any]]) -> None:
    assert all(figures[policy]["pool reads per block"] > 0.1 for policy in ("none", "ttl", "invalidate"))
    assert all(figures[policy]["stale reads"] == 0 for policy in ("none", "invalidate"))
    assert figures["ttl"]["stale reads"] > 0
    assert figures["ttl"]["worst error"] > 0.001
    assert all(figures[policy]["of quotes"] == figures["apply"]["of quotes"] > 1_000 for policy in POLICIES)
