"""
The model of Uniswap V2 against the bytecode of pair and router, on random states, to the wei.
"""

import random
from collections import Counter
from dataclasses import replace

import pytest
from eth_abi.abi import encode

from keeper.errors import SwapReverts
from keeper.events import Sync, V2Swap, decode
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.types import Address
from localnet import artifacts
from tests.evm import Chain, Reverted

_MOST = (1 << 112) - 1


class Contract:
    """
    A pair, its router, and its model that only follows events.
    """

    def __init__(self, chain: Chain, rng: random.Random) -> None:
        self.chain, self.rng = chain, rng
        nobody = encode(["address"], [chain.account])
        factory = chain.deploy(artifacts.load("UniswapV2Factory").creation + nobody)
        both = encode(["address", "address"], [factory, chain.account])
        self.router = chain.deploy(artifacts.load("UniswapV2Router02").creation + both)
        tokens = chain.token_pair()
        self.address = Address(chain.call(factory, "createPair(address,address)", *tokens, returns=["address"]))
        self.model = UniswapV2Pool.new(PoolInfo("uniswap_v2", "any", self.address, tokens, 3_000))
        self.seen: Counter[str] = Counter()

    def mint(self) -> None:
        for token in self.model.tokens:
            self.chain.call(token, "mint(address,uint256)", self.address, self.random_amount())
        try:
            self.chain.call(self.address, "mint(address)", self.chain.account)
        except Reverted:
            self.chain.call(self.address, "skim(address)", self.chain.account)
            return
        self.follow()

    def swap(self) -> None:
        token_in, token_out = self.random_direction()
        amount_in = self.random_amount()
        try:
            amount_out, after = self.model.swap(token_in, token_out, amount_in)
        except SwapReverts:
            return
        self.pay(token_in, token_out, amount_in, amount_out)
        self.follow()
        assert self.model == after

    def follow(self) -> None:
        for log in self.chain.logs():
            match decode(log):
                case Sync() | V2Swap() as event if event.pool == self.address:
                    self.model = self.model.apply(event) or pytest.fail("the event tells")
                    self.seen[type(event).__name__] += 1

    def pay(self, token_in: Address, token_out: Address, amount_in: int, amount_out: int) -> None:
        """Send the input and ask for the output, as an executor does."""
        self.chain.call(token_in, "transfer(address,uint256)", self.address, amount_in)
        outs = (0, amount_out) if token_in < token_out else (amount_out, 0)
        self.chain.call(self.address, "swap(uint256,uint256,address,bytes)", *outs, self.chain.account, b"")

    def is_paid(self, token_in: Address, token_out: Address, amount_in: int, amount_out: int) -> bool:
        """Whether the pair lets *amount_out* go for *amount_in*."""
        with self.chain.rolled_back():
            try:
                self.pay(token_in, token_out, amount_in, amount_out)
            except Reverted:
                return False
            return True

    def require_same_amount_out(self) -> None:
        token_in, token_out = self.random_direction()
        amount_in = self.random_amount() * (self.rng.random() < 0.98)
        try:
            amount_out = self.model.amount_out(token_in, token_out, amount_in)
        except SwapReverts:
            assert not self.is_paid(token_in, token_out, amount_in, 1)
            self.seen["reverts"] += 1
            return
        assert amount_out == self.quote("getAmountsOut", token_in, token_out, amount_in)[1]
        # The K rule lets the quote go, and not one unit more; nothing at all is refused as such.
        assert self.is_paid(token_in, token_out, amount_in, amount_out) == (amount_out > 0)
        assert not self.is_paid(token_in, token_out, amount_in, amount_out + 1)
        self.seen["amounts out"] += 1

    def require_same_amount_in(self) -> None:
        token_in, token_out = self.random_direction()
        amount_out = self.random_amount() * (self.rng.random() < 0.98)
        try:
            amount_in = self.model.amount_in(token_in, token_out, amount_out)
        except SwapReverts:
            assert not self.is_paid(token_in, token_out, self.room(token_in), amount_out)
            self.seen["reverts"] += 1
            return
        assert amount_in == self.quote("getAmountsIn", token_in, token_out, amount_out)[0]
        assert self.is_paid(token_in, token_out, amount_in, amount_out)
        self.seen["amounts in"] += 1

    def quote(self, function: str, token_in: Address, token_out: Address, amount: int) -> list[int]:
        way = [token_in, token_out]
        amounts: list[int] = self.chain.call(
            self.router, f"{function}(uint256,address[])", amount, way, returns=["uint256[]"]
        )
        return amounts

    def room(self, token_in: Address) -> int:
        """The most that the pair can be paid."""
        return _MOST - (self.model.reserve0 if token_in == self.model.tokens[0] else self.model.reserve1)

    def random_direction(self) -> tuple[Address, Address]:
        first, second = self.rng.sample(self.model.tokens, 2)
        return first, second

    def random_amount(self) -> int:
        return self.rng.randrange(1, 1 << self.rng.randint(1, 112))


@pytest.fixture(scope="module")
def chain() -> Chain:
    artifacts.fetch()
    return Chain()


def test_uniswap_v2_pool__any_amount_on_any_state__equals_the_contract(chain: Chain) -> None:
    rng = random.Random(2)
    seen: Counter[str] = Counter()
    for _ in range(40):
        contract = Contract(chain, rng)
        for _ in range(76):
            before = contract.model
            rng.choice((contract.mint, contract.swap))()
            contract.seen["states"] += contract.model != before
            rng.choice((contract.require_same_amount_out, contract.require_same_amount_in))()
        seen += contract.seen

    assert seen["states"] >= 2_000, seen
    assert seen["amounts out"] + seen["amounts in"] > 2_000
    assert min(seen[kind] for kind in ("amounts out", "amounts in", "reverts", "Sync", "V2Swap")) > 50


def test_uniswap_v2_pool__events_applied__equals_a_fresh_read(chain: Chain) -> None:
    contract = Contract(chain, random.Random(3))
    for _ in range(100):
        contract.rng.choice((contract.mint, contract.swap))()

        assert contract.model == chain.read(UniswapV2Pool.read(contract.model.info))


def test_uniswap_v2_pool__another_fee__scales_the_library(chain: Chain) -> None:
    rng = random.Random(4)
    contract = Contract(chain, rng)
    contract.mint()
    pool = replace(contract.model, info=replace(contract.model.info, fee_pips=2_500))
    for _ in range(500):
        amount_in = rng.randrange(1, 1 << 100)
        with_fee = amount_in * 9_975
        expected = with_fee * pool.reserve1 // (pool.reserve0 * 10_000 + with_fee)
        assert pool.amount_out(*pool.tokens, amount_in) == expected
