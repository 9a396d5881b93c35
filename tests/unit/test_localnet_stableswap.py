"""
The stand-in for Curve's pools: by hand, by fuzz, and against answers of the real 3pool.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrevm import EVM, AccountInfo, BlockEnv

from localnet.addresses import ETHER
from localnet.compiler import compiled

OWNER = "0x" + "0a" * 20
NOW = 1_750_000_000
FEE, ADMIN_FEE = 4_000_000, 5 * 10**9
DAY = 86_400
DECIMALS = (18, 6, 6, 8)

TOKEN = """
# pragma version 0.4.3
balanceOf: public(HashMap[address, uint256])

@deploy
def __init__():
    self.balanceOf[msg.sender] = 10**36

@external
def transfer(to: address, amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount
    return True

@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
    return True
"""


@dataclass
class Deployed:
    """A pool of *n* coins in an EVM of its own, whose owner holds all tokens."""

    evm: EVM
    address: str
    coins: Sequence[str]
    n: int

    def __call__(self, name: str, *arguments: Any, value: int = 0) -> Any:
        function = compiled("StableSwap", N_COINS=self.n).abi.find(name, len(arguments))
        calldata = function.calldata(*arguments)
        return function.decode(self.evm.message_call(OWNER, self.address, calldata=calldata, value=value))

    def balances(self) -> list[int]:
        return [self("balances", k) for k in range(self.n)]

    def held(self) -> list[int]:
        slot_of = "0x70a08231" + self.address[2:].rjust(64, "0")
        return [
            self.evm.get_balance(self.address)
            if coin == ETHER
            else int.from_bytes(self.evm.message_call(OWNER, coin, calldata=bytes.fromhex(slot_of[2:])))
            for coin in self.coins
        ]

    def store(self, variable: str, value: int, offset: int = 0) -> None:
        slot = compiled("StableSwap", N_COINS=self.n).slots[variable] + offset
        self.evm.insert_account_storage(self.address, slot, value)

    def at(self, timestamp: int) -> None:
        self.evm.set_block_env(BlockEnv(timestamp=timestamp))


def deploy(token_code: bytes, n: int, amplification: int = 200, ether: bool = False) -> Deployed:
    evm = EVM(spec_id="CANCUN")
    evm.set_block_env(BlockEnv(timestamp=NOW))
    evm.insert_account_info(OWNER, AccountInfo(nonce=0, balance=10**30))
    coins = [evm.deploy(OWNER, token_code) for _ in range(n)]
    if ether:
        coins[0] = ETHER
    types = ["string", "string", f"address[{n}]", f"uint256[{n}]", "uint256", "uint256", "uint256"]
    rates = [10 ** (36 - decimals) for decimals in DECIMALS[:n]]
    arguments = encode(types, ["Pool", "LP", coins, rates, amplification, FEE, ADMIN_FEE])
    return Deployed(evm, evm.deploy(OWNER, compiled("StableSwap", N_COINS=n).creation + arguments), coins, n)


def whole(amount: int, n: int) -> list[int]:
    return [amount * 10**decimals for decimals in DECIMALS[:n]]


@pytest.fixture(scope="session")
def token_code() -> bytes:
    from vyper.compiler import compile_code

    return bytes.fromhex(compile_code(TOKEN, output_formats=["bytecode"])["bytecode"][2:])


@pytest.fixture
def pool(token_code: bytes) -> Deployed:
    deployed = deploy(token_code, 3)
    deployed("add_liquidity", whole(1_000_000, 3), 0)
    return deployed


@pytest.mark.parametrize("n", [2, 3, 4])
def test_pool__balanced__swaps_almost_one_to_one(token_code: bytes, n: int) -> None:
    pool = deploy(token_code, n)
    pool("add_liquidity", whole(1_000_000, n), 0)

    bought = pool("get_dy", 0, 1, 10**18)

    assert 10**6 * (10**10 - FEE) // 10**10 - 5 <= bought <= 10**6 * (10**10 - FEE) // 10**10


@pytest.mark.parametrize("n", [2, 3, 4])
def test_pool__first_deposit__mints_the_invariant(token_code: bytes, n: int) -> None:
    pool = deploy(token_code, n)

    pool("add_liquidity", whole(1_000, n), 0)

    assert pool("totalSupply") == n * 1_000 * 10**18
    assert pool("get_virtual_price") == 10**18


@settings(max_examples=60, deadline=None)
@given(
    deposit=st.tuples(*[st.integers(10_000, 10_000_000)] * 3),
    route=st.permutations([0, 1, 2]),
    share=st.integers(1, 10**6),
)
def test_exchange__any_state__pays_its_quote_and_keeps_its_books(
    token_code: bytes, deposit: tuple[int, int, int], route: list[int], share: int
) -> None:
    pool = deploy(token_code, 3)
    pool("add_liquidity", [amount * 10**decimals for amount, decimals in zip(deposit, DECIMALS, strict=False)], 0)
    sold, bought, _ = route
    amount = pool("balances", sold) * share // 10**6
    quote, before, price = pool("get_dy", sold, bought, amount), pool.held(), pool("get_virtual_price")

    paid = pool("exchange(int128,int128,uint256,uint256)", sold, bought, amount, quote)

    after = pool.held()
    assert paid == quote == before[bought] - after[bought]
    assert after[sold] - before[sold] == amount
    assert [held - balance for held, balance in zip(after, pool.balances(), strict=True)] == [
        pool("admin_balances", k) for k in range(3)
    ]
    # Newton's method stops within one unit of D.
    assert pool("get_virtual_price") >= price - 2


@settings(max_examples=60, deadline=None)
@given(amount=st.integers(10**13, 10**24), skew=st.integers(1, 50))
def test_exchange__there_and_back__never_gains(token_code: bytes, amount: int, skew: int) -> None:
    pool = deploy(token_code, 3)
    pool("add_liquidity", [skew * 10**24, 10**12, 10**12], 0)

    there = pool("exchange(int128,int128,uint256,uint256)", 0, 1, amount, 0)
    back = pool("exchange(int128,int128,uint256,uint256)", 1, 0, there, 0)

    assert back <= amount


@pytest.fixture
def ether_pool(token_code: bytes) -> Deployed:
    deployed = deploy(token_code, 2, ether=True)
    deployed("add_liquidity", whole(1_000, 2), 0, value=1_000 * 10**18)
    return deployed


def test_exchange__ether_sold__comes_with_the_call(ether_pool: Deployed) -> None:
    quote = ether_pool("get_dy", 0, 1, 10**18)

    paid = ether_pool("exchange(int128,int128,uint256,uint256)", 0, 1, 10**18, quote, value=10**18)

    assert paid == quote
    assert ether_pool.held() == [1_001 * 10**18, 1_000 * 10**6 - paid]
    assert ether_pool.balances()[0] == 1_001 * 10**18


def test_exchange__ether_bought__is_sent(ether_pool: Deployed) -> None:
    had = ether_pool.evm.get_balance(OWNER)

    paid = ether_pool("exchange(int128,int128,uint256,uint256)", 1, 0, 10**6, 0)

    assert 99 * 10**16 < paid < 10**18
    assert ether_pool.evm.get_balance(OWNER) - had == paid
    assert ether_pool.held()[0] == 1_000 * 10**18 - paid
    assert ether_pool("admin_balances", 0) == ether_pool.held()[0] - ether_pool.balances()[0] > 0


def test_remove_liquidity__with_ether__pays_all_balances(ether_pool: Deployed) -> None:
    had = ether_pool.evm.get_balance(OWNER)

    ether_pool("remove_liquidity", ether_pool("totalSupply"), [0, 0])

    assert ether_pool.evm.get_balance(OWNER) - had == 1_000 * 10**18
    assert ether_pool.held() == [0, 0]


@pytest.mark.parametrize(("sold", "value"), [(0, 0), (0, 10**6 - 1), (0, 10**6 + 1), (1, 1), (1, 10**6)])
def test_exchange__wrong_amount_of_ether__reverts(ether_pool: Deployed, sold: int, value: int) -> None:
    with pytest.raises(RuntimeError, match=_hex("wrong amount of ether")):
        ether_pool("exchange(int128,int128,uint256,uint256)", sold, 1 - sold, 10**6, 0, value=value)


@pytest.mark.parametrize("call", [("add_liquidity", [1, 1, 1], 0), ("exchange", 0, 1, 10**6, 0)])
def test_pool__ether_sent_to_coins_that_are_tokens__reverts(pool: Deployed, call: tuple[Any, ...]) -> None:
    name = {"add_liquidity": "(uint256[3],uint256)", "exchange": "(int128,int128,uint256,uint256)"}[call[0]]

    with pytest.raises(RuntimeError, match=_hex("wrong amount of ether")):
        pool(call[0] + name, *call[1:], value=1)


@settings(max_examples=40, deadline=None)
@given(amounts=st.tuples(*[st.integers(0, 500_000)] * 3))
def test_deposit_and_withdrawal__unbalanced__cost_a_fee(token_code: bytes, amounts: tuple[int, int, int]) -> None:
    pool = deploy(token_code, 3)
    pool("add_liquidity", whole(1_000_000, 3), 0)
    if not any(amounts):
        return
    given_in = [amount * 10**decimals for amount, decimals in zip(amounts, DECIMALS, strict=False)]
    price = pool("get_virtual_price")

    minted = pool("add_liquidity(uint256[3],uint256)", given_in, 0)
    burned = pool("remove_liquidity_imbalance", given_in, 2**256 - 1)

    assert burned >= minted
    assert pool("get_virtual_price") >= price - 2


def test_remove_liquidity__everything__pays_all_balances(pool: Deployed) -> None:
    paid = pool("remove_liquidity", pool("totalSupply"), [0, 0, 0])

    assert list(paid) == whole(1_000_000, 3)
    assert pool("totalSupply") == 0


def test_remove_liquidity_one_coin__quote__is_paid(pool: Deployed) -> None:
    burned = 10**22
    quote, before = pool("calc_withdraw_one_coin", burned, 1), pool.held()

    paid = pool("remove_liquidity_one_coin", burned, 1, quote)

    assert paid == quote == before[1] - pool.held()[1]
    assert paid < 10_000 * 10**6


def test_ramp__halfway__has_half_of_the_change(pool: Deployed) -> None:
    # The first ramp begins now and ends in two days.
    pool("ramp_A", 400, NOW + 2 * DAY)
    pool.at(NOW + DAY)

    assert (pool("A"), pool("A_precise")) == (300, 30_000)

    pool("stop_ramp_A")
    pool.at(NOW + 2 * DAY)
    assert pool("A") == 300


def test_withdraw_admin_fees__after_swaps__leaves_the_balances(pool: Deployed) -> None:
    pool("exchange(int128,int128,uint256,uint256)", 0, 1, 10**23, 0)
    assert pool("admin_balances", 1) > 0

    pool("withdraw_admin_fees")

    assert pool.held() == pool.balances()


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (("exchange(int128,int128,uint256,uint256)", 0, 0, 1, 0), "same coin"),
        (("exchange(int128,int128,uint256,uint256)", 0, 3, 1, 0), "no such coin"),
        (("exchange(int128,int128,uint256,uint256)", -1, 0, 1, 0), "no such coin"),
        (("exchange(int128,int128,uint256,uint256)", 0, 1, 10**18, 10**18), "fewer coins than expected"),
        (("add_liquidity(uint256[3],uint256)", [0, 0, 0], 0), "nothing deposited"),
        (("ramp_A", 400, NOW - 1), "ramp ends in the past"),
    ],
)
def test_pool__wrong_request__reverts_with_a_reason(pool: Deployed, call: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(RuntimeError, match=_hex(reason)):
        pool(*call)


def _hex(reason: str) -> str:
    """Reasons come as ABI-encoded bytes in hex."""
    return reason.encode().hex()


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.config.getoption("--vectors") / "onchain_quotes"
    if not folder.is_dir():
        pytest.skip(f"needs recorded vectors in {folder.parent} (or --vectors DIR)")
    return folder


@pytest.fixture
def real_3pool(token_code: bytes, recorded: Path) -> Deployed:
    """The stand-in in the recorded state of Ethereum's 3pool."""
    state = json.loads((recorded / "states/1_curve_tripool_block_24407242.json").read_text())
    pool = deploy(token_code, 3, state["a_coefficient"])
    for k, balance in enumerate(state["balances"]):
        pool.store("balances", balance, offset=k)
    pool.store("fee", state["fee"])
    pool.store("lp_token.totalSupply", state["lp_token_total_supply"])
    assert pool("get_virtual_price") == state["virtual_price"]
    return pool


def test_get_dy__state_of_the_real_3pool__is_its_answer(real_3pool: Deployed, recorded: Path) -> None:
    # The 3pool of 2020 takes its fee after the conversion to the coin's decimals, later pools before it.
    real_3pool.store("fee", 0)
    quotes = json.loads((recorded / "quotes/curve_tripool_get_dy.json").read_text())["entries"]

    for key, expected in quotes.items():
        _, _, direction, amount = key.split("|")
        sold, bought = (("DAI", "USDC", "USDT").index(symbol) for symbol in direction.split("->"))
        before_fee = real_3pool("get_dy", sold, bought, int(amount))
        assert before_fee - before_fee * 1_500_000 // 10**10 == expected["value"], key


def test_deposit_and_withdrawal_quotes__state_of_the_real_3pool__are_its_answers(
    real_3pool: Deployed, recorded: Path
) -> None:
    name = "quotes/curve_tripool_calc_withdraw_and_token_amount.json"
    quotes = json.loads((recorded / name).read_text())["entries"]

    for key, expected in quotes.items():
        function, coin, amount = key.split("|")[1], int(key.split("i=")[1][0]), int(key.rsplit("|", 1)[1])
        if function == "calc_token_amount":
            found = real_3pool(function, [amount if k == coin else 0 for k in range(3)], "|deposit|" in key)
        else:
            found = real_3pool(function, amount, coin)
        assert found == expected["value"], key
