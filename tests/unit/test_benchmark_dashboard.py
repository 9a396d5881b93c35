"""
The dashboard's benchmark measures real viewers, who get what the keeper's own objects did.
"""

from argparse import Namespace
from pathlib import Path

from benchmarks.dashboard import _figures, _measure, lines


async def test_dashboard__two_viewers__are_told_of_the_same_blocks(tmp_path: Path) -> None:
    options = Namespace(viewers=2, rounds=1, blocks=4, pools=150, interval=0.3, seed=4)

    taken = await _measure(options, tmp_path)

    assert {count: len(one.handled) for count, one in taken.items()} == {0: 2, 2: 2}
    assert all(seconds > 0 for one in taken.values() for seconds in (*one.handled, *one.processor, *one.told))
    assert taken[2].updates >= 2 * 4
    assert taken[2].left == 0
    assert taken[2].bytes > 100 * taken[2].updates
    assert _figures(taken[2], 2)["updates a viewer and second"] > 0


def test_dashboard__results__read_as_a_table() -> None:
    summary = {"median": 1.0, "p90": 2.0, "p99": 3.0}
    results = {
        "machine": {"processor": "P", "cores": 2, "load": 0.5, "python": "3.11"},
        "pools": 2_000,
        "interval_s": 0.25,
        "0 viewers": {"blocks": 9, "ms": {"late": summary}, "processor time a second": 0.1},
        "more with viewers, of the same block": {"late": summary},
    }

    text = "\n".join(lines(results))

    assert "2,000 pools, a block every 0.25 s" in text
    assert "0 viewers, 9 blocks that were decided on" in text
    assert "processor time a second: 0.100" in text
