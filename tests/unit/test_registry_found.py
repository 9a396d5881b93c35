"""
What views say of the pools of a DEX, by a chain in memory.
"""

from collections import Counter
from collections.abc import Sequence

import pytest
from eth_abi.abi import encode

from keeper.abi import call
from keeper.config import ChainFacts, DexFacts, load_chain
from keeper.errors import PoolError
from keeper.events import balancer_v2, balancer_v3
from keeper.pools.pool import PoolInfo
from keeper.registry import Created, Found, discover, gathered
from keeper.types import ZERO_ADDRESS, Address, Answer, Call, Hash, Reading

FACTS = load_chain("arbitrum")
DEX = {dex.name: dex for dex in FACTS.dexes}
WETH, USDC, ARB = sorted(FACTS.token(symbol) for symbol in ("WETH", "USDC", "ARB"))
SHIBA = Address("0x" + "5b" * 20)
ETHER = Address("0x" + "ee" * 20)


def at(number: int) -> Address:
    return Address(f"0x{number:040x}")


class Views:
    """Answers calls from what the test put there; of anything else, nothing."""

    def __init__(self) -> None:
        self.answers: dict[Call, bytes] = {}
        self.rounds = 0

    def say(
        self, target: str, signature: str, *arguments: object, kinds: Sequence[str], values: Sequence[object]
    ) -> None:
        self.answers[call(Address(target), signature, *arguments)] = encode(kinds, values)

    def coins(self, pool: Address, *coins: Address) -> None:
        for k, coin in enumerate(coins):
            self.say(pool, "coins(uint256)", k, kinds=["address"], values=[coin])

    def listed(self, dex: DexFacts, *pools: Address) -> None:
        self.say(dex.factory, "pool_count()", kinds=["uint256"], values=[len(pools)])
        for k, pool in enumerate(pools):
            self.say(dex.factory, "pool_list(uint256)", k, kinds=["address"], values=[pool])

    def found(self, dex: DexFacts, *created: Created, most: int = 100) -> Found:
        (reading,) = discover(FACTS.with_dexes([dex]), created, most)
        return self._driven(reading)

    def _driven(self, reading: Reading[Found]) -> Found:
        answers: list[Answer] | None = None
        try:
            while True:
                asked = next(reading) if answers is None else reading.send(answers)
                answers = [self.answers.get(wanted) for wanted in asked]
                self.rounds += 1
        except StopIteration as end:
            found: Found = end.value
            return found


@pytest.fixture
def views() -> Views:
    return Views()


def test_lookup__camelot__asks_its_own_functions(views: Views) -> None:
    views.say(DEX["camelot_v2"].factory, "getPair(address,address)", WETH, ARB, kinds=["address"], values=[at(1)])
    views.say(DEX["camelot_v2"].factory, "getPair(address,address)", ARB, WETH, kinds=["address"], values=[at(1)])
    for pair in ((USDC, ARB), (ARB, USDC)):
        views.say(DEX["camelot_v3"].factory, "poolByPair(address,address)", *pair, kinds=["address"], values=[at(2)])

    pair, pool = views.found(DEX["camelot_v2"]).infos, views.found(DEX["camelot_v3"]).infos

    assert [(info.family, info.address, set(info.tokens)) for info in (*pair, *pool)] == [
        ("camelot_v2", at(1), {WETH, ARB}),
        ("camelot_v3", at(2), {USDC, ARB}),
    ]


def test_curve__list_and_older_pools__are_asked_for_their_coins(views: Views) -> None:
    dex = DEX["curve_plain"].model_copy(update={"pools": (at(9), at(8))})
    views.listed(dex, at(1), at(2), at(3), at(4), at(9))
    views.coins(at(1), WETH, USDC, ARB)
    views.coins(at(2), WETH, SHIBA)
    views.coins(at(3), ETHER, WETH)
    views.coins(at(4), USDC, ARB)
    views.coins(at(9), ARB, WETH)
    views.say(dex.factory, "is_meta(address)", at(4), kinds=["bool"], values=[True])

    found = views.found(dex)

    assert {info.address: info.tokens for info in found.infos} == {at(1): (WETH, USDC, ARB), at(9): (ARB, WETH)}
    assert found.dropped == {at(2): "unknown_token", at(3): "native_coin", at(4): "metapool", at(8): "no_answer"}
    assert views.rounds == 3


def test_curve__list_without_end__is_bounded_and_counted(views: Views) -> None:
    dex = DEX["curve_twocrypto"]
    views.listed(dex, *map(at, range(1, 8)))
    for number in range(1, 8):
        views.coins(at(number), WETH, USDC)

    found = views.found(dex, most=3)

    assert [info.address for info in found.infos] == [at(5), at(6), at(7)]
    assert found.counts() == Counter(over_limit=4)


def test_created__without_end__are_bounded_and_counted(views: Views) -> None:
    dex = DEX["uniswap_v4"]
    spam = [Created(dex, at(n), PoolInfo("uniswap_v4", dex.name, at(n), (WETH, USDC), n)) for n in range(10)]

    found = views.found(dex, *spam, Created(dex, at(11), None, "hooks"), most=4)

    assert len(found.infos) == 4
    assert found.counts() == Counter(over_limit=6, hooks=1)


def test_balancer_v2__pool_of_a_factory__is_believed_as_the_vault_knows_it(views: Views) -> None:
    dex = DEX["balancer_v2_stable"]
    pool, liar, loner = at(0xA1), at(0xA2), at(0xA3)
    pool_id = bytes.fromhex(pool[2:]) + bytes(12)
    views.say(pool, "getPoolId()", kinds=["bytes32"], values=[pool_id])
    views.say(liar, "getPoolId()", kinds=["bytes32"], values=[pool_id])
    views.say(
        balancer_v2.VAULT,
        "getPoolTokens(bytes32)",
        pool_id,
        kinds=["address[]", "uint256[]", "uint256"],
        values=[[WETH, pool, USDC], [1, 2, 3], 4],
    )

    found = views.found(dex, *(Created(dex, address) for address in (pool, liar, loner)))

    expected = PoolInfo("balancer_stable", dex.name, pool, (WETH, USDC), 0, pool_id=Hash("0x" + pool_id.hex()))
    assert found.infos == [expected]
    assert found.dropped == {liar: "not_registered", loner: "not_registered"}


def test_balancer_v3__pool_of_a_factory__is_believed_as_the_vault_knows_it(views: Views) -> None:
    dex = DEX["balancer_v3_weighted"]
    known, unknown = at(0xA1), at(0xA2)
    views.say(balancer_v3.VAULT, "getPoolTokens(address)", known, kinds=["address[]"], values=[[WETH, USDC]])

    found = views.found(dex, Created(dex, known), Created(dex, unknown))

    assert found.infos == [PoolInfo("balancer_v3_weighted", dex.name, known, (WETH, USDC), 0)]
    assert found.dropped == {unknown: "not_registered"}


def test_gathered__pool_of_two_lists__is_one_and_a_silent_dex_is_counted() -> None:
    info = PoolInfo("curve_stableswap", "curve_plain", at(1), (WETH, USDC), 0)
    first, second = Found([info]), Found([info], {at(2): "metapool"})
    second.dropped[at(1)] = "over_limit"

    found = gathered([first, PoolError("silent"), second])

    assert found.infos == [info]
    assert found.dropped == {at(2): "metapool"}
    assert found.counts() == Counter(metapool=1, dex_unreadable=1)


def test_discover__without_lookups__asks_no_factory_for_pairs() -> None:
    facts: ChainFacts = FACTS.with_dexes([DEX["uniswap_v3"]])
    info = PoolInfo("uniswap_v3", "uniswap_v3", at(1), (WETH, USDC), 500, 10)
    (reading,) = discover(facts, [Created(DEX["uniswap_v3"], at(1), info)], lookups=False)

    assert list(next(reading)) == []
    with pytest.raises(StopIteration) as end:
        reading.send([])
    assert end.value.value.infos == [info]
    assert ZERO_ADDRESS not in info.tokens
