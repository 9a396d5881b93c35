"""
The executor on real bytecode: a localnet of its own, or a fork of Arbitrum One.

The localnet is started before Ape connects; Ape then takes it for the anvil that it would have started.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ape
import pytest

import localnet
from benchmarks._executor import hop_through, provided
from keeper.config import load_chain
from keeper.plan import DEXES, FlashPool, Funding, Guard, Hop, Plan, Route, encode, pool_address
from keeper.types import Address
from localnet import accounts as public_accounts
from localnet import addresses, genesis
from localnet.abi import Function, function
from scripts._deployment import Roles, deploy
from tests.executor_artifact import artifact

FACTS = load_chain("arbitrum")
VAULT = addresses.BALANCER_VAULT
FOREVER = 2**40 - 1

_BALANCE_OF = function("balanceOf(address)", ["uint256"])
_SLOT0 = function("slot0()", ["uint256"])
_RESERVES = function("getReserves()", ["uint256", "uint256"])
_SYNC = function("sync()")


def pytest_configure(config: pytest.Config) -> None:
    # Ape's provider leaves a socket open when it looks for a free port for its anvil.
    config.addinivalue_line("filterwarnings", "ignore:.*<socket.socket.*:pytest.PytestUnraisableExceptionWarning")
    network = config.getoption("--network", None) or "arbitrum:local"
    if ":local" not in network or "APE_FOUNDRY_HOST" in os.environ:
        return
    net = localnet.start(sequencer=False, groups=provided())
    config.add_cleanup(net.stop)
    # Ape asks for a receipt at once.
    net.rpc("evm_setAutomine", True)
    os.environ["APE_FOUNDRY_HOST"] = net.url


@dataclass(frozen=True, slots=True)
class World:
    """
    The executor and who stands around it.
    """

    executor: Any
    roles: Roles
    record: Path
    owner: Any
    guardian: Any
    operator: Any
    stranger: Any
    trader: Any

    def execute(self, plan: Plan, sender: Any = None) -> Any:
        """
        Send the plan's calldata, as the keeper would.
        """
        return (sender or self.operator).transfer(self.executor.address, 0, data=encode(plan))

    def holdings(self) -> dict[tuple[str, str], int]:
        """
        Return what the executor and the treasury hold of every token.
        """
        holders = self.executor.address, self.roles.treasury
        return {(holder, symbol): balance(symbol, holder) for holder in holders for symbol in FACTS.profit_tokens}

    def cheapen(self, hop: Hop, sold: str, share: float) -> None:
        """
        Make a token cheaper in a hop's pool by about this share of its price, as if somebody had sold much of it.
        """
        token = FACTS.token(sold)
        if not DEXES[hop.dex].is_v3:
            deal(token, hop.pool, int(balance(sold, hop.pool) * (1 + share)))
            self.stranger.transfer(hop.pool, 0, data=_SYNC.calldata())
            return
        zero_for_one = token == min(hop.token_in, hop.token_out)
        factor = 1 - share / 2 if zero_for_one else 1 + share / 2
        deal(token, self.trader.address, 10**30)
        self.trader.sell(hop.pool, zero_for_one, 10**30, int(price(hop.pool) * factor), sender=self.stranger)


@pytest.fixture(scope="session")
def world(accounts: Any, project: Any, tmp_path_factory: pytest.TempPathFactory) -> World:
    payer, owner, guardian, operator, stranger = (accounts[index] for index in range(5))
    roles = Roles(
        owner=owner.address,
        guardian=guardian.address,
        treasury=accounts[9].address,
        profit_tokens=tuple(FACTS.token(symbol) for symbol in FACTS.profit_tokens),
        operators=(operator.address,),
    ).checksummed()
    folder = tmp_path_factory.mktemp("deployment")
    record = folder / "deployment.json"
    path = deploy(ape.chain.provider.http_uri, public_accounts.public(0), roles, "local", record, artifact=artifact())
    trader = payer.deploy(project.V3TraderMock)
    executor = project.Executor.at(read_record(path)["executor"])
    return World(executor, roles, path, owner, guardian, operator, stranger, trader)


def read_record(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def hop(dex: str, sold: str, bought: str, fee_pips: int) -> Hop:
    token_in, token_out = FACTS.token(sold), FACTS.token(bought)
    pool = pool_address(dex, token_in, token_out, fee_pips)
    return Hop(dex, pool, token_in, token_out, fee_pips, zero_for_one=token_in < token_out)


def held_hop(name: str, sold: str, bought: str) -> Hop:
    """
    Return a hop through a pool that takes from the executor; skip the test where the chain has it not.
    """
    pools = genesis.build(provided()).layout
    try:
        pool = pools.pool(name)
    except StopIteration:
        pytest.skip(f"the localnet was built without {name}")
    if not exists(pool.address):
        pytest.skip(f"{name} is a pool of the localnet")
    return hop_through(pool, sold, bought)


def exists(address: str) -> bool:
    """
    Return whether code stands at the address.
    """
    return bool(ape.chain.provider.make_request("eth_getCode", [address, "latest"]) != "0x")


def plan(
    hops: Sequence[Hop],
    funding: Funding = Funding.NONE,
    amount_in: int = 10**17,
    min_profit: int = 1,
    guard: Guard | None = None,
    flash_pool: FlashPool | None = None,
) -> Plan:
    tokens = tuple(FACTS.token(symbol) for symbol in FACTS.profit_tokens)
    route = Route(tuple(hops), funding, amount_in, min_profit, guard, flash_pool=flash_pool)
    return Plan((route,), FOREVER, tokens)


def ask(target: str, view: Function, *arguments: Any) -> Any:
    call = {"to": target, "data": "0x" + view.calldata(*arguments).hex()}
    return view.decode(bytes.fromhex(ape.chain.provider.make_request("eth_call", [call, "latest"])[2:]))


def balance(symbol: str, holder: str) -> int:
    return int(ask(FACTS.token(symbol), _BALANCE_OF, holder))


def price(pool: Address) -> int:
    return int(ask(pool, _SLOT0))


def reserves(pool: Address) -> tuple[int, int]:
    reserve0, reserve1 = ask(pool, _RESERVES)
    return reserve0, reserve1


def deal(token: Address, to: str, amount: int) -> None:
    ape.chain.provider.make_request("anvil_dealERC20", [to, token, hex(amount)])
