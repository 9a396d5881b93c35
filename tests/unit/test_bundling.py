"""
Which routes go into one transaction, how they are funded and guarded, and what is predicted of them.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from keeper.bundling import Bundle, Bundler, Conditions
from keeper.errors import PlanError
from keeper.gas import GasPrices
from keeper.lenders import Lender
from keeper.market import Market
from keeper.opportunity import Opportunity, Scene, Terms, look
from keeper.plan import Funding, Program, decode, pool_address
from keeper.plan import bundle as program
from keeper.pools.pool import Pool, PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.routes.bundles import run_all
from keeper.routes.graph import Graph
from keeper.types import Address, Block, Hash
from tests.random_markets import SPACINGS, address, v3_pool

WETH, USDC, DAI, ARB = (address(n) for n in (1, 2, 3, 4))
ETH = 10**18
PRICES = GasPrices(base_fee_wei=10**7, tip_wei=0, l1_wei_per_unit=10**8, brotli_level=1)
PLENTY = dict.fromkeys((WETH, USDC), 10**30)


def pair(dex: str, tokens: tuple[Address, Address], reserve0: int, reserve1: int) -> Pool:
    info = PoolInfo("uniswap_v2", dex, pool_address(dex, *tokens, 0), tokens, 3_000)
    return UniswapV2Pool(info, reserve0 * ETH // 100, reserve1 * ETH // 100)


def wide(fee_pips: int, tokens: tuple[Address, Address], price: float, liquidity: int) -> UniswapV3Pool:
    pool = v3_pool(1, tokens, price, [(-60_000, 60_000, liquidity * ETH)], fee_pips)
    place = pool_address("uniswap_v3", *tokens, fee_pips)
    return replace(pool, info=PoolInfo("uniswap_v3", "uniswap_v3", place, tokens, fee_pips, SPACINGS[fee_pips]))


def scene(
    pools: Iterable[Pool],
    funding: tuple[str, ...] = ("none",),
    lenders: Sequence[Lender] = (),
    prices: GasPrices = PRICES,
    **more: object,
) -> Scene:
    pools, graph = list(pools), Graph()
    market = Market([pool.info for pool in pools])
    market.start(Block(1, Hash("0x01"), Hash("0x00"), 0, prices.base_fee_wei), 0.0)
    market.refresh(pools)
    for pool in pools:
        graph.update(pool)
    terms = Terms((WETH, USDC), WETH, 4, funding, 10**12)
    return Scene(market, graph, terms, lenders, prices, more.get("flash", {}))  # type: ignore[arg-type]


def joined(
    on: Scene, most_routes: int = 8, most_tried: int = 64, least_share: float = 0.0
) -> tuple[Opportunity, Bundle, Bundler]:
    every = [pool.address for pool in on.market]
    seen = look(on, every)
    best = next(seen)
    bundler = Bundler(on, Conditions(0.1, 100, (WETH, USDC), most_routes, most_tried, least_share))
    return best, bundler.join(best, seen.found, every), bundler


def parallel() -> list[Pool]:
    """Two pairs in which USDC is cheap beside a V3 pool."""
    return [
        pair("sushi_v2", (WETH, USDC), 10_000, 10_500),
        pair("uniswap_v2", (WETH, USDC), 10_000, 10_450),
        wide(500, (WETH, USDC), 1.0, 300),
    ]


def apart() -> list[Pool]:
    """Two cycles that share no pool, and in no token but WETH."""
    return [
        pair("sushi_v2", (WETH, DAI), 10_000, 10_500),
        wide(3_000, (WETH, DAI), 1.0, 300),
        pair("sushi_v2", (WETH, ARB), 10_000, 10_300),
        wide(3_000, (WETH, ARB), 1.0, 300),
    ]


def test_join__pools_in_any_order_and_with_any_history__gives_the_same_bytes() -> None:
    pools = parallel() + apart()
    _, expected, _ = joined(scene(pools))

    for seed in range(4):
        random.Random(seed).shuffle(pools)
        on = scene(pools)
        for pool in random.Random(seed).sample(pools, 4):
            on.graph.forget([pool.address])
            on.graph.update(pool)
        _, bundle, _ = joined(on)
        assert bundle == expected
    assert len(expected.legs) >= 3


def test_join__done__leaves_the_graph_as_it_was() -> None:
    on = scene(parallel() + apart())
    _, first, _ = joined(on)

    _, second, _ = joined(on)

    assert first == second


@pytest.mark.parametrize("seed", range(12))
def test_join__routes_that_floats_refuse__would_not_have_paid(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, pools = random.Random(seed), list[Pool]()
    for pool in parallel() + apart():
        into, out = rng.sample(pool.tokens, 2)
        pools.append(pool.swap(into, out, int(rng.uniform(0, 2) * ETH))[1])
    dear = replace(PRICES, base_fee_wei=10 ** rng.choice((7, 9, 10)))
    _, expected, _ = joined(scene(pools, prices=dear))
    monkeypatch.setattr(Bundler, "_least_worth", lambda *_: 0)
    monkeypatch.setattr(Bundler, "_least_together", lambda *_: 0.0)

    _, bundle, _ = joined(scene(pools, prices=dear))

    assert bundle == expected


def test_join__parallel_pools__split_earns_more_than_the_best_single_after_gas() -> None:
    best, bundle, bundler = joined(scene(parallel()))

    assert len(bundle.legs) == 2
    assert bundle.profit_wei > bundler.alone(best).profit_wei * 5 // 4
    assert {leg.route.edges[0].pool for leg in bundle.legs} == {pool.address for pool in parallel()[:2]}
    ran = run_all([leg.route for leg in bundle.legs], {pool.address: pool for pool in parallel()}.__getitem__)
    assert ran is not None
    assert bundle.gains == ((WETH, sum(route.gain for route in ran[0])),)


def test_join__gas_dearer_than_what_a_split_adds__keeps_the_best_single() -> None:
    pools = [
        pair("sushi_v2", (WETH, USDC), 10_000, 10_500),
        pair("uniswap_v2", (WETH, USDC), 100, 104),
        wide(500, (WETH, USDC), 1.0, 300),
    ]
    on = scene(pools, prices=replace(PRICES, base_fee_wei=10**10))

    best, bundle, _ = joined(on)

    assert [leg.route for leg in bundle.legs] == [best.route]


def test_join__routes_apart__go_together_and_cost_less_than_apart() -> None:
    best, bundle, bundler = joined(scene(apart()))

    assert len(bundle.legs) == 2
    on = scene(apart()[2:])
    other = Bundler(on, Conditions(0.1, 100, (WETH, USDC))).alone(next(look(on, [pool.address for pool in on.market])))
    alone = bundler.alone(best)
    assert bundle.outlay.total_wei < alone.outlay.total_wei + other.outlay.total_wei
    assert bundle.worth_wei == alone.worth_wei + other.worth_wei
    assert bundle.legs[1].route == other.legs[0].route


def test_join__most_routes__are_not_exceeded() -> None:
    pools = parallel() + apart()

    _, bundle, bundler = joined(scene(pools), most_routes=2)

    assert len(bundle.legs) == 2
    assert bundler.left == {pool.address for pool in pools}


def test_join__most_routes_tried__end_the_bundle_and_leave_the_rest() -> None:
    _, every, patient = joined(scene(parallel() + apart()))

    _, bundle, hasty = joined(scene(parallel() + apart()), most_tried=1)

    assert not patient.cut
    assert hasty.cut
    assert len(bundle.legs) == 2 < len(every.legs)
    left_out = {edge.pool for leg in every.legs[2:] for edge in leg.route.edges}
    assert left_out & hasty.left


def test_join__routes_that_promise_too_small_a_share__are_left_for_later() -> None:
    _, every, _ = joined(scene(parallel() + apart()))
    worths = [leg.gain for leg in every.legs if leg.token == WETH]
    share = 1.5 * min(worths) / every.worth_wei

    _, bundle, choosy = joined(scene(parallel() + apart()), least_share=share)

    assert choosy.cut
    assert 1 < len(bundle.legs) < len(every.legs)
    left_out = {edge.pool for leg in every.legs for edge in leg.route.edges} - set(bundle.pools)
    assert left_out
    assert left_out <= choosy.left


def test_left__with_what_the_bundle_moved__leads_to_all_that_is_left() -> None:
    told = 0
    for seed in range(60):
        rng, pools = random.Random(seed), dict[Address, Pool]()
        for pool in parallel() + apart():
            into, out = rng.sample(pool.tokens, 2)
            pools[pool.address] = pool.swap(into, out, int(rng.uniform(0, 4) * ETH))[1]
        changed, on = rng.sample(sorted(pools), rng.randrange(1, 5)), scene(pools.values())
        seen = look(on, changed)
        if (best := next(seen, None)) is None:
            continue
        share, most_tried = rng.choice((0.0, 0.3)), rng.choice((1, 64))
        bundler = Bundler(on, Conditions(0.1, 100, (WETH, USDC), 8, most_tried, share))
        bundle = bundler.join(best, seen.found, changed)
        ran = run_all([leg.route for leg in bundle.legs], pools.__getitem__)
        assert ran is not None
        moved = ran[1].moved

        later = scene((pools | moved).values())
        again = [found.route for found in look(later, {*bundler.left, *moved})]

        assert bundler.left <= set(changed)
        assert again == [found.route for found in look(later, {*changed, *moved})]
        told += bool(bundler.left) and len(again)
    assert told > 10


def test_join__more_groups_than_a_program_has__takes_as_many_routes_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = parallel() + apart()
    _, all_of_them, _ = joined(scene(pools))
    monkeypatch.setattr(program, "MAX_GROUPS", len(all_of_them.legs) - 1)

    _, bundle, bundler = joined(scene(pools))

    assert [leg.route.edges for leg in bundle.legs] == [leg.route.edges for leg in all_of_them.legs[:-1]]
    assert {edge.pool for edge in all_of_them.legs[-1].route.edges} <= bundler.left


def test_join__several_routes__each_is_guarded_tolerant_and_has_its_minimum() -> None:
    _, bundle, _ = joined(scene(parallel() + apart()))

    read = decode(bundle.calldata, (WETH, USDC))

    assert isinstance(read, Program)
    routes = [route for group in read.groups for route in group.routes]
    assert len(routes) == len(bundle.legs) > 2
    for route, leg in zip(routes, bundle.legs, strict=True):
        assert route.tolerant
        assert len(route.guards) == len(route.hops)
        assert 0 < leg.gain // 10 <= route.min_profit == leg.min_gain <= leg.gain
    assert read.deadline == 100


def test_join__one_route__is_a_short_program_without_tolerance() -> None:
    best, bundle, _ = joined(scene(apart()[:2]))

    plan = decode(bundle.calldata, (WETH, USDC))

    assert not isinstance(plan, Program)
    assert not plan.routes[0].tolerant
    assert plan.routes[0].amount_in == best.route.amounts[0]


def test_join__lender_with_a_fee_for_two_routes__its_fee_is_paid_once() -> None:
    lender = Lender("aave_v3", address(99), 5 * 10**14, PLENTY)

    _, bundle, _ = joined(scene(parallel(), ("aave_v3",), [lender]))

    assert len(bundle.legs) == 2
    read = decode(bundle.calldata, (WETH, USDC))
    assert isinstance(read, Program)
    (loan,) = read.groups[0].loans
    assert loan.amount == max(leg.route.amounts[0] for leg in bundle.legs)
    fee = -(-loan.amount * 5 // 10_000)
    assert bundle.loan_fees == ((WETH, fee),)
    assert dict(bundle.gains)[WETH] == sum(leg.route.gain for leg in bundle.legs) - fee


def test_variants__lenders_that_pay_too__are_told_in_their_order() -> None:
    lenders = [
        Lender("aave_v3", address(99), 5 * 10**14, PLENTY),
        Lender("morpho", address(98), 0, PLENTY),
        Lender("balancer_v3", address(97), 0, {WETH: 1, USDC: 1}),
    ]
    on = scene(apart()[:2], ("none", "aave_v3", "morpho", "balancer_v3"), lenders)

    _, bundle, bundler = joined(on)
    told = list(bundler.variants(bundle))

    assert [one.legs[0].offer.lender for one in told] == ["none", "morpho", "aave_v3"]
    assert told[0].gains == told[1].gains > told[2].gains
    assert len({one.calldata for one in told}) == 3


def test_join__v3_pool_lends__it_is_no_hop_and_its_fee_is_counted() -> None:
    pools = [*apart()[:2], wide(100, (WETH, USDC), 1.0, 5_000), wide(500, (WETH, USDC), 1.0, 9_000)]
    crossed, cheap, dear = pools[1].address, pools[2].address, pools[3].address
    on = scene(pools, ("uniswap_v3",), flash={WETH: (crossed, cheap, dear)})

    _, bundle, _ = joined(on)

    (leg,) = bundle.legs
    assert leg.offer.pool is not None
    assert leg.offer.pool.address == cheap
    fee = -(-leg.route.amounts[0] // 10_000)
    assert bundle.gains == ((WETH, leg.route.gain - fee),)
    read = decode(bundle.calldata, (WETH, USDC))
    assert isinstance(read, Program)
    assert read.groups[0].funding is Funding.UNISWAP_V3


def test_alone__family_without_a_hop__is_refused() -> None:
    pools = apart()[:2]
    on = scene(pools)
    best = next(look(on, [pool.address for pool in pools]))
    info = on.market.infos[pools[0].address]
    on.market.infos[info.address] = replace(info, dex="nobody_v2")

    with pytest.raises(PlanError):
        Bundler(on, Conditions(0.1, 100, (WETH, USDC))).alone(best)


def test_bundle__costs_and_profit__add_up_in_ether_and_in_the_token() -> None:
    prices = replace(PRICES, tip_wei=10**6)

    _, bundle, _ = joined(scene(apart()[:2], prices=prices))

    outlay = bundle.outlay
    assert (outlay.l2_wei, outlay.bid_wei) == (bundle.gas * 10**7, bundle.gas * 10**6)
    assert outlay.l1_wei > 16 * len(bundle.calldata) // 4 * 10**8
    assert bundle.worth_wei == dict(bundle.gains)[WETH]
    assert bundle.profit_wei == bundle.worth_wei - outlay.total_wei == bundle.profit(WETH)
    assert (
        bundle.at(2 * bundle.gas, outlay.l1_wei, prices).profit_wei
        == bundle.profit_wei - outlay.l2_wei - outlay.bid_wei
    )
