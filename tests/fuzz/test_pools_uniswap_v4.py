"""
The model of Uniswap V4's pools without hooks against the bytecode of PoolManager and quoter, on random states, to the
wei.
"""

import random
from collections import Counter

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from keeper.errors import SwapReverts
from keeper.events import decode
from keeper.math.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO, get_sqrt_ratio_at_tick
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v4 import UniswapV4Pool
from keeper.types import ZERO_ADDRESS, Address, Hash
from localnet import artifacts
from tests.evm import Chain, Reverted

_KEY = ["address", "address", "uint24", "int24", "address"]
_NO_SALT = bytes(32)


class World:
    """
    A PoolManager, its quoter and two routers, with the chain's one account as its owner and fee controller.
    """

    def __init__(self) -> None:
        artifacts.fetch(["v4"])
        self.chain = Chain()
        self.manager = self._deployed("PoolManager", self.chain.account)
        self.quoter, self.liquidity, self.swapper = (
            self._deployed(name, self.manager) for name in ("V4Quoter", "PoolModifyLiquidityTest", "PoolSwapTest")
        )
        self.chain.call(self.manager, "setProtocolFeeController(address)", self.chain.account)

    def send(self, to: Address, artifact: str, name: str, *arguments: object) -> object:
        function = artifacts.load(artifact).abi.find(name, len(arguments))
        return function.decode(self.chain.raw_call(to, function.calldata(*arguments)))

    def _deployed(self, name: str, argument: Address) -> Address:
        return self.chain.deploy(artifacts.load(name).creation + encode(["address"], [argument]))


class Contract:
    """
    A pool, its model that only follows events, and random things to do with them.
    """

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world, self.rng = world, rng
        tokens = world.chain.token_pair()
        fee, spacing = rng.choice(((0, 60), (100, 40), (500, 40), (3_000, 60), (10_000, 200), (123_456, 77)))
        self.key = (*tokens, fee, spacing, ZERO_ADDRESS)
        pool_id = Hash("0x" + keccak(encode(_KEY, self.key)).hex())
        address = Address(pool_id[:42])
        self.info = PoolInfo("uniswap_v4", "any", address, tokens, fee, spacing, pool_id, world.manager)
        self.model = UniswapV4Pool.new(self.info)
        self.seen: Counter[str] = Counter()
        self.middle = max(-880_000, min(880_000, round(rng.gauss(0, 100_000))))
        price = get_sqrt_ratio_at_tick(self.middle) + rng.choice((0, rng.randrange(1 << 20)))
        self.do(world.manager, "PoolManager", "initialize", self.key, price)

    def do(self, to: Address, artifact: str, name: str, *arguments: object) -> None:
        """Do it if the contract lets it be done, and follow the events."""
        try:
            self.world.send(to, artifact, name, *arguments)
        except Reverted:
            return
        for log in self.world.chain.logs():
            event = decode(log)
            if event is not None and event.pool == self.info.address:
                self.model = self.model.apply(event) or pytest.fail("the event tells")
                self.seen[type(event).__name__] += 1

    def modify(self) -> None:
        spacing = self.info.tick_spacing
        most = 887_272 // spacing
        middle = self.middle // spacing + round(self.rng.gauss(0, self.rng.choice((3, 100, 2_000))))
        low = max(-most, min(most - 1, middle - self.random_amount(9)))
        high = max(low + 1, min(most, middle + self.random_amount(9)))
        delta = self.random_amount(100) * self.rng.choice((1, 1, -1))
        signature = "modifyLiquidity((address,address,uint24,int24,address),(int24,int24,int256,bytes32),bytes)"
        params = (low * spacing, high * spacing, delta, _NO_SALT)
        self.do(self.world.liquidity, "PoolModifyLiquidityTest", signature, self.key, params, b"")

    def swap(self) -> None:
        zero_for_one = self.rng.random() < 0.5
        limit = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
        params = (zero_for_one, self.random_amount(120) * self.rng.choice((1, -1)), limit)
        self.do(self.world.swapper, "PoolSwapTest", "swap", self.key, params, (False, False), b"")

    def set_protocol_fee(self) -> None:
        fee = self.rng.randrange(1_001) | self.rng.randrange(1_001) << 12
        self.do(self.world.manager, "PoolManager", "setProtocolFee", self.key, fee)

    def require_same_quote(self) -> None:
        zero_for_one, exact_in = self.rng.random() < 0.5, self.rng.random() < 0.6
        amount = self.random_amount(self.rng.choice((50, 90, 128)))
        tokens = self.info.tokens if zero_for_one else self.info.tokens[::-1]
        name = "quoteExactInputSingle" if exact_in else "quoteExactOutputSingle"
        try:
            ours = (self.model.amount_out if exact_in else self.model.amount_in)(*tokens, amount)
        except SwapReverts:
            with pytest.raises(Reverted):
                self.world.send(self.world.quoter, "V4Quoter", name, (self.key, zero_for_one, amount, b""))
            self.seen["reverts"] += 1
            return
        quoted = self.world.send(self.world.quoter, "V4Quoter", name, (self.key, zero_for_one, amount, b""))
        assert isinstance(quoted, tuple)
        assert ours == quoted[0]
        self.seen["amounts out" if exact_in else "amounts in"] += 1

    def require_same_swap(self) -> None:
        """The state that a swap leaves is that which the contract announces."""
        zero_for_one, amount = self.rng.random() < 0.5, self.random_amount(100)
        tokens = self.info.tokens if zero_for_one else self.info.tokens[::-1]
        try:
            _, after = self.model.swap(*tokens, amount)
        except SwapReverts:
            return
        limit = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
        params = (zero_for_one, -amount, limit)
        self.do(self.world.swapper, "PoolSwapTest", "swap", self.key, params, (False, False), b"")
        assert self.model == after
        self.seen["swaps"] += 1

    def random_amount(self, bits: int) -> int:
        return self.rng.randrange(1, 1 << self.rng.randint(1, bits))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_uniswap_v4_pool__any_amount_on_any_state__equals_the_contract(world: World) -> None:
    rng = random.Random(31)
    seen: Counter[str] = Counter()
    for _ in range(40):
        contract = Contract(world, rng)
        for _ in range(3):
            contract.modify()
        for _ in range(70):
            before = contract.model
            rng.choice((contract.modify, contract.swap, contract.require_same_swap, contract.set_protocol_fee))()
            contract.seen["states"] += contract.model != before
            for _ in range(2):
                contract.require_same_quote()
        seen += contract.seen

    assert seen["states"] >= 2_000, seen
    assert seen["amounts out"] + seen["amounts in"] > 2_000, seen
    kinds = ("V4Swap", "V4ModifyLiquidity", "V4ProtocolFeeUpdated", "V4Initialize", "reverts", "swaps")
    assert min(seen[kind] for kind in kinds) >= 40, seen


def test_uniswap_v4_pool__events_applied__equals_a_fresh_read(world: World) -> None:
    contract = Contract(world, random.Random(32))
    for _ in range(12):
        contract.rng.choice((contract.modify, contract.modify, contract.swap, contract.set_protocol_fee))()

        assert contract.model == world.chain.read(UniswapV4Pool.read(contract.info))
