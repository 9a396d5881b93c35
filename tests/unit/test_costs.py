import pytest

from keeper.abi import call
from keeper.config import LenderFacts
from keeper.gas import GasPrices, l1_fee_wei, l1_gas
from keeper.lenders import Lender, Offer, fundings, read_lender
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.types import Address
from keeper.valuation import Valuation

WETH, USDC, DAI, LONELY = (Address("0x" + f"{n:02x}" * 20) for n in (1, 2, 3, 4))
VAULT = Address("0x" + "5a" * 20)
PRICES = GasPrices(base_fee_wei=20_000_000, tip_wei=0, l1_wei_per_unit=1_000_000, brotli_level=1)


def pair(n: int, token0: Address, token1: Address, reserve0: int, reserve1: int) -> UniswapV2Pool:
    address = Address("0x" + f"{0xA0 + n:02x}" * 20)
    return UniswapV2Pool(PoolInfo("uniswap_v2", "sushi_v2", address, (token0, token1), 3_000), reserve0, reserve1)


def test_l1_fee__bytes_that_compress__cost_less() -> None:
    noise = bytes((index * 167 + 13) % 256 for index in range(256))

    assert l1_fee_wei(bytes(256), PRICES) < l1_fee_wei(noise, PRICES)
    assert l1_fee_wei(noise, PRICES) >= 16 * 256 * 1_000_000


def test_l1_gas__is_the_fee_in_gas() -> None:
    assert l1_gas(40_000_000, PRICES) == 2


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
