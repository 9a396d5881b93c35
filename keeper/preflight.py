"""
Before anything is traded: is this the chain, are these the contracts, is this key allowed to use them.

Every refusal is one sentence that says what was found and what was expected.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from eth_utils.crypto import keccak

from keeper.abi import answer, call
from keeper.chain.answers import fields, octets, quantity, to_hash
from keeper.chain.rpc import Rpc
from keeper.config import ChainFacts
from keeper.errors import ChainError, ConfigError
from keeper.types import Address, Hash

_log = structlog.get_logger("keeper")


@dataclass(frozen=True, slots=True)
class Deployment:
    """
    Where the executor is and what it must be: the record that its deployment wrote.

    Attributes:
        profit_tokens: What a route may start from, in the executor's own order.
    """

    chain_id: int
    genesis_hash: Hash
    executor: Address
    code_hash: Hash
    treasury: Address
    profit_tokens: tuple[Address, ...]

    @classmethod
    def load(cls, path: Path) -> "Deployment":
        """
        Raises:
            ConfigError: There is no record, or it is not one.
        """
        try:
            record = json.loads(path.read_text())
            return cls(
                int(record["chain_id"]),
                Hash(record["genesis_hash"].lower()),
                Address(record["executor"].lower()),
                Hash(record["code_hash"].lower()),
                Address(record["treasury"].lower()),
                tuple(Address(token.lower()) for token in record["profit_tokens"]),
            )
        except OSError:
            raise ConfigError(f"no deployment record {path}: deploy the executor first (ape run deploy)") from None
        except (KeyError, ValueError, TypeError, AttributeError):
            raise ConfigError(f"{path} is not a deployment record: deploy again, or restore it") from None


async def read_genesis(rpc: Rpc, facts: ChainFacts) -> Hash:
    """
    Return the hash of block 0, which tells one instance of a chain from another.

    Raises:
        ConfigError: The node is of another chain.
    """
    chain_id = quantity(await rpc("eth_chainId"), "chain id")
    if chain_id != facts.chain_id:
        raise ConfigError(f"node {rpc.url} is of chain {chain_id}; {facts.name} is chain {facts.chain_id}")
    genesis = await rpc("eth_getBlockByNumber", "0x0", False)
    if genesis is None:
        raise ChainError(f"node {rpc.url} has no block 0")
    return to_hash(fields(genesis, "block 0").get("hash"), "hash of block 0")


async def check_facts(rpc: Rpc, facts: ChainFacts) -> None:
    """
    Raises:
        ConfigError: A contract that the keeper relies on is not there, or a token has other decimals.
    """
    contracts = {
        facts.multicall3: "multicall3",
        **{dex.factory: f"factory of {dex.name}" for dex in facts.dexes if dex.by_lookup},
    }
    await asyncio.gather(
        *(_check_code(rpc, Address(address), what) for address, what in contracts.items()),
        *(_check_decimals(rpc, facts, symbol) for symbol in facts.tokens),
        *(_tell_if_absent(rpc, Address(lender.address), "lender", lender.name) for lender in facts.lenders),
        *(
            _tell_if_absent(rpc, Address(factory), "dex", dex.name)
            for dex in facts.dexes
            if not dex.by_lookup
            for factory in dex.all_factories
        ),
    )


async def check_executor(rpc: Rpc, deployment: Deployment, chain_id: int, genesis_hash: Hash) -> None:
    """
    Raises:
        ConfigError: The executor is not deployed on this chain, has other code, pays another treasury, or is paused.
    """
    executor = deployment.executor
    if (deployment.chain_id, deployment.genesis_hash) != (chain_id, genesis_hash):
        raise ConfigError("the deployment record is of another chain: deploy the executor here (ape run deploy)")
    code = octets(await rpc("eth_getCode", executor, "latest"), "code of the executor")
    if not code:
        raise ConfigError(f"executor {executor} is not deployed on this chain: ape run deploy")
    if (found := "0x" + keccak(code).hex()) != deployment.code_hash:
        raise ConfigError(f"executor {executor} has code hash {found}, its record says {deployment.code_hash}")
    if await _ask(rpc, executor, "TREASURY()", "address") != deployment.treasury:
        raise ConfigError(f"executor {executor} pays another treasury than {deployment.treasury}")
    if await _ask(rpc, executor, "paused()", "bool"):
        raise ConfigError(f"executor {executor} is paused; its owner can unpause it")


async def check_operator(rpc: Rpc, executor: Address, operator: Address) -> None:
    """
    Raises:
        ConfigError: The key may not use the executor, or has nothing to pay gas with.
    """
    if operator not in await _ask(rpc, executor, "operators()", "address[]"):
        raise ConfigError(f"{operator} is not an operator of executor {executor}; its owner can add it")
    if quantity(await rpc("eth_getBalance", operator, "latest"), "balance of the operator") == 0:
        raise ConfigError(f"operator {operator} has no ETH to pay gas with")


def check_profit_tokens(deployment: Deployment, facts: ChainFacts, tokens: Iterable[Address]) -> None:
    """
    Raises:
        ConfigError: The executor does not take profit in one of them.
    """
    for token in tokens:
        if token not in deployment.profit_tokens:
            symbol = facts.token_by_address[token].symbol
            raise ConfigError(
                f"executor {deployment.executor} does not take profit in {symbol}: leave it out of profit_tokens"
            )


async def _check_code(rpc: Rpc, address: Address, what: str) -> None:
    if await rpc("eth_getCode", address, "latest") == "0x":
        raise ConfigError(f"{what} {address} has no code on this chain")


async def _tell_if_absent(rpc: Rpc, address: Address, what: str, name: str) -> None:
    """
    A lender that is not there lends nothing, a DEX has no pools, and neither harms anybody: the localnet has some of
    them only when asked.
    """
    if await rpc("eth_getCode", address, "latest") == "0x":
        _log.info(f"{what}_absent", name=name, address=address)


async def _check_decimals(rpc: Rpc, facts: ChainFacts, symbol: str) -> None:
    token = facts.tokens[symbol]
    await _check_code(rpc, Address(token.address), f"token {symbol}")
    decimals = await _ask(rpc, Address(token.address), "decimals()", "uint8")
    if decimals != token.decimals:
        raise ConfigError(f"token {symbol} {token.address} has {decimals} decimals, {token.decimals} were expected")


async def _ask(rpc: Rpc, target: Address, signature: str, kind: str) -> Any:
    asked = call(target, signature)
    result = await rpc("eth_call", {"to": target, "data": "0x" + asked.data.hex()}, "latest")
    return answer(kind, octets(result, f"answer of {target}"), f"{target} {signature}")
