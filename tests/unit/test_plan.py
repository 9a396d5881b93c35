"""
Plans to calldata and back.
"""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from keeper.errors import PlanError
from keeper.plan import DEXES, Funding, Guard, Hop, Plan, Route, decode, encode, pool_address
from keeper.plan.dexes import Family
from keeper.types import Address

WETH = Address("0x82af49447d8a07e3bd95bd0d56f35241523fbab1")
USDC = Address("0xaf88d065e77c8cc2239327c5edb3a432268e5831")
USDC_E = Address("0xff970a61a04b1ca14834a43f5de4533ebddb5cc8")
DAI = Address("0xda10009cbd5d07dd0cecc66161fc93d7c9000da1")


def hop(dex: str, token_in: Address, token_out: Address, fee_pips: int) -> Hop:
    return Hop(
        dex, pool_address(dex, token_in, token_out, fee_pips), token_in, token_out, fee_pips, token_in < token_out
    )


ROUTE = Route(
    hops=(hop("uniswap_v3", WETH, USDC, 500), hop("sushi_v2", USDC, WETH, 3_000)),
    funding=Funding.NONE,
    amount_in=10**18,
    min_profit=12_345,
)
PLAN = Plan((ROUTE,), deadline=1_800_000_000, profit_tokens=(USDC, WETH))


@pytest.mark.parametrize(
    ("dex", "tokens", "fee_pips", "address"),
    [
        ("uniswap_v3", (WETH, USDC), 500, "0xc6962004f452be9203591991d15f6b388e09e8d0"),
        ("uniswap_v3", (USDC_E, WETH), 500, "0xc31e54c7a869b9fcbecc14363cf510d1c41fa443"),
        ("sushi_v3", (WETH, USDC), 500, "0xf3eb87c1f6020982173c908e7eb31aa66c1f0296"),
        ("pancake_v3", (WETH, USDC), 100, "0x7fcdc35463e3770c2fb992716cd070b63540b947"),
        ("sushi_v2", (WETH, USDC_E), 3_000, "0x905dfcd5649217c42684f23958568e533c711aa3"),
    ],
)
def test_pool_address__known_pool__is_its_address(dex: str, tokens: tuple, fee_pips: int, address: str) -> None:
    assert pool_address(dex, *tokens, fee_pips) == pool_address(dex, *tokens[::-1], fee_pips) == address


def test_encode__two_hops__is_five_words_by_hand() -> None:
    words = [
        (4 << 232) | (1_800_000_000 << 192) | (1 << 176) | (12_345 << 88) | 10**18,
        0,
        5 << 128 | 6,
        (0x10 << 184) | (500 << 160) | int(USDC, 16),
        (0x21 << 184) | (3_000 << 160),
    ]
    plan = replace(PLAN, routes=(replace(ROUTE, second_guard=Guard(5, 6)),))

    selector = keccak(text="execute_two(uint256,uint256,uint256,uint256,uint256)")[:4]
    assert encode(plan) == selector + b"".join(word.to_bytes(32) for word in words)


@pytest.mark.parametrize("funding", [Funding.NONE, Funding.BALANCER_V2])
@pytest.mark.parametrize("dex", [name for name, dex in DEXES.items() if dex.family is not Family.HELD])
def test_decode__encoded_plan__is_the_plan(dex: str, funding: Funding) -> None:
    hops = (hop(dex, WETH, USDC, 3_000), hop("uniswap_v3", USDC, DAI, 100), hop("pancake_v3", DAI, WETH, 500))
    guard = Guard(2**32, 2**64 - 1)
    plan = replace(PLAN, routes=(replace(ROUTE, hops=hops, funding=funding, guard=guard, second_guard=guard),))

    assert decode(encode(plan), plan.profit_tokens) == plan


def test_encode__guard_of_a_price__covers_what_was_asked() -> None:
    guard = Guard(2**96 + 5, 2**97 + 5)
    plan = replace(PLAN, routes=(replace(ROUTE, guard=guard),))

    coded = decode(encode(plan), PLAN.profit_tokens).routes[0].guard

    assert coded is not None
    assert guard.lower - 2**32 < coded.lower <= guard.lower
    assert guard.upper <= coded.upper < guard.upper + 2**32


BAD_ROUTES = {
    "a route has 2 to 8 hops, not 0": {"hops": ()},
    "a route has 2 to 8 hops, not 1": {"hops": ROUTE.hops[:1]},
    "a route has 2 to 8 hops, not 9": {"hops": (*ROUTE.hops * 4, ROUTE.hops[0])},
    "the executor does not list 0xda10009cbd5d07dd0cecc66161fc93d7c9000da1 as a profit token": {
        "hops": (hop("uniswap_v3", DAI, USDC, 500), hop("sushi_v2", USDC, DAI, 3_000))
    },
    "nothing goes into the route": {"amount_in": 0},
    "the amount in -1 does not fit 88 bits": {"amount_in": -1},
    f"the amount in {2**88} does not fit 88 bits": {"amount_in": 2**88},
    "the minimum profit -1 does not fit 88 bits": {"min_profit": -1},
    f"the minimum profit {2**88} does not fit 88 bits": {"min_profit": 2**88},
    "no state lies between 2 and 1": {"guard": Guard(2, 1)},
    "no state lies between 0 and 0": {"guard": Guard(0, 0)},
    f"no state lies between 0 and {2**32 - 1}": {"guard": Guard(0, 2**32 - 1)},
    "no state lies between -1 and 1": {"guard": Guard(-1, 1)},
    f"the guard {2**128} does not fit 128 bits": {"guard": Guard(0, 2**160)},
    "a pool occurs twice in the route": {"hops": (ROUTE.hops[0], hop("uniswap_v3", USDC, WETH, 500))},
    "the executor does not know the DEX balancer": {"hops": (replace(ROUTE.hops[0], dex="balancer"), ROUTE.hops[1])},
    "the direction in 0xc6962004f452be9203591991d15f6b388e09e8d0 does not fit its tokens": {
        "hops": (replace(ROUTE.hops[0], zero_for_one=False), ROUTE.hops[1])
    },
}


@pytest.mark.parametrize("message", BAD_ROUTES)
def test_encode__bad_route__is_refused(message: str) -> None:
    route = replace(ROUTE, **BAD_ROUTES[message])

    with pytest.raises(PlanError) as refusal:
        encode(replace(PLAN, routes=(route,)))

    assert str(refusal.value) == f"plan: {message}"


def test_encode__hops_that_do_not_meet__are_refused() -> None:
    hops = (ROUTE.hops[0], hop("sushi_v2", DAI, WETH, 3_000))

    with pytest.raises(PlanError, match=r"delivers 0xaf88d065e77c8cc2239327c5edb3a432268e5831, 0x[0-9a-f]{40} takes"):
        encode(replace(PLAN, routes=(replace(ROUTE, hops=hops),)))


def test_encode__pool_of_somebody_else__is_refused() -> None:
    fake = Address("0x" + "66" * 20)
    hops = (replace(ROUTE.hops[0], pool=fake), ROUTE.hops[1])

    with pytest.raises(PlanError, match=f"{fake} is not the pool of uniswap_v3 for its tokens and fee"):
        encode(replace(PLAN, routes=(replace(ROUTE, hops=hops),)))


@pytest.mark.parametrize("fee_pips", [-1, 1_000_000])
def test_encode__fee_that_is_none__is_refused(fee_pips: int) -> None:
    hops = (ROUTE.hops[0], replace(ROUTE.hops[1], fee_pips=fee_pips))

    with pytest.raises(PlanError, match=f"{fee_pips} millionths are no fee"):
        encode(replace(PLAN, routes=(replace(ROUTE, hops=hops),)))


@pytest.mark.parametrize("token", ["0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1", "0xda", "", "0x" + "zz" * 20])
def test_pool_address__not_a_lower_case_address__is_refused(token: str) -> None:
    with pytest.raises(PlanError, match="is not a lower-case address"):
        pool_address("uniswap_v3", Address(token), WETH, 500)


@pytest.mark.parametrize("deadline", [-1, 2**40])
def test_encode__deadline_out_of_range__is_refused(deadline: int) -> None:
    with pytest.raises(PlanError, match=f"the deadline {deadline} does not fit 40 bits"):
        encode(replace(PLAN, deadline=deadline))


def test_encode__no_route__is_refused() -> None:
    with pytest.raises(PlanError, match="there are 1 to 8 groups, not 0"):
        encode(replace(PLAN, routes=()))


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        (0, 0x8F, "the calldata is not a call of the executor"),
        (4, 1, "the program has an unknown version"),
        (6, 2, "the program has an unknown version"),
        (12, 3, "the program has an unknown funding"),
        (12, 7, "the program has an unknown funding"),
        (13, 2, "the program's profit token is not listed"),
        (108, 1, "the program has an unknown kind of hop"),
        (163, 1, "the last hop names a token"),
    ],
)
def test_decode__one_wrong_byte__is_refused(position: int, value: int, message: str) -> None:
    calldata = bytearray(encode(PLAN))
    calldata[position] = value

    with pytest.raises(PlanError) as refusal:
        decode(bytes(calldata), PLAN.profit_tokens)

    assert str(refusal.value) == f"plan: {message}"


def test_decode__wrong_length__is_refused() -> None:
    calldata = encode(PLAN)

    for wrong in [*(calldata[:length] for length in range(len(calldata))), calldata + b"\0", calldata + bytes(32)]:
        with pytest.raises(PlanError):
            decode(wrong, PLAN.profit_tokens)
