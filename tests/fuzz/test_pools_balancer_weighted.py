"""
The model of Balancer V2's weighted pools against the bytecode of Vault and pool, on random states, to the wei.
"""

import random
from collections import Counter

import pytest
from eth_abi.abi import encode

from keeper.errors import PoolError, SwapReverts
from keeper.events import BalancerBalancesChanged, BalancerPausedChanged, BalancerSwap, BalancerSwapFeeChanged, decode
from keeper.pools.balancer_weighted import BalancerWeightedPool
from keeper.pools.pool import PoolInfo
from keeper.types import ZERO_ADDRESS, Address
from tests.balancer_world import Balancer, random_amount
from tests.evm import Reverted

_ONE = 10**18
_JOIN_EXACT_TOKENS, _EXIT_ONE_TOKEN, _EXIT_PROPORTIONAL = 1, 0, 1


class Contract:
    """
    A pool of two to four tokens, and its model that only follows events.
    """

    def __init__(self, balancer: Balancer, factory: Address, n: int, rng: random.Random) -> None:
        self.balancer, self.rng = balancer, rng
        decimals_of = {balancer.token(decimals): decimals for decimals in rng.choices((2, 6, 8, 18, 18), k=n)}
        tokens = tuple(sorted(decimals_of))
        address, pool_id = balancer.created(
            factory,
            "WeightedPoolFactory",
            "name",
            "symbol",
            tokens,
            self.random_weights(n),
            [ZERO_ADDRESS] * n,
            rng.choice((10**12, 3 * 10**15, rng.randrange(10**12, 10**17))),
            balancer.chain.account,
        )
        self.info = PoolInfo("balancer_weighted", "any", address, tokens, 0, pool_id=pool_id)
        whole = rng.choice((10, 10**4, 10**8))
        balancer.join(
            pool_id, {token: 10**d * whole // rng.choice((1, 1, 3, 1_000)) + 1 for token, d in decimals_of.items()}
        )
        self.model = balancer.chain.read(BalancerWeightedPool.read(self.info))
        self.seen: Counter[str] = Counter()

    def random_weights(self, n: int) -> list[int]:
        if self.rng.random() < 0.3:
            weights = [_ONE // n] * n
        else:
            weights = [_ONE // 100 * self.rng.randint(1, 96 // n) for _ in range(n)]
        weights[self.rng.randrange(n)] += _ONE - sum(weights)
        return weights

    def follow(self) -> None:
        for log in self.balancer.chain.logs():
            event = decode(log)
            if event is not None and event.pool == self.info.address:
                self.model = self.model.apply(event) or pytest.fail("the event tells")
                self.seen[type(event).__name__] += 1
        assert self.model == self.balancer.chain.read(BalancerWeightedPool.read(self.info))

    def swap(self) -> None:
        token_in, token_out = self.rng.sample(self.info.tokens, 2)
        amount_in = self.random_amount(token_in)
        try:
            amount_out, after = self.model.swap(token_in, token_out, amount_in)
        except SwapReverts:
            return
        assert self.balancer.swap(self.info.pool_id, True, token_in, token_out, amount_in) == amount_out
        self.follow()
        assert self.model == after

    def join(self) -> None:
        amounts = [self.random_amount(token) // 8 for token in self.info.tokens]
        data = encode(["uint256", "uint256[]", "uint256"], [_JOIN_EXACT_TOKENS, amounts, 0])
        try:
            self.balancer.join_with(self.info.pool_id, self.info.tokens, data)
        except Reverted:
            return
        self.follow()

    def exit(self) -> None:
        shares = self.balancer.chain.call(self.info.address, "totalSupply()", returns=["uint256"])
        if self.rng.random() < 0.5:
            data = encode(["uint256", "uint256"], [_EXIT_PROPORTIONAL, shares // self.rng.randint(3, 90)])
        else:
            which = self.rng.randrange(len(self.info.tokens))
            data = encode(["uint256", "uint256", "uint256"], [_EXIT_ONE_TOKEN, shares // 50, which])
        try:
            self.balancer.exit_with(self.info.pool_id, self.info.tokens, data)
        except Reverted:
            return
        self.follow()

    def change_fee(self) -> None:
        self.balancer.chain.call(self.info.address, "setSwapFeePercentage(uint256)", self.rng.randrange(10**12, 10**17))
        self.follow()

    def require_same_quote(self) -> None:
        exact_in = self.rng.random() < 0.6
        token_in, token_out = self.rng.sample(self.info.tokens, 2)
        amount = self.random_amount(token_in if exact_in else token_out) * (self.rng.random() < 0.98)
        try:
            ours = (self.model.amount_out if exact_in else self.model.amount_in)(token_in, token_out, amount)
        except SwapReverts:
            with self.balancer.chain.rolled_back(), pytest.raises(Reverted):
                self.balancer.swap(self.info.pool_id, exact_in, token_in, token_out, amount)
            self.seen["reverts"] += 1
            return
        with self.balancer.chain.rolled_back():
            assert ours == self.balancer.swap(self.info.pool_id, exact_in, token_in, token_out, amount)
        self.seen["amounts out" if exact_in else "amounts in"] += 1

    def random_amount(self, token: Address) -> int:
        return random_amount(self.rng, self.model.balances[self.info.tokens.index(token)])


@pytest.fixture(scope="module")
def balancer() -> Balancer:
    return Balancer()


def test_balancer_weighted_pool__any_amount_on_any_state__equals_the_contract(balancer: Balancer) -> None:
    rng = random.Random(11)
    factory = balancer.factory("WeightedPoolFactory")
    seen: Counter[str] = Counter()
    for turn in range(120):
        contract = Contract(balancer, factory, 2 + turn % 3, rng)
        for _ in range(20):
            before = contract.model
            changes = (contract.swap, contract.swap, contract.join, contract.exit, contract.change_fee)
            rng.choice(changes)()
            contract.seen["states"] += contract.model != before
            contract.require_same_quote()
        seen += contract.seen

    assert seen["states"] >= 2_000, seen
    assert seen["amounts out"] + seen["amounts in"] > 2_000
    kinds = (BalancerSwap, BalancerBalancesChanged, BalancerSwapFeeChanged)
    assert min(seen[kind] for kind in ("reverts", *(kind.__name__ for kind in kinds))) > 80


def test_balancer_weighted_pool__paused__cannot_be_read(balancer: Balancer) -> None:
    contract = Contract(balancer, balancer.factory("WeightedPoolFactory"), 2, random.Random(12))
    balancer.grant(contract.info.address, "pause()")
    balancer.chain.call(contract.info.address, "pause()")

    (event,) = map(decode, balancer.chain.logs())

    assert event == BalancerPausedChanged(contract.info.address, True)
    assert contract.model.apply(event) is None
    with pytest.raises(PoolError, match="is paused"):
        balancer.chain.read(BalancerWeightedPool.read(contract.info))


def test_balancer_weighted_pool__rate_and_depth__are_the_slope_of_its_quotes(balancer: Balancer) -> None:
    contract = Contract(balancer, balancer.factory("WeightedPoolFactory"), 3, random.Random(13))
    for token_in, token_out in zip(contract.info.tokens, contract.info.tokens[1:], strict=False):
        dx = max(contract.model.balances[contract.info.tokens.index(token_in)] // 1_000, 1)
        first, after = contract.model.swap(token_in, token_out, dx)
        second = after.amount_out(token_in, token_out, dx)

        assert first / dx == pytest.approx(contract.model.rate(token_in, token_out), rel=1e-2)
        assert contract.model.depth(token_in, token_out) == pytest.approx(2 * dx / (1 - second / first), rel=5e-2)
