"""
The market on disk: what is read is what was written, or nothing.
"""

from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from keeper.errors import ConfigError
from keeper.market import Memory
from keeper.pools import FAMILIES
from keeper.pools.pool import Pool
from keeper.snapshot import Poor, SnapshotFile, snapshot_pools
from keeper.types import ZERO_ADDRESS, Address, Block, Hash

BOUND_TO = {"chain_id": 42_161, "genesis_hash": "0x" + "99" * 32, "executor": "0x" + "ee" * 20}
TOKENS = ["0x" + "01" * 20, "0x" + "02" * 20]
HEAD = Block(7, Hash("0x" + "77" * 32), Hash("0x" + "66" * 32), 0, 0)
PARENT = Block(6, HEAD.parent_hash, Hash(""), 0, 0)

numbers = st.integers(1, 2**112 - 1).map(str)
pairs = st.lists(numbers, min_size=2, max_size=2)
small = st.integers(0, 10**9).map(str)


def ticks() -> st.SearchStrategy[dict[str, list[str]]]:
    """Liquidity at ticks; a gross is at least the magnitude of its net."""
    entry = st.tuples(st.integers(1, 2**100), st.integers(-1000, 1000)).map(lambda it: [str(it[0] + 1000), str(it[1])])
    return st.dictionaries(st.integers(-80_000, 80_000).map(str), entry, max_size=4)


def known() -> st.SearchStrategy[list[str]]:
    return st.one_of(
        st.just(["-887272", "887272"]),
        st.tuples(st.integers(-887_272, -80_001), st.integers(80_001, 887_272)).map(lambda it: [str(k) for k in it]),
    )


def of_family(family: str, **state: Any) -> st.SearchStrategy[Pool]:
    fixed: dict[str, Any] = {"family": family, "dex": "some_dex", "address": "0x" + "aa" * 20, "tokens": TOKENS}
    if family == "uniswap_v4":
        kind = ["address", "address", "uint24", "int24", "address"]
        name = "0x" + keccak(encode(kind, [*TOKENS, 500, 10, ZERO_ADDRESS])).hex()
        fixed |= {"address": name[:42], "pool_id": name, "manager": "0x" + "44" * 20}
    if family.startswith("uniswap_v") and family != "uniswap_v2":
        fixed |= {"tick_spacing": "10", "fee_pips": "500"}
    if family in ("balancer_weighted", "balancer_stable"):
        fixed["pool_id"] = "0x" + "aa" * 20 + "00" * 12
    return st.fixed_dictionaries(state).map(lambda drawn: FAMILIES[family].from_snapshot(fixed | drawn))


CONCENTRATED = {
    "tick": st.integers(-80_000, 80_000).map(str),
    "liquidity": numbers,
    "ticks": ticks(),
    "known_ticks": known(),
}
VAULT = {
    "balances": pairs,
    "scaling_factors": pairs,
    "rates": pairs,
    "rates_move": st.booleans(),
    "swap_fee": small,
    "aggregate_swap_fee": small,
}
CURVE = {"balances": pairs, "rates": pairs, "a": numbers, "fee": small, "admin_fee": small}
AMP = st.integers(10_000, 10**8).map(str)

POOLS: dict[str, st.SearchStrategy[Pool]] = {
    "uniswap_v2": of_family("uniswap_v2", reserves=pairs, fee_pips=small),
    "uniswap_v3": of_family("uniswap_v3", sqrt_price_x96=numbers, **CONCENTRATED),
    "uniswap_v4": of_family("uniswap_v4", sqrt_price_x96=numbers, protocol_fee=small, **CONCENTRATED),
    "camelot_v2": of_family(
        "camelot_v2",
        reserves=pairs,
        fee_percents=pairs,
        precision_multipliers=pairs,
        stable_swap=st.booleans(),
        owner_fee_share=small,
    ),
    "camelot_v3": of_family("camelot_v3", price=numbers, fee_zto=small, fee_otz=small, **CONCENTRATED),
    "curve_stableswap": of_family("curve_stableswap", **CURVE),
    "curve_stableswap_ng": of_family("curve_stableswap_ng", offpeg_fee_multiplier=small, **CURVE),
    "curve_cryptoswap": of_family(
        "curve_cryptoswap",
        balances=pairs,
        precisions=pairs,
        price_scale=numbers.map(lambda price: [price]),
        a=numbers,
        gamma=numbers,
        d=numbers,
        mid_fee=small,
        out_fee=small,
        fee_gamma=numbers,
        generation=st.just("ng"),
    ),
    "balancer_weighted": of_family(
        "balancer_weighted",
        balances=pairs,
        weights=pairs,
        scaling_factors=pairs,
        swap_fee=small,
        pow_shortcuts=st.booleans(),
    ),
    "balancer_stable": of_family(
        "balancer_stable",
        balances=pairs,
        scaling_factors=pairs,
        amp=AMP,
        swap_fee=small,
        rounds_invariant_up=st.booleans(),
    ),
    "balancer_v3_weighted": of_family("balancer_v3_weighted", weights=pairs, **VAULT),
    "balancer_v3_stable": of_family("balancer_v3_stable", amp=AMP, **VAULT),
}


def test_families__every_one__has_a_strategy() -> None:
    assert POOLS.keys() == FAMILIES.keys()


@pytest.mark.parametrize("family", sorted(POOLS))
def test_file__pools_of_a_family__come_back_as_they_were(family: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = SnapshotFile(tmp_path_factory.mktemp("state") / "market.jsonl", BOUND_TO)

    @settings(max_examples=20, deadline=None, database=None)
    @given(POOLS[family])
    def comes_back(pool: Pool) -> None:
        assert file.save(memory(pool), Poor(), now=1.0)
        loaded = file.load(now=1.0)
        assert loaded is not None
        (again,) = loaded[0].pools
        assert again == pool
        assert again.info == pool.info
        assert again.snapshot() == pool.snapshot()  # what is known of the ticks is no part of equality

    comes_back()


def pair(number: int) -> Pool:
    row = {"family": "uniswap_v2", "dex": "sushi_v2", "address": f"0x{number:040x}", "tokens": TOKENS}
    return FAMILIES["uniswap_v2"].from_snapshot(row | {"fee_pips": "3000", "reserves": [str(number), "5"]})


def memory(*pools: Pool, ages: dict[Address, float] | None = None) -> Memory:
    return Memory(pools, ages or {}, [(HEAD, frozenset({pair(2).address})), (PARENT, frozenset())])


@pytest.fixture
def file(tmp_path: Path) -> SnapshotFile:
    file = SnapshotFile(tmp_path / "market.jsonl", BOUND_TO)
    assert file.save(
        memory(pair(1), pair(2), ages={pair(1).address: 3.0}), Poor(frozenset({Address("0xdd")}), 5, 9.0), 10.0
    )
    return file


def refusal(file: SnapshotFile, now: float = 10.0) -> str | None:
    """Why the file is not used, None if it is; there is one line of log, or none."""
    with capture_logs() as lines:
        loaded = file.load(now)
    assert (loaded is None) == (len(lines) == 1)
    return lines[0]["reason"] if lines else None


def test_file__whole__is_what_was_saved(file: SnapshotFile) -> None:
    loaded = file.load(now=14.0)

    assert loaded is not None
    kept, poor = loaded
    assert kept.pools == (pair(1), pair(2))
    assert [(block.number, block.hash, moved) for block, moved in kept.steps] == [
        (7, HEAD.hash, frozenset({pair(2).address})),
        (6, PARENT.hash, frozenset()),
    ]
    assert kept.ages == {pair(1).address: 7.0}
    assert poor == Poor(frozenset({Address("0xdd")}), 5, 9.0)


def test_file__there_is_none__is_no_refusal(tmp_path: Path) -> None:
    with capture_logs() as lines:
        assert SnapshotFile(tmp_path / "none", BOUND_TO).load(0.0) is None
    assert lines == []


def test_file__any_byte_is_another__is_refused(file: SnapshotFile, tmp_path: Path) -> None:
    path = tmp_path / "market.jsonl"
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        assert refusal(file) is not None, f"byte {at}"


def test_file__cut_off_anywhere__is_refused(file: SnapshotFile, tmp_path: Path) -> None:
    path = tmp_path / "market.jsonl"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert refusal(file) is not None, f"{length} bytes"
    path.write_bytes(whole + b"\n")
    assert refusal(file) is not None
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:1], *lines[2:]]))
    assert refusal(file) == "it is damaged or incomplete"


@pytest.mark.parametrize("key", sorted(BOUND_TO))
def test_file__of_another_chain_or_deployment__is_refused(file: SnapshotFile, tmp_path: Path, key: str) -> None:
    other = SnapshotFile(tmp_path / "market.jsonl", BOUND_TO | {key: 0})

    assert f"it is of another {key}" in (refusal(other) or "")


def test_file__of_a_later_format__is_refused(
    file: SnapshotFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.snapshot.VERSION", 2)
    assert file.save(memory(pair(1)), Poor(), 10.0)
    monkeypatch.undo()

    assert refusal(file) == "it is of format 2, and format 1 is known"


def test_file__clock_went_back__ages_are_not_believed(file: SnapshotFile) -> None:
    loaded = file.load(now=9.5)

    assert loaded is not None
    assert loaded[0].ages == {pair(1).address: float("inf")}


def test_file__judged_long_ago__is_judged_again(file: SnapshotFile) -> None:
    loaded = file.load(now=10.0 + 86_400)

    assert loaded is not None
    assert loaded[1].pools == frozenset()


def test_file__cannot_be_written__is_told_and_nothing_else(tmp_path: Path) -> None:
    with capture_logs() as lines:
        assert not SnapshotFile(tmp_path / "missing" / "market.jsonl", BOUND_TO).save(memory(pair(1)), Poor(), 0.0)

    assert [line["event"] for line in lines] == ["snapshot_not_written"]


def test_file__killed_while_writing__leaves_the_old_one(
    file: SnapshotFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (tmp_path / "market.jsonl").read_bytes()

    def killed(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("keeper.files.os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        file.save(memory(pair(3)), Poor(), 20.0)

    assert (tmp_path / "market.jsonl").read_bytes() == before


def test_snapshot_pools__keepers_own_file__is_one_to_replay(file: SnapshotFile, tmp_path: Path) -> None:
    assert snapshot_pools((tmp_path / "market.jsonl").read_text().splitlines()) == [pair(1), pair(2)]


def test_snapshot_pools__line_of_something_else__is_refused() -> None:
    with pytest.raises(ConfigError, match="line 1 of the snapshot"):
        snapshot_pools(["{}"])
