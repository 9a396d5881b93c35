from collections import Counter

import pytest

from keeper.config import load_chain, load_settings
from keeper.errors import ConfigError
from keeper.events import TOPICS
from keeper.pools.pool import PoolInfo
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.registry import Rules, illiquid, topics_of
from keeper.types import Address

FACTS = load_chain("arbitrum")
WETH, USDC, ARB = (FACTS.token(symbol) for symbol in ("WETH", "USDC", "ARB"))
POOLS = [
    PoolInfo("uniswap_v2", "sushi_v2", Address(f"0x{number:040x}"), tokens, 3_000)
    for number, tokens in enumerate([(WETH, USDC), (ARB, WETH), (ARB, USDC)], 1)
]
FIRST, SECOND, THIRD = (info.address for info in POOLS)


def sifted(**settings: object) -> tuple[list[Address], Counter[str]]:
    rules = Rules.of(load_settings(rpc_url="http://x", **settings), FACTS)
    wanted, dropped = rules.sifted(POOLS)
    return [info.address for info in wanted], dropped


def test_rules__none__let_everything_in() -> None:
    assert sifted() == ([FIRST, SECOND, THIRD], Counter())


@pytest.mark.parametrize(
    ("settings", "wanted", "dropped"),
    [
        ({"deny_pools": [FIRST]}, [SECOND, THIRD], {"pool_denied": 1}),
        ({"allow_pools": [FIRST, THIRD]}, [FIRST, THIRD], {"pool_not_allowed": 1}),
        ({"deny_tokens": ["ARB"]}, [FIRST], {"token_denied": 2}),
        ({"allow_tokens": ["ARB", "USDC"]}, [THIRD], {"token_not_allowed": 2}),
        (
            {"allow_pools": [FIRST, SECOND], "deny_pools": [SECOND], "deny_tokens": ["USDC"]},
            [],
            {"pool_denied": 1, "pool_not_allowed": 1, "token_denied": 1},
        ),
    ],
)
def test_rules__count_what_they_drop(
    settings: dict[str, object], wanted: list[Address], dropped: dict[str, int]
) -> None:
    assert sifted(**settings) == (wanted, Counter(dropped))


@pytest.mark.parametrize("name", ["deny_pools", "allow_pools"])
def test_rules__pool_that_does_not_exist__is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: 0xee.* is not a pool"):
        sifted(**{name: ["0x" + "ee" * 20]})


def test_rules__token_that_does_not_exist__is_refused() -> None:
    with pytest.raises(ConfigError, match="token 'PEPE' is unknown"):
        sifted(deny_tokens=["PEPE"])


def test_illiquid__pools_that_hold_less__by_what_anybody_can_value() -> None:
    rich, poor, unknown = (UniswapV2Pool(info, 10**20, 10**20) for info in POOLS)
    poor = UniswapV2Pool(poor.info, 10**17, 10**17)

    def in_eth(token: Address, amount: int) -> int | None:
        return amount if token == WETH else None

    assert illiquid([rich, poor, unknown], in_eth, 10**18) == [SECOND, THIRD]


def test_topics__of_unknown_family__are_all() -> None:
    assert set(topics_of({"uniswap_v2"})) < set(topics_of({"uniswap_v2", "uniswap_v3"})) < set(TOPICS)
    assert topics_of({"of tomorrow"}) == sorted(TOPICS)
