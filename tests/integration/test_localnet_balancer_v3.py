"""
The real Vault of Balancer V3: free loans by unlock, sendTo and settle, and swaps of the exact input in between.
"""

from collections.abc import Iterator

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from vyper.compiler import compile_code

import localnet
from localnet import Localnet, accounts, pins, swaps
from localnet.abi import function
from localnet.addresses import BALANCER_V3_ROUTER, BALANCER_V3_VAULT
from localnet.errors import RpcError
from localnet.swaps import Swap

pytestmark = pytest.mark.skipif(
    not pins.provided("balancer-v3"), reason="needs python -m localnet build --with balancer-v3 (a minute or two)"
)

BALANCE_OF = function("balanceOf(address)", ["uint256"])
RESERVES_OF = function("getReservesOf(address)", ["uint256"])
QUERY = function("query(address,address,address,uint256)", ["uint256"])
BORROW = function("borrow(address,uint256,uint256)")
SELL = function("sell_what_was_lent(address,address,address,uint256)")

USER = """
# pragma version 0.4.3
from ethereum.ercs import IERC20

struct VaultSwapParams:
    kind: uint8
    pool: address
    token_in: address
    token_out: address
    amount_given: uint256
    limit: uint256
    user_data: Bytes[1]

interface IVault:
    def unlock(data: Bytes[1024]) -> Bytes[1024]: nonpayable
    def settle(token: address, amount_hint: uint256) -> uint256: nonpayable
    def sendTo(token: address, to: address, amount: uint256): nonpayable
    def swap(params: VaultSwapParams) -> (uint256, uint256, uint256): nonpayable

VAULT: immutable(IVault)
borrowed: public(uint256)
bought: public(uint256)

@deploy
def __init__(vault: address):
    VAULT = IVault(vault)

@external
def borrow(token: address, amount: uint256, repaid: uint256):
    data: Bytes[1024] = abi_encode(
        token, amount, repaid, method_id=method_id("lent(address,uint256,uint256)")
    )
    extcall VAULT.unlock(data)

@external
def lent(token: address, amount: uint256, repaid: uint256):
    extcall VAULT.sendTo(token, self, amount)
    self.borrowed = staticcall IERC20(token).balanceOf(self)
    extcall IERC20(token).transfer(VAULT.address, repaid)
    extcall VAULT.settle(token, repaid)

@external
def sell_what_was_lent(pool: address, sold: address, bought: address, amount: uint256):
    data: Bytes[1024] = abi_encode(
        pool, sold, bought, amount, method_id=method_id("sell(address,address,address,uint256)")
    )
    extcall VAULT.unlock(data)

@external
def sell(pool: address, sold: address, bought: address, amount: uint256):
    extcall VAULT.sendTo(sold, self, amount)
    extcall IERC20(sold).transfer(VAULT.address, amount)
    extcall VAULT.settle(sold, amount)
    calculated: uint256 = 0
    paid: uint256 = 0
    calculated, paid, self.bought = extcall VAULT.swap(VaultSwapParams(
        kind=0, pool=pool, token_in=sold, token_out=bought, amount_given=amount, limit=0, user_data=b""
    ))
    extcall IERC20(sold).transfer(VAULT.address, amount)
    extcall VAULT.settle(sold, amount)
    extcall VAULT.sendTo(bought, self, self.bought)
"""


@pytest.fixture
def net() -> Iterator[Localnet]:
    with localnet.start(sequencer=False, groups=["balancer-v3"]) as started:
        yield started


@pytest.fixture
def user(net: Localnet) -> str:
    code = compile_code(USER, output_formats=["bytecode"])["bytecode"]
    vault = encode(["address"], [BALANCER_V3_VAULT])
    return str(send(net, None, bytes.fromhex(code[2:]) + vault)["contractAddress"])


def send(net: Localnet, to: str | None, data: bytes, sender: str | None = None) -> dict[str, str]:
    transaction = {"from": sender or accounts.public(0).address, "data": "0x" + data.hex(), "gas": hex(5_000_000)}
    sent = net.rpc("eth_sendTransaction", transaction | ({"to": to} if to else {}))
    net.mine()
    receipt: dict[str, str] = net.rpc("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    return receipt


def ask(net: Localnet, to: str, data: bytes) -> bytes:
    return bytes.fromhex(net.rpc("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")[2:])


def refusal(net: Localnet, to: str, data: bytes) -> bytes:
    """Return the first four bytes of the revert data of a call."""
    with pytest.raises(RpcError) as refused:
        ask(net, to, data)
    return bytes.fromhex((refused.value.data or "0x")[2:10])


def error(signature: str) -> bytes:
    return keccak(text=signature)[:4]


def number(net: Localnet, to: str, name: str) -> int:
    return int.from_bytes(ask(net, to, function(name).calldata()))


def balance(net: Localnet, symbol: str, owner: str) -> int:
    return int.from_bytes(ask(net, net.layout.tokens[symbol].address, BALANCE_OF.calldata(owner)))


@pytest.mark.parametrize(("symbol", "amount"), [("USDC", 1_000_000 * 10**6), ("WETH", 600 * 10**18)])
def test_unlock__loan_repaid__is_free(net: Localnet, user: str, symbol: str, amount: int) -> None:
    before = balance(net, symbol, BALANCER_V3_VAULT)

    send(net, user, BORROW.calldata(net.layout.tokens[symbol].address, amount, amount))

    assert number(net, user, "borrowed()") == amount
    assert balance(net, symbol, BALANCER_V3_VAULT) == before
    assert balance(net, symbol, user) == 0


def test_unlock__one_unit_not_repaid__reverts(net: Localnet, user: str) -> None:
    data = BORROW.calldata(net.layout.tokens["USDC"].address, 10**6, 10**6 - 1)

    assert refusal(net, user, data) == error("BalanceNotSettled()")


def test_unlock__all_that_is_held__is_lent_and_no_unit_more(net: Localnet, user: str) -> None:
    token = net.layout.tokens["USDC"].address
    reserve = int.from_bytes(ask(net, BALANCER_V3_VAULT, RESERVES_OF.calldata(token)))
    # What somebody gave can be lent only after the next settlement.
    net.deal("USDC", BALANCER_V3_VAULT, reserve + 10)

    assert refusal(net, user, BORROW.calldata(token, reserve + 1, reserve + 1)) == error("Panic(uint256)")
    send(net, user, BORROW.calldata(token, reserve, reserve))
    assert int.from_bytes(ask(net, BALANCER_V3_VAULT, RESERVES_OF.calldata(token))) == reserve + 10


@pytest.mark.parametrize("name", ["sendTo(address,address,uint256)", "settle(address,uint256)"])
def test_vault__locked__lends_and_settles_nothing(net: Localnet, name: str) -> None:
    token = net.layout.tokens["USDC"].address
    arguments = (token, accounts.public(0).address, 1) if name.startswith("sendTo") else (token, 0)

    assert refusal(net, BALANCER_V3_VAULT, function(name).calldata(*arguments)) == error("VaultIsNotUnlocked()")


@pytest.mark.parametrize(("sold", "amount"), [(0, 10**19), (1, 30_000 * 10**6), (0, 10**13)])
def test_swap__exact_input__pays_what_the_query_says(net: Localnet, sold: int, amount: int) -> None:
    (pool,) = net.layout.on("balancer_v3")
    tokens = [net.layout.tokens[symbol].address for symbol in pool.tokens]
    trader = net.layout.traders["balancer_v3"][0]
    answer = ask(net, BALANCER_V3_ROUTER, QUERY.calldata(pool.address, tokens[sold], tokens[1 - sold], amount))
    before = balance(net, pool.tokens[1 - sold], trader)
    net.rpc("anvil_impersonateAccount", trader)

    to, data = swaps.call(Swap(pool, sold, 1 - sold, amount), net.layout, trader)
    send(net, to, data, trader)

    bought = balance(net, pool.tokens[1 - sold], trader) - before
    assert bought == QUERY.decode(answer)
    assert bought > 0


def test_swap__within_a_loan__is_settled_with_it(net: Localnet, user: str) -> None:
    (pool,) = net.layout.on("balancer_v3")
    sold, bought = (net.layout.tokens[symbol].address for symbol in pool.tokens)
    net.deal(pool.tokens[0], user, 10**18)

    send(net, user, SELL.calldata(pool.address, sold, bought, 10**18))

    assert balance(net, pool.tokens[0], user) == 0
    assert balance(net, pool.tokens[1], user) == number(net, user, "bought()")
    assert 2_900 * 10**6 < number(net, user, "bought()") < 3_000 * 10**6


def test_router__hook_called_by_a_stranger__reverts(net: Localnet) -> None:
    nobody = accounts.public(1).address
    hook = function("swap_hook(address,address,address,address,uint256)").calldata(nobody, nobody, nobody, nobody, 1)

    with pytest.raises(RpcError, match="router: unexpected caller"):
        ask(net, BALANCER_V3_ROUTER, hook)
