"""
Pools that recorded logs create: whose factory says so decides, and what its log does not tell is not guessed.
"""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.__main__ import cli
from keeper.config import load_chain
from keeper.gas import GasPrices
from keeper.opportunity import Terms
from keeper.replay.replay import Plans, Replay

FACTS = load_chain("arbitrum")
WETH, USDC = FACTS.token("WETH"), FACTS.token("USDC")
FACTORY = {dex.name: dex.factory for dex in FACTS.dexes}
NOBODY = "0x" + "ee" * 20
PAIR = "0x" + "ab" * 20

PAIR_CREATED = "PairCreated(address,address,address,uint256)"
SYNC = "Sync(uint112,uint112)"


def log(index: int, emitter: str, signature: str, topics: list[str], data: bytes) -> dict[str, Any]:
    return {
        "address": emitter,
        "topics": ["0x" + keccak(text=signature).hex(), *("0x" + topic[2:].rjust(64, "0") for topic in topics)],
        "data": "0x" + data.hex(),
        "blockNumber": "0x1",
        "blockHash": "0x" + "11" * 32,
        "logIndex": hex(index),
    }


def replayed(factory: str) -> Replay:
    replay = Replay(FACTS, [], Plans(Terms((WETH,), WETH, 3, ("none",), 1), GasPrices(10**7, 0, 0, 1)))
    replay.run(
        [
            log(0, factory, PAIR_CREATED, [WETH, USDC], encode(["address", "uint256"], [PAIR, 1])),
            log(1, PAIR, SYNC, [], encode(["uint112", "uint112"], [10**20, 10**11])),
        ]
    )
    return replay


@pytest.mark.parametrize(
    ("factory", "dex"), [(FACTORY["uniswap_v2"], "uniswap_v2"), (FACTORY["sushi_v2"], "sushi_v2"), (NOBODY, NOBODY)]
)
def test_replay__pair_of_uniswaps_kind__is_admitted(factory: str, dex: str) -> None:
    report = replayed(factory).report()

    assert report["pools"][PAIR]["final_state"]["dex"] == dex
    assert report["pools"][PAIR]["final_state"]["fee_pips"] == "3000"
    assert (report["applied"], report["ignored"]) == (2, 0)


@pytest.mark.parametrize("dex", ["camelot_v2", "uniswap_v3"])
def test_replay__pair_of_another_kind_under_the_same_topic__is_not(
    dex: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report = replayed(FACTORY[dex]).report()

    assert report["pools"] == {}
    assert (report["applied"], report["ignored"]) == (0, 2)
    assert "pool_not_admitted" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--gas-price-wei", "--l1-wei-per-unit"])
@pytest.mark.parametrize("price", ["-1", str(10**20)])
def test_replay__price_beyond_reason__is_refused(tmp_path: Path, option: str, price: str) -> None:
    files = [argument for name in ("snapshot", "logs", "report") for argument in (f"--{name}", str(tmp_path / name))]

    result = CliRunner().invoke(cli, ["replay", *files, option, price])

    assert (result.exit_code, "is not in the range" in result.output) == (2, True)
