"""
The model of Balancer V2's composable stable pools against the bytecode of Vault and pool, on random states, to the wei.

The pools before them have no bytecode here; the recorded answers prove those.
"""

import random
from collections import Counter

import pytest

from keeper.errors import PoolError, SwapReverts
from keeper.events import BalancerPausedChanged, BalancerSwap, BalancerSwapFeeChanged, decode
from keeper.pools.balancer_stable import BalancerStablePool
from keeper.pools.pool import PoolInfo
from keeper.types import ZERO_ADDRESS, Address
from tests.balancer_world import Balancer, random_amount
from tests.evm import Reverted

_ONE = 10**18


class Contract:
    """
    A pool of two to four tokens, some of which have a rate, and its model.
    """

    def __init__(self, balancer: Balancer, factory: Address, n: int, rng: random.Random) -> None:
        self.balancer, self.rng = balancer, rng
        decimals_of = {balancer.token(decimals): decimals for decimals in rng.choices((2, 6, 8, 18, 18), k=n)}
        tokens = tuple(sorted(decimals_of))
        self.rated = [token for token in tokens if rng.random() < 0.5]
        for token in self.rated:
            self.set_rate(token)
        address, pool_id = balancer.created(
            factory,
            "ComposableStablePoolFactory",
            "name",
            "symbol",
            tokens,
            rng.choice((1, rng.randint(1, 10), rng.randint(10, 5_000))),
            [token if token in self.rated else ZERO_ADDRESS for token in tokens],
            [rng.choice((0, 1_000)) * (token in self.rated) for token in tokens],
            [False] * n,
            rng.choice((10**12, 4 * 10**14, rng.randrange(10**12, 10**17))),
            balancer.chain.account,
        )
        self.info = PoolInfo("balancer_stable", "any", address, tokens, 0, pool_id=pool_id)
        whole = rng.choice((10, 10**4, 10**8))
        balancer.join(
            pool_id, {token: 10**d * whole // rng.choice((1, 1, 3, 1_000)) + 1 for token, d in decimals_of.items()}
        )
        self.model = self.read()
        self.seen: Counter[str] = Counter()

    def read(self) -> BalancerStablePool:
        return self.balancer.chain.read(BalancerStablePool.read(self.info))

    def set_rate(self, token: Address) -> None:
        self.balancer.chain.call(token, "set_rate(uint256)", self.rng.randrange(_ONE // 2, 2 * _ONE))

    def swap(self) -> None:
        token_in, token_out = self.rng.sample(self.info.tokens, 2)
        amount_in = self.random_amount(token_in)
        try:
            amount_out, after = self.model.swap(token_in, token_out, amount_in)
        except SwapReverts:
            return
        assert self.balancer.swap(self.info.pool_id, True, token_in, token_out, amount_in) == amount_out
        (event,) = self.events(BalancerSwap)
        assert self.model.apply(event) is None
        self.model = self.read()
        assert self.model == after

    def change_fee(self) -> None:
        fee = self.rng.randrange(10**12, 10**17)
        self.balancer.chain.call(self.info.address, "setSwapFeePercentage(uint256)", fee)
        (event,) = self.events(BalancerSwapFeeChanged)
        self.model = self.model.apply(event) or pytest.fail("the event tells")
        assert self.model == self.read()

    def change_rate(self) -> None:
        for token in self.rated:
            self.set_rate(token)
            with pytest.raises(PoolError, match="next swap may renew"):
                self.read()
            self.balancer.chain.call(self.info.address, "updateTokenRateCache(address)", token)
            self.seen["rates"] += 1
        self.model = self.read()

    def events(self, kind: type) -> list[BalancerSwap | BalancerSwapFeeChanged]:
        events = [event for log in self.balancer.chain.logs() if isinstance(event := decode(log), kind)]
        self.seen[kind.__name__] += len(events)
        return events

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
        most = self.rng.choice((1, 1, 1, 1 << 70)) * self.model.balances[self.info.tokens.index(token)]
        return random_amount(self.rng, most)


@pytest.fixture(scope="module")
def balancer() -> Balancer:
    return Balancer()


def test_balancer_stable_pool__any_amount_on_any_state__equals_the_contract(balancer: Balancer) -> None:
    rng = random.Random(21)
    factory = balancer.factory("ComposableStablePoolFactory")
    seen: Counter[str] = Counter()
    for turn in range(330):
        try:
            contract = Contract(balancer, factory, 2 + turn % 3, rng)
        except Reverted:
            continue  # the invariant of such a first deposit does not converge
        contract.seen["states"] += 1
        for _ in range(8):
            before = contract.model
            rng.choice((contract.swap, contract.swap, contract.change_rate, contract.change_fee))()
            contract.seen["states"] += contract.model != before
            for _ in range(2):
                contract.require_same_quote()
        seen += contract.seen

    assert seen["states"] >= 2_000, seen
    assert seen["amounts out"] + seen["amounts in"] > 2_000
    assert min(seen[kind] for kind in ("reverts", "BalancerSwap", "BalancerSwapFeeChanged", "rates")) > 80


def test_balancer_stable_pool__moving_amplification__cannot_be_read(balancer: Balancer) -> None:
    contract = Contract(balancer, balancer.factory("ComposableStablePoolFactory"), 2, random.Random(22))
    balancer.grant(contract.info.address, "startAmplificationParameterUpdate(uint256,uint256)")
    amp = contract.model.amp // 1_000 + 1
    balancer.chain.call(contract.info.address, "startAmplificationParameterUpdate(uint256,uint256)", amp, 10 * 86_400)

    with pytest.raises(PoolError, match="moves its amplification"):
        contract.read()


def test_balancer_stable_pool__paused__cannot_be_read(balancer: Balancer) -> None:
    contract = Contract(balancer, balancer.factory("ComposableStablePoolFactory"), 2, random.Random(23))
    balancer.grant(contract.info.address, "pause()")
    balancer.chain.call(contract.info.address, "pause()")

    assert contract.model.apply(BalancerPausedChanged(contract.info.address, True)) is None
    with pytest.raises(PoolError, match="is paused"):
        contract.read()
