"""
The kernels as compiled code, as plain Python, and where their cache cannot be written.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_FIND = """
import json, sys
if {blocked}:
    sys.modules["numba"] = None
from tests.random_markets import random_market
from keeper.routes.graph import Graph
from keeper.routes.kernels import compile_kernels
from keeper.routes.search import search
from keeper.routes.sizing import size

assert compile_kernels() is not {blocked}
told = []
for seed, kinds in ((1, "23"), (4, "23"), (18, "23"), (5, "23cws"), (7, "3cws")):
    tokens, pools = random_market(seed, kinds)
    graph, by_address = Graph(), {{pool.address: pool for pool in pools}}
    for pool in pools:
        graph.update(pool)
    changed = [pool.address for pool in pools[:3]]
    found = search(graph, changed, dict.fromkeys(tokens[:2], 1.0), max_hops=4)
    cycles = list(found.cycles)
    sized = [size(c.edges, [by_address[a] for a in c.pools], c.optimum) for c in cycles[:10]]
    told.append([found.searched, found.rings, repr(cycles), [s and s.amounts for s in sized]])
print(json.dumps(told))
"""


#: A distribution in the environment has a package of that name too.
_TESTS = "import sys, types; t = types.ModuleType('tests'); t.__path__ = ['tests']; sys.modules['tests'] = t\n"


def run(code: str, **environment: str) -> str:
    """What another interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _TESTS + code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_kernels__without_numba__tell_the_same_to_the_last_bit() -> None:
    plain, compiled = (json.loads(run(_FIND.format(blocked=blocked))) for blocked in (True, False))

    assert plain == compiled
    assert all(searched > 0 for searched, *_ in plain)


def test_kernels__imported__do_not_load_numba() -> None:
    loaded = run("import keeper.routes.search, keeper.routes.sizing; print('numba' in sys.modules)")

    assert loaded.strip() == "False"


def test_cache_folder__place_that_cannot_be_written__is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code = "from keeper.routes.kernels import _cache_folder; print(_cache_folder())"

    chosen = run(code, NUMBA_CACHE_DIR=str(tmp_path / "file" / "folder"))
    given = run(code, NUMBA_CACHE_DIR=str(tmp_path / "cache"))

    assert str(tmp_path) not in chosen
    assert str(tmp_path / "cache") in given


@pytest.mark.parametrize("name", ["rings", "moebius", "climb", "stairs", "count"])
def test_cache_folder__any_kernel_changed__is_another(name: str, tmp_path: Path) -> None:
    code = f"""
from keeper.routes import kernels
from pathlib import Path
before, read = kernels._cache_folder(), Path.read_bytes
Path.read_bytes = lambda path: read(path) + (b"#" if path.name == "{name}.py" else b"")
print(before != kernels._cache_folder())
"""
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)).strip() == "True"


def test_warm__search_that_follows__compiles_nothing() -> None:
    code = """
from keeper.routes import kernels
from keeper.routes.warm import warm

def signatures():
    names = ("rings", "bounds", "cycles", "optimum", "stairs", "count", "smooth", "walk", "flows")
    modules = [getattr(kernels, name) for name in names]
    # what only other kernels call is compiled into them
    inner = {"size_one", "size_cycle", "climb", "value", "gain", "input_for", "most_of", "level_of", "enter_next"}
    inner |= {"mark", "search", "reach", "raise_ways", "extent", "bound", "follow", "follow_product"}
    named = {(m.__name__, name): kernel for m in modules for name, kernel in vars(m).items() if name[0] != "_"}
    return {n: list(k.signatures) for n, k in named.items() if hasattr(k, "signatures") and n[1] not in inner}

warm()
before = signatures()
"""
    after = "assert len(before) > 5 and all(before.values())\nassert signatures() == before"

    run(code + _FIND.format(blocked=False) + after)
