"""
What ``find`` and ``quote`` show is what the contracts pay, to the wei.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
from click.testing import CliRunner, Result

import localnet
from keeper.__main__ import cli
from keeper.backtest.evm import Paid, executed
from keeper.chain.rpc import Rpc
from keeper.commands.outlook import look_out
from keeper.config import load_settings
from keeper.opportunity import Opportunity, Scene, look
from keeper.plan import Plan, encode
from keeper.planning import plan_route
from keeper.preflight import Deployment
from localnet import Localnet, TraderSettings
from tests.keeper_process import KeeperProcess, prepared

FOREVER = 2**40 - 1


@dataclass(frozen=True, slots=True)
class Still:
    """
    A chain on which traders have left price differences, and which stands still.
    """

    net: Localnet
    keeper: KeeperProcess

    def run(self, command: str, *arguments: str) -> Result:
        options = ("--rpc-url", self.net.url, "--state-dir", str(self.keeper.state_dir))
        return CliRunner().invoke(cli, [command, *arguments, *options])

    def told(self, command: str, *arguments: str) -> dict[str, Any]:
        result = self.run(command, *arguments, "--json")
        assert result.exit_code == 0, result.output
        told: dict[str, Any] = json.loads(result.output)
        return told

    def found(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.told("find", "--min-profit-wei", "1")["opportunities"]
        assert found
        return found

    def quoted(self, row: dict[str, Any], amount: str = "") -> dict[str, Any]:
        pools = [f"{hop['pool']}:{hop['token_out']}" for hop in row["hops"]]
        return self.told("quote", row["token"], amount or row["amount_in_shown"], *pools)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Still]:
    with localnet.start(sequencer=False, traders=TraderSettings(seed=5)) as net:
        net.rpc("evm_setAutomine", True)
        keeper = prepared(net, tmp_path_factory.mktemp("find"))
        net.rpc("evm_setAutomine", False)
        assert net.traders is not None
        for _ in range(40):
            net.traders.step()
            net.mine()
        yield Still(net, keeper)


def test_find__every_opportunity_on_the_evm__pays_what_is_shown(still: Still) -> None:
    rows = still.found()

    opportunities, paid = asyncio.run(looked_at_and_executed(still))

    assert paid == [Paid.EXACT] * len(rows)
    assert [row["gain"] for row in rows] == [str(one.gain) for one in opportunities]
    assert [int(row["net_wei"]) for row in rows] == sorted((one.profit_wei for one in opportunities), reverse=True)


async def looked_at_and_executed(still: Still) -> tuple[list[Opportunity], list[Paid]]:
    """The same opportunities as the command's own look gives them, and what the EVM pays for each."""
    deployment = Deployment.load(still.keeper.state_dir / "deployment.json")
    settings = load_settings(rpc_url=still.net.url, state_dir=still.keeper.state_dir, min_profit_wei=1)
    async with look_out(settings) as outlook, Rpc(still.net.url) as rpc:
        scan = look(outlook.scene, [pool.address for pool in outlook.scene.market])
        opportunities = list(islice(scan, 20))
        findings = [
            {
                "block_number": outlook.block.number,
                "block_hash": outlook.block.hash,
                "calldata": program(one, outlook.scene, deployment, one.gain),
                "dearer": program(one, outlook.scene, deployment, one.gain + 1),
            }
            for one in opportunities
        ]
        return opportunities, await executed(rpc, findings, deployment.executor)


def program(one: Opportunity, scene: Scene, deployment: Deployment, min_gain: int) -> str:
    first = scene.market.pool(one.pools[0])
    route = plan_route(one, first, scene.market.infos, one.funding, min_gain)
    return "0x" + encode(Plan((route,), FOREVER, deployment.profit_tokens)).hex()


def test_quote__route_that_was_found__says_the_same_and_that_no_amount_is_better(still: Still) -> None:
    row = still.found()[0]

    told = still.quoted(row)

    assert [hop["amount_in"] for hop in told["hops"]] == [hop["amount_in"] for hop in row["hops"]]
    chosen = told["asked"]["fundings"][0]
    assert (chosen["lender"], chosen["gain"], chosen["net_wei"]) == (row["lender"], row["gain"], row["net_wei"])
    assert int(told["best"]["gain"]) <= int(told["asked"]["gain"]) * 1.000_001 + 1


def test_quote__other_amount__gains_less_than_the_best(still: Still) -> None:
    row = still.found()[0]
    decimals = 18 if row["token"] in ("WETH", "DAI", "ARB") else 8 if row["token"] == "WBTC" else 6

    told = still.quoted(row, f"{int(row['amount_in']) * 2 / 10**decimals:.6f}")

    assert int(told["asked"]["gain"]) < int(told["best"]["gain"])
    assert [int(one["net_wei"]) for one in told["best"]["fundings"]] == sorted(
        (int(one["net_wei"]) for one in told["best"]["fundings"]), reverse=True
    )


def test_quote__one_pool__is_no_cycle_and_has_no_funding(still: Still) -> None:
    hop = still.found()[0]["hops"][0]

    told = still.told("quote", hop["token_in"], "0.01", f"{hop['pool']}:{hop['token_out']}")

    assert len(told["hops"]) == 1
    assert int(told["hops"][0]["amount_out"]) > 0
    assert "asked" not in told


def test_commands__without_json__are_for_people(still: Still) -> None:
    row = still.found()[0]
    table = still.run("find", "--min-profit-wei", "1").output
    words = still.run(
        "quote", row["token"], "0.01", *(f"{hop['pool']}:{hop['token_out']}" for hop in row["hops"])
    ).output

    assert row["amount_in_shown"] in table
    assert f"1. {row['hops'][0]['dex']} {row['hops'][0]['pool']}: 0.01 {row['token']} gives" in words
    assert "the best amount" in words
    assert " * funding " in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("PEPE", "1", "0x" + "12" * 20), "token 'PEPE' is unknown"),
        (("WETH", "1", "0x12"), "is not an address"),
        (("WETH", "1", "0x" + "12" * 20), "is not a pool that is followed"),
        (("WETH", "none", "{pool}"), "is not an amount"),
        (("WETH", "0", "{pool}"), "is not an amount"),
        (("USDC", "0.0000001", "{pool}"), "is not an amount"),
        (("USDC", f"1{'0' * 30}.0000001", "{pool}"), "is not an amount"),
        (("WETH", "1e400000000", "{pool}"), "is not an amount"),
        (("WETH", "1e60", "{pool}"), "is not an amount"),
        (("LINK", "1", "{pool}"), "does not trade LINK"),
    ],
)
def test_quote__bad_argument__is_one_sentence(still: Still, arguments: tuple[str, ...], words: str) -> None:
    pool = next(pool.address for pool in still.net.layout.pools if {*pool.tokens} == {"WETH", "USDC"})
    result = still.run("quote", *(argument.format(pool=pool) for argument in arguments))

    assert result.exit_code == 1
    assert words in result.output
    assert "Traceback" not in result.output


def test_find__node_out_of_reach__is_one_sentence(still: Still) -> None:
    result = CliRunner().invoke(cli, ["find", "--rpc-url", "http://127.0.0.1:9/s3cret"])

    assert result.exit_code == 1
    assert "out of reach" in result.output
    assert "s3cret" not in result.output
