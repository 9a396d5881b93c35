import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from keeper.abi import call
from keeper.config import LenderFacts
from keeper.errors import PoolError
from keeper.gas import GasPrices, RouteShape, l1_fee_wei, l1_gas, l1_units, program_gas, single_costs
from keeper.lenders import Lender, LenderBook, Offer, flash_pools, fundings, read_lender
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.types import Address
from keeper.valuation import Valuation
from tests.random_markets import v3_pool

WETH, USDC, DAI, LONELY = (Address("0x" + f"{n:02x}" * 20) for n in (1, 2, 3, 4))
VAULT = Address("0x" + "5a" * 20)
SNAPSHOT = json.loads((Path(__file__).parents[2] / "benchmarks" / "gas_snapshot.json").read_text())
FAMILIES = {
    "V2": "uniswap_v2",
    "V3": "uniswap_v3",
    "V4": "uniswap_v4",
    "Curve": "curve_stableswap",
    "Balancer V2": "balancer_weighted",
    "Balancer V3": "balancer_v3_weighted",
}
LENDERS = {
    "none": "none",
    "Balancer V2": "balancer_v2",
    "Aave V3": "aave_v3",
    "V3 flash": "uniswap_v3",
    "Balancer V3": "balancer_v3",
    "Uniswap V4": "uniswap_v4",
    "Morpho": "morpho",
}
PRICES = GasPrices(base_fee_wei=20_000_000, tip_wei=0, l1_wei_per_unit=1_000_000, brotli_level=1)


def address(n: int) -> Address:
    return Address(f"0x{n:040x}")


def pair(n: int, token0: Address, token1: Address, reserve0: int, reserve1: int) -> UniswapV2Pool:
    address = Address("0x" + f"{0xA0 + n:02x}" * 20)
    return UniswapV2Pool(PoolInfo("uniswap_v2", "sushi_v2", address, (token0, token1), 3_000), reserve0, reserve1)


def test_l1_fee__bytes_that_compress__cost_less() -> None:
    noise = bytes((index * 167 + 13) % 256 for index in range(256))

    assert l1_fee_wei(bytes(256), PRICES) < l1_fee_wei(noise, PRICES)
    assert l1_fee_wei(noise, PRICES) >= 16 * 256 * 1_000_000


def test_l1_gas__is_the_fee_in_gas() -> None:
    assert l1_gas(40_000_000, PRICES) == 2


def shapes_of(row: str) -> list[RouteShape]:
    """The routes of a row of the measured gas, as the model has them; each has pools of its own."""
    count, _, body = (row.removeprefix("bundle of ") if row.startswith("bundle") else f"1 {row}").partition(" ")
    hops, lender = body.rsplit(", ", 1)
    families = [FAMILIES[name] for name in re.findall(r"Balancer V[23]|Curve|V[234]", hops)]
    return [
        RouteShape(tuple((address(10 * n + i), family) for i, family in enumerate(families)), LENDERS[lender])
        for n in range(int(count))
    ]


@pytest.mark.parametrize("row", sorted(row for row in SNAPSHOT if "lost race" not in row and "left out" not in row))
def test_program_gas__of_every_measured_transaction__is_close(row: str) -> None:
    assert program_gas(shapes_of(row)) == pytest.approx(SNAPSHOT[row]["gas"], rel=0.12)


@pytest.mark.parametrize("row", ["bundle of 2 V3 V2, none", "bundle of 3 V3 V2, none"])
def test_program_gas__of_a_bundle__saves_what_was_measured(row: str) -> None:
    shapes = shapes_of(row)
    measured_apart = [178_623, 204_771, 179_483][: len(shapes)]  # the bundle's routes, each by a short program

    saved = sum(program_gas([shape]) for shape in shapes) - program_gas(shapes)

    assert saved == pytest.approx(sum(measured_apart) - SNAPSHOT[row]["gas"], rel=0.1)


def test_program_gas__same_pools_again__is_far_cheaper() -> None:
    shape = shapes_of("V3 V2, none")[0]

    assert program_gas([shape, shape]) - program_gas([shape, shapes_of("bundle of 2 V3 V2, none")[1]]) == -93_000
    assert program_gas([shape, shape]) == pytest.approx(239_628, rel=0.1)  # measured on the localnet


def test_program_gas__routes_under_one_loan__pay_for_it_once() -> None:
    first, second = (replace(shape, lender="aave_v3", loan="WETH") for shape in shapes_of("bundle of 2 V3 V2, none"))

    assert program_gas([first, replace(second, loan="USDC")]) - program_gas([first, second]) == 112_000


def test_l1_units__more_hops_and_routes__are_more_bytes() -> None:
    two, three = shapes_of("V3 V2, none"), shapes_of("V3 V2 V3, none")
    units = [l1_units(shapes) for shapes in (two, three, shapes_of("bundle of 2 V3 V2, none"))]

    assert units == sorted(units)
    assert units[0] == 16 * 240


@pytest.mark.parametrize("families", ["V3 V2", "V3 V2 V3", "V2 V3 V2 V3", "V3 Curve"])
def test_single_costs__of_every_lender__are_those_of_a_program_of_one_route(families: str) -> None:
    shape = shapes_of(f"{families}, none")[0]
    costs = single_costs(shape.pools)

    for lender in LENDERS.values():
        alone = [replace(shape, lender=lender)]
        assert costs(lender) == (program_gas(alone), l1_units(alone))


def test_loan_fee__is_rounded_up() -> None:
    assert Offer("aave_v3", 5 * 10**14).loan_fee(2_001) == 2
    assert Offer("balancer_v2").loan_fee(10**18) == 0


def test_fundings__no_lender_first_then_the_cheapest_that_has_enough() -> None:
    lenders = [
        Lender("dear", DAI, 9 * 10**14, {WETH: 10**9}),
        Lender("free", DAI, 0, {WETH: 10**9}),
        Lender("empty", DAI, 0, {WETH: 1}),
        Lender("forbidden", DAI, 0, {WETH: 10**9}),
    ]

    choices = fundings(WETH, 10**6, ["none", "dear", "free", "empty"], lenders)

    assert choices == [Offer("none"), Offer("free"), Offer("dear", 9 * 10**14)]


def test_valuation__weth__is_itself() -> None:
    assert Valuation([], WETH).in_eth(WETH, 5) == 5


def test_valuation__two_pools__asks_the_deeper() -> None:
    shallow, deep = pair(1, WETH, USDC, 10**6, 10**12), pair(2, WETH, USDC, 10**12, 3 * 10**15)

    assert Valuation([shallow, deep], WETH).in_eth(USDC, 3_000_000) == deep.amount_out(USDC, WETH, 3_000_000)


def test_valuation__no_direct_pool__goes_over_another_token() -> None:
    direct, indirect = pair(1, WETH, USDC, 10**12, 3 * 10**15), pair(2, USDC, DAI, 10**12, 10**12)

    worth = Valuation([direct, indirect], WETH).in_eth(DAI, 10**6)

    assert worth == direct.amount_out(USDC, WETH, indirect.amount_out(DAI, USDC, 10**6))


def test_valuation__no_pool__cannot_tell() -> None:
    assert Valuation([pair(1, WETH, USDC, 10**12, 10**12)], WETH).in_eth(LONELY, 5) is None


@pytest.mark.parametrize(
    ("families", "expected"),
    [
        (("uniswap_v3", "curve_stableswap"), ["none", "balancer_v2"]),
        (("curve_stableswap", "uniswap_v3"), ["balancer_v2"]),
        (("uniswap_v2", "balancer_weighted"), ["none"]),
        (("balancer_stable", "uniswap_v3"), []),
    ],
)
def test_fundings__of_what_the_pools_allow(families: tuple[str, ...], expected: list[str]) -> None:
    lenders = [Lender("balancer_v2", DAI, 0, {WETH: 10**9})]

    hops = [PoolInfo(family, "dex", DAI, (WETH, USDC), 0) for family in families]

    choices = fundings(WETH, 10**6, ["none", "balancer_v2"], lenders, hops)

    assert [offer.lender for offer in choices] == expected


def test_fundings__same_fee__takes_the_loan_of_least_gas() -> None:
    names = ["morpho", "balancer_v3", "uniswap_v4", "balancer_v2"]
    lenders = [Lender(name, DAI, 0, {WETH: 10**9}) for name in names]

    choices = fundings(WETH, 10**6, names, lenders)

    assert [offer.lender for offer in choices] == ["uniswap_v4", "balancer_v3", "morpho", "balancer_v2"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("balancer_v2", [(WETH, "balanceOf(address)", VAULT), (VAULT, "getProtocolFeesCollector()")]),
        ("morpho", [(WETH, "balanceOf(address)", VAULT)]),
        ("balancer_v3", [(VAULT, "getReservesOf(address)", WETH)]),
        ("aave_v3", [(VAULT, "getVirtualUnderlyingBalance(address)", WETH), (VAULT, "FLASHLOAN_PREMIUM_TOTAL()")]),
    ],
)
def test_read_lender__asks_for_what_it_can_lend(name: str, expected: list[tuple[str, ...]]) -> None:
    reading = read_lender(LenderFacts(name=name, address=VAULT, fee_pips=7), [WETH])

    asked = next(reading)
    with pytest.raises(StopIteration) as end:
        second = reading.send([(5).to_bytes(32)] * len(asked))
        assert second == [call(Address(f"0x{5:040x}"), "getFlashLoanFeePercentage()")]
        reading.send([(10**15).to_bytes(32)])

    assert asked == [call(Address(target), *rest) for target, *rest in expected]
    lender = end.value.value
    assert lender.available == {WETH: 5}
    assert lender.fee_wad == {"aave_v3": 5 * 10**14, "balancer_v2": 10**15}.get(name, 7 * 10**12)


def test_read_lender__absent__lends_nothing() -> None:
    reading = read_lender(LenderFacts(name="aave_v3", address=VAULT, fee_pips=500), [WETH])

    next(reading)
    with pytest.raises(StopIteration) as end:
        reading.send([None, None])

    assert end.value.value == Lender("aave_v3", VAULT, 5 * 10**14, {WETH: 0})


def v3(dex: str, fee_pips: int, liquidity: int, n: int) -> UniswapV3Pool:
    pool = v3_pool(n, (WETH, USDC), 1.0, [(-60_000, 60_000, liquidity)], fee_pips)
    return replace(pool, info=replace(pool.info, dex=dex))


def test_flash_pools__of_each_fee_the_deepest__lowest_fee_first() -> None:
    cheap, deep, *others = [
        v3("uniswap_v3", 100, 10**20, 1),
        v3("pancake_v3", 500, 9 * 10**20, 2),
        *(v3("uniswap_v3", 500, n * 10**20, n) for n in (5, 4, 3)),
        v3("camelot_v3", 100, 10**24, 6),
    ]
    pools = [*others, pair(9, WETH, USDC, 10**20, 10**20), deep, cheap]

    ranked = flash_pools(pools, (WETH, DAI))

    assert ranked == {WETH: (cheap.address, deep.address, others[0].address, others[1].address), DAI: ()}


def test_fundings__v3_pool__lends_what_it_surely_has_and_is_no_hop() -> None:
    small, hop, large = (
        v3("uniswap_v3", 100, 10**6, 1),
        v3("uniswap_v3", 100, 10**24, 2),
        v3("sushi_v3", 500, 10**24, 3),
    )

    (offer,) = fundings(WETH, 10**18, ["uniswap_v3"], [], [hop.info], [small, hop, large])

    assert offer == Offer("uniswap_v3", 5 * 10**14, large.info)
    assert fundings(WETH, 10**18, ["none"], [], [], [large]) == [Offer("none")]
    assert fundings(WETH, 10**30, ["uniswap_v3"], [], [], [large]) == []


def test_fundings__v3_pool_beside_a_lender__the_cheaper_comes_first() -> None:
    aave = Lender("aave_v3", DAI, 5 * 10**14, {WETH: 10**30})

    for fee_pips, expected in ((100, ["uniswap_v3", "aave_v3"]), (3_000, ["aave_v3", "uniswap_v3"])):
        offers = fundings(WETH, 10**18, ["aave_v3", "uniswap_v3"], [aave], [], [v3("uniswap_v3", fee_pips, 10**24, 1)])
        assert [offer.lender for offer in offers] == expected


AAVE = LenderFacts(name="aave_v3", address=VAULT, fee_pips=500)


def book(now: float = 0.0) -> LenderBook:
    lenders = LenderBook([AAVE], [WETH], ttl_seconds=45.0)
    lenders.refresh([Lender("aave_v3", VAULT, 5, {WETH: 1}), PoolError("another does not answer")], now)
    return lenders


def test_lender_book__fresh__is_offered_and_not_read_again() -> None:
    assert [lender.name for lender in book().current(40.0)] == ["aave_v3"]
    assert book().due(40.0) == []


def test_lender_book__nothing_read_yet__offers_nothing() -> None:
    lenders = LenderBook([AAVE], [WETH], 45.0)

    assert lenders.current(0.0) == ()
    assert len(lenders.due(0.0)) == 1


def test_lender_book__older_than_its_time_to_live__is_read_first() -> None:
    assert book().current(46.0) == ()
    assert len(book().due(46.0)) == 1


@pytest.mark.parametrize(
    "signature", ["FlashloanPremiumTotalUpdated(uint128,uint128)", "FlashLoanFeePercentageChanged(uint256)"]
)
def test_lender_book__event_of_a_fee__is_read_first(signature: str) -> None:
    lenders = book()

    lenders.follow([{"topics": []}, {"topics": ["0x" + keccak(text=signature).hex(), "0x01"]}])

    assert lenders.current(1.0) == ()
    assert len(lenders.due(1.0)) == 1


def test_lender_book__any_other_log__changes_nothing() -> None:
    lenders = book()

    lenders.follow([{"topics": ["0x" + "11" * 32]}, {"topics": []}, {}])

    assert len(lenders.current(1.0)) == 1


def test_lender_book__invalidated__is_read_first() -> None:
    lenders = book()

    lenders.invalidate()

    assert lenders.current(1.0) == ()
