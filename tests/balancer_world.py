"""
Balancer V2's Vault and factories in an EVM inside the test's process.
"""

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from vyper.compiler import compile_code

from keeper.events.balancer_v2 import VAULT
from keeper.types import ZERO_ADDRESS, Address, Hash
from localnet import artifacts
from localnet.abi import Abi
from tests.evm import Chain

_GIVEN_IN, _GIVEN_OUT = 0, 1
_INIT = 0
_ALL_SHARES = 2**112 - 1
_FOREVER = 2**64
_POOL_CREATED = "0x" + keccak(text="PoolCreated(address)").hex()

#: Everybody may spend everything: only what the Vault counts matters.
_TOKEN = """
decimals: public(uint8)
getRate: public(uint256)

@deploy
def __init__(decimals: uint8):
    self.decimals = decimals
    self.getRate = 10**18

@external
def set_rate(rate: uint256):
    self.getRate = rate

@external
def transfer(to: address, amount: uint256) -> bool:
    return True

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    return True
"""


class Balancer:
    """
    The protocol with the chain's one account as its owner.
    """

    def __init__(self) -> None:
        artifacts.fetch()
        self.chain = Chain()
        self.authorizer = self._deployed("Authorizer", ["address"], self.chain.account)
        self._place(VAULT, "Vault", [self.authorizer, ZERO_ADDRESS, 90 * 86_400, 30 * 86_400])
        self.percentages = self._deployed(
            "ProtocolFeePercentagesProvider", ["address", "uint256", "uint256"], VAULT, 5 * 10**17, 5 * 10**17
        )

    def factory(self, name: str) -> Address:
        """Deploy a factory of pools."""
        types = ["address", "address", "string", "string"]
        return self._deployed(name, types, VAULT, self.percentages, "factory", "pool")

    def token(self, decimals: int) -> Address:
        """Deploy a token, which is its own rate provider."""
        return self.chain.deploy(_token_code() + encode(["uint8"], [decimals]))

    def created(self, factory: str, name: str, *arguments: Any) -> tuple[Address, Hash]:
        """Have a pool made and return its address and id."""
        self.send(factory, name, "create", *arguments)
        (created,) = (log["topics"][1] for log in self.chain.logs() if log["topics"][0] == _POOL_CREATED)
        pool = Address("0x" + created[-40:])
        return pool, Hash("0x" + self.chain.call(pool, "getPoolId()", returns=["bytes32"]).hex())

    def join(self, pool_id: Hash, amounts: dict[Address, int]) -> None:
        """Make the first deposit; of a pool's own shares, which it may hold itself, all."""
        held, _, _ = self.send(VAULT, "Vault", "getPoolTokens", _bytes(pool_id))
        deposits = [amounts.get(token, _ALL_SHARES) for token in held]
        data = encode(["uint256", "uint256[]"], [_INIT, deposits])
        self.join_with(pool_id, held, data)

    def join_with(self, pool_id: Hash, tokens: Sequence[Address], data: bytes) -> None:
        request = (tokens, [2**255] * len(tokens), data, False)
        self.send(VAULT, "Vault", "joinPool", _bytes(pool_id), self.chain.account, self.chain.account, request)

    def exit_with(self, pool_id: Hash, tokens: Sequence[Address], data: bytes) -> None:
        request = (tokens, [0] * len(tokens), data, False)
        self.send(VAULT, "Vault", "exitPool", _bytes(pool_id), self.chain.account, self.chain.account, request)

    def swap(self, pool_id: Hash, exact_in: bool, token_in: Address, token_out: Address, amount: int) -> int:
        """Swap and return the amount that was not given."""
        kind, limit = (_GIVEN_IN, 0) if exact_in else (_GIVEN_OUT, 2**255)
        single = (_bytes(pool_id), kind, token_in, token_out, amount, b"")
        result: int = self.send(VAULT, "Vault", "swap", single, self._funds, limit, _FOREVER)
        return result

    def send(self, to: Address | str, artifact: str, name: str, *arguments: Any) -> Any:
        """Call a function and keep what it does."""
        function = _abi(artifact).find(name, len(arguments))
        return function.decode(self.chain.raw_call(to, function.calldata(*arguments)))

    def grant(self, pool: Address, signature: str) -> None:
        """Let the account call a guarded function of the pool."""
        selector = keccak(text=signature)[:4]
        action = self.chain.call(pool, "getActionId(bytes4)", selector, returns=["bytes32"])
        self.chain.call(self.authorizer, "grantRole(bytes32,address)", action, self.chain.account)

    @property
    def _funds(self) -> tuple[str, bool, str, bool]:
        return self.chain.account, False, self.chain.account, False

    def _deployed(self, name: str, types: Sequence[str], *arguments: Any) -> Address:
        return self.chain.deploy(artifacts.load(name).creation + encode(types, arguments))

    def _place(self, address: Address, name: str, arguments: Sequence[Any]) -> None:
        """Run a constructor at an address of choice."""
        creation = artifacts.load(name).creation
        self.chain.put(address, creation + encode(["address", "address", "uint256", "uint256"], arguments))
        self.chain.put(address, self.chain.raw_call(address, b""))


def random_amount(rng: random.Random, most: int) -> int:
    return rng.randrange(1, 2 << rng.randrange(max(most.bit_length(), 1)))


@cache
def _abi(artifact: str) -> Abi:
    return artifacts.load(artifact).abi


@cache
def _token_code() -> bytes:
    code: str = compile_code(_TOKEN, output_formats=["bytecode"])["bytecode"]
    return bytes.fromhex(code.removeprefix("0x"))


def _bytes(pool_id: Hash) -> bytes:
    return bytes.fromhex(pool_id[2:])
