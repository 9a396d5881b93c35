"""
The kernels of the convex bound as compiled code and as plain Python.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

#: A distribution in the environment has a package named tests too.
_SOLVE = """
import json, random, sys, types
import numpy as np
tests = types.ModuleType("tests")
tests.__path__ = ["tests"]
sys.modules["tests"] = tests
if {blocked}:
    sys.modules["numba"] = None
from keeper.convex import dual
from keeper.convex.bound import bound
from keeper.convex.kernels import compile_kernels, flows, springs
from keeper.routes.graph import Graph
from tests.random_markets import random_market

assert compile_kernels() is not {blocked}
assert hasattr(flows.evaluate, "signatures") is not {blocked}
told = []
for seed, kinds in ((1, "23"), (4, "34"), (2, "23cws"), (5, "23cws"), (6, "cws"), (12, "3cws")):
    tokens, pools = random_market(seed, kinds)
    graph = Graph()
    for pool in pools:
        graph.update(pool)
    values = dict.fromkeys(tokens[:2], 1.0)
    found = bound(graph, pools, values)
    problem, rng = found.problem, random.Random(seed)
    price = np.array([max(rng.gauss(0, 0.01), floor) for floor in problem.floor.tolist()])
    at = {{}}
    for blur in (0.0, 1e6, 1e14):
        flow = dual.empty_flow(problem)
        value = flows.evaluate(problem.edges, problem.baskets, price, blur, flow)
        at[blur] = [[float(x) for x in value], *(array.tolist() for array in flow)]
    step, free = np.zeros(price.size), price > problem.floor
    springs.solve(problem.elimination, flow.spring, 0.3, flow.slope, free, step)
    plan = found.plan({{pool.address: pool for pool in pools}}, values)
    told.append({{
        "elimination": [array.tolist() for array in problem.elimination],
        "unit": problem.unit.tolist(),
        "at": at,
        "step": step.tolist(),
        "converged": bool(found.solution.converged),
        "bound": found.wei,
        "plan": plan.worth_wei,
    }})
print(json.dumps(told))
"""


def solved(blocked: bool) -> list[dict[str, Any]]:
    """What another interpreter tells of some markets, with or without numba."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _SOLVE.format(blocked=blocked)],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def assert_close(one: list[float], other: list[float]) -> None:
    """Compiled code has logarithms of its own, which may differ in the last bit."""
    most = max(map(abs, one), default=0.0)
    np.testing.assert_allclose(other, one, rtol=1e-8, atol=1e-10 * most)


def test_convex_kernels__without_numba__tell_the_same() -> None:
    plain, compiled = solved(blocked=True), solved(blocked=False)

    assert len(plain) == len(compiled) == 6
    for one, other in zip(plain, compiled, strict=True):
        assert one["elimination"] == other["elimination"]
        assert_close(one["unit"], other["unit"])
        assert_close(one["step"], other["step"])
        for blur, arrays in one["at"].items():
            for array, same in zip(arrays, other["at"][blur], strict=True):
                assert_close(array, same)
    # A search that ends elsewhere in the last bits ends within its tolerance.
    ended = [
        (one, other) for one, other in zip(plain, compiled, strict=True) if one["converged"] and other["converged"]
    ]
    assert len(ended) >= 4
    for one, other in ended:
        assert one["bound"] == pytest.approx(other["bound"], rel=1e-3, abs=1e9)
        assert one["plan"] == pytest.approx(other["plan"], rel=1e-2, abs=1e9)
