"""
The model of Curve's plain pools against the localnet's bytecode, on random states, to the wei.

Curve's own code may not be redistributed: the contract here is the localnet's, written after the paper under Curve's
ABI. That it is Curve's arithmetic is what the recorded answers of the 3pool prove.
"""

import random
from collections import Counter

import pytest
from eth_abi.abi import encode
from vyper.compiler import compile_code

from keeper.errors import PoolError, SwapReverts
from keeper.events import CurveChanged, CurveExchange, decode
from keeper.pools.curve_stableswap import CurveStableSwapPool
from keeper.pools.pool import PoolInfo
from keeper.types import Address
from localnet.compiler import compiled
from tests.evm import Chain, Reverted

#: Everybody may spend everything: only what the pool counts matters.
_TOKEN = """
decimals: public(uint8)

@deploy
def __init__(decimals: uint8):
    self.decimals = decimals

@external
def transfer(to: address, amount: uint256) -> bool:
    return True

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    return True
"""


class Contract:
    """
    A pool, and its model that is read anew after every change.
    """

    def __init__(self, chain: Chain, token: bytes, n: int, rng: random.Random) -> None:
        self.chain, self.n, self.rng = chain, n, rng
        decimals = [rng.choice((2, 6, 6, 8, 18, 18)) for _ in range(n)]
        self.units = [10**d for d in decimals]
        coins = [chain.deploy(token + encode(["uint8"], [d])) for d in decimals]
        arguments = encode(
            ["string", "string", f"address[{n}]", f"uint256[{n}]", "uint256", "uint256", "uint256"],
            [
                "Pool",
                "LP",
                coins,
                [10 ** (36 - d) for d in decimals],
                rng.choice((1, rng.randint(1, 10), rng.randint(10, 5_000), 10**6)),
                rng.choice((0, 1_000_000, 4_000_000, rng.randrange(5 * 10**9))),
                rng.choice((0, 5 * 10**9, 10**10)),
            ],
        )
        self.address = chain.deploy(compiled("StableSwap", N_COINS=n).creation + arguments)
        self.info = PoolInfo("curve_stableswap", "any", self.address, tuple(coins), 0)
        self.model = chain.read(CurveStableSwapPool.read(self.info))
        self.seen: Counter[str] = Counter()
        self.deposit()

    def deposit(self) -> None:
        whole = self.rng.choice((10, 10**4, 10**7, 10**12))
        amounts = [max(unit * whole // self.rng.choice((1, 1, 3, 1_000, 10**7)), 1) for unit in self.units]
        try:
            self.chain.call(self.address, f"add_liquidity(uint256[{self.n}],uint256)", amounts, 0)
        except Reverted:
            return
        self.follow(CurveChanged)

    def follow(self, kind: type) -> None:
        """Take what the chain has, as the market does after an event that does not tell."""
        events = [event for log in self.chain.logs() if (event := decode(log)) is not None]
        assert [type(event) for event in events] == [kind]
        self.model = self.chain.read(CurveStableSwapPool.read(self.info))
        assert self.model.apply(events[0]) is None
        self.seen[kind.__name__] += 1

    def swap(self) -> None:
        i, j, dx = self.random_swap()
        try:
            dy, after = self.model.swap(self.info.tokens[i], self.info.tokens[j], dx)
        except SwapReverts:
            with pytest.raises(Reverted):
                self.exchange(i, j, dx)
            self.seen["reverts"] += 1
            return
        assert self.exchange(i, j, dx) == dy
        assert decode(self.chain.logs()[0]) == CurveExchange(self.address, i, dx, j, dy)
        self.follow(CurveExchange)
        assert self.model == after

    def exchange(self, i: int, j: int, dx: int) -> int:
        bought: int = self.chain.call(
            self.address, "exchange(int128,int128,uint256,uint256)", i, j, dx, 0, returns=["uint256"]
        )
        return bought

    def require_same_amount_out(self) -> None:
        i, j, dx = self.random_swap()
        try:
            dy = self.model.amount_out(self.info.tokens[i], self.info.tokens[j], dx)
        except SwapReverts:
            with pytest.raises(Reverted):
                self.get_dy(i, j, dx)
            self.seen["reverts"] += 1
            return
        assert dy == self.get_dy(i, j, dx)
        self.seen["amounts out"] += 1

    def get_dy(self, i: int, j: int, dx: int) -> int:
        dy: int = self.chain.call(self.address, "get_dy(int128,int128,uint256)", i, j, dx, returns=["uint256"])
        return dy

    def random_swap(self) -> tuple[int, int, int]:
        i, j = self.rng.sample(range(self.n), 2)
        most = self.rng.choice((self.units[i], 3 * self.model.balances[i] + 1, 1 << 200))
        return i, j, self.rng.randrange(2 << self.rng.randrange(most.bit_length()))


@pytest.fixture(scope="module")
def token() -> bytes:
    code: str = compile_code(_TOKEN, output_formats=["bytecode"])["bytecode"]
    return bytes.fromhex(code.removeprefix("0x"))


def test_curve_stableswap_pool__any_amount_on_any_state__equals_the_contract(token: bytes) -> None:
    chain, rng = Chain(), random.Random(7)
    seen: Counter[str] = Counter()
    for turn in range(450):
        contract = Contract(chain, token, 2 + turn % 3, rng)
        contract.seen["states"] += 1
        for _ in range(5):
            before = contract.model
            rng.choice((contract.deposit, contract.swap))()
            contract.seen["states"] += contract.model != before
            for _ in range(3):
                contract.require_same_amount_out()
        seen += contract.seen

    assert seen["states"] >= 2_000, seen
    assert seen["amounts out"] > 4_000
    assert min(seen[kind] for kind in ("reverts", "CurveExchange", "CurveChanged")) > 200


def test_curve_stableswap_pool__moving_amplification__cannot_be_read(token: bytes) -> None:
    chain = Chain()
    contract = Contract(chain, token, 2, random.Random(8))
    chain.call(contract.address, "ramp_A(uint256,uint256)", 77, 10**6)

    with pytest.raises(PoolError, match="moves its amplification"):
        chain.read(CurveStableSwapPool.read(contract.info))


def test_curve_stableswap_pool__rate_and_depth__are_the_slope_of_its_quotes(token: bytes) -> None:
    rng = random.Random(9)
    for n in (2, 3, 4):
        pool = CurveStableSwapPool(
            PoolInfo("curve_stableswap", "any", Address("0x"), tuple(Address(str(k)) for k in range(n)), 0),
            tuple(rng.randrange(10**24, 10**25) for _ in range(n)),
            (10**18,) * n,
            rng.choice((1_000, 20_000)),
            4_000_000,
            0,
        )
        dx = 10**20
        first, after = pool.swap(*pool.tokens[:2], dx)
        second = after.amount_out(*pool.tokens[:2], dx)

        assert first / dx == pytest.approx(pool.rate(*pool.tokens[:2]), rel=1e-3)
        assert pool.depth(*pool.tokens[:2]) == pytest.approx(2 * dx / (1 - second / first), rel=1e-2)
