"""
Flash loans of Aave 3.6: what they cost, and what they can lend.
"""

from collections.abc import Iterator

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from vyper.compiler import compile_code

import localnet
from localnet import Localnet, accounts
from localnet.abi import function
from localnet.accounts import OWNER
from localnet.addresses import AAVE_DATA_PROVIDER, AAVE_POOL, AAVE_RESERVES
from localnet.errors import RpcError

BALANCE_OF = function("balanceOf(address)", ["uint256"])
LENDABLE = function("getVirtualUnderlyingBalance(address)", ["uint128"])
LOAN = function("flashLoanSimple(address,address,uint256,bytes,uint16)")
BORROW = function("borrow(address,uint256,uint256,uint16,address)")
VARIABLE_RATE = 2
#: Solidity's panic for a subtraction below zero.
UNDERFLOW = keccak(text="Panic(uint256)")[:4] + encode(["uint256"], [0x11])
INVALID_AMOUNT = keccak(text="InvalidAmount()")[:4]

BORROWER = """
# pragma version 0.4.3
from ethereum.ercs import IERC20

repaid: public(uint256)
initiator: public(address)
short: public(uint256)

@external
def pay_less(amount: uint256):
    self.short = amount

@external
def executeOperation(asset: address, amount: uint256, premium: uint256, initiator: address, params: Bytes[32]) -> bool:
    assert staticcall IERC20(asset).balanceOf(self) >= amount
    self.repaid = amount + premium
    self.initiator = initiator
    extcall IERC20(asset).approve(msg.sender, amount + premium - self.short)
    return True
"""


@pytest.fixture
def net() -> Iterator[Localnet]:
    with localnet.start(sequencer=False) as started:
        yield started


@pytest.fixture
def borrower(net: Localnet) -> str:
    code = compile_code(BORROWER, output_formats=["bytecode"])["bytecode"]
    return str(send(net, None, bytes.fromhex(code[2:]))["contractAddress"])


def send(net: Localnet, to: str | None, data: bytes, sender: str | None = None) -> dict[str, str]:
    transaction = {"from": sender or accounts.public(0).address, "data": "0x" + data.hex(), "gas": hex(5_000_000)}
    sent = net.rpc("eth_sendTransaction", transaction | ({"to": to} if to else {}))
    net.mine()
    receipt: dict[str, str] = net.rpc("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    return receipt


def ask(net: Localnet, to: str, data: bytes) -> bytes:
    return bytes.fromhex(net.rpc("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")[2:])


def refusal(net: Localnet, data: bytes) -> bytes:
    """Return the revert data of a call to the pool."""
    with pytest.raises(RpcError) as refused:
        ask(net, AAVE_POOL, data)
    return bytes.fromhex((refused.value.data or "0x")[2:])


def balance(net: Localnet, token: str, owner: str) -> int:
    answer: int = BALANCE_OF.decode(ask(net, token, BALANCE_OF.calldata(owner)))
    return answer


def lendable(net: Localnet, token: str) -> int:
    answer: int = LENDABLE.decode(ask(net, AAVE_DATA_PROVIDER, LENDABLE.calldata(token)))
    return answer


@pytest.mark.parametrize("symbol", AAVE_RESERVES)
def test_flash_loan__any_reserve__costs_5_basis_points(net: Localnet, borrower: str, symbol: str) -> None:
    token = net.layout.tokens[symbol]
    amount = 10**token.decimals
    net.deal(symbol, borrower, amount)

    send(net, AAVE_POOL, LOAN.calldata(borrower, token.address, amount, b"", 0))

    assert amount - balance(net, token.address, borrower) == amount * 5 // 10_000


@pytest.mark.parametrize(
    ("amount", "premium"),
    [(1, 1), (1_000, 1), (1_999, 1), (2_000, 1), (2_001, 2), (4_001, 3), (10**12 + 1, 500_000_001)],
)
def test_flash_loan__fraction_of_a_unit__is_rounded_up(net: Localnet, borrower: str, amount: int, premium: int) -> None:
    token = net.layout.tokens["USDC"].address
    net.deal("USDC", borrower, premium)
    pool_had = balance(net, token, AAVE_RESERVES["USDC"][0])

    send(net, AAVE_POOL, LOAN.calldata(borrower, token, amount, b"", 0))

    assert int.from_bytes(ask(net, borrower, function("repaid()").calldata())) == amount + premium
    assert balance(net, token, borrower) == 0
    assert balance(net, token, AAVE_RESERVES["USDC"][0]) == pool_had + premium
    assert lendable(net, token) == pool_had + premium


def test_flash_loan__one_unit_of_premium_not_allowed__reverts(net: Localnet, borrower: str) -> None:
    token = net.layout.tokens["USDC"].address
    net.deal("USDC", borrower, 10)
    send(net, borrower, function("pay_less(uint256)").calldata(1))

    reason = refusal(net, LOAN.calldata(borrower, token, 2_001, b"", 0))

    assert decode(["string"], reason[4:]) == ("ERC20: insufficient allowance",)


def test_flash_loan__stranger_names_a_receiver__is_told_as_initiator(net: Localnet, borrower: str) -> None:
    net.deal("USDC", borrower, 10)
    stranger = accounts.public(3).address

    send(net, AAVE_POOL, LOAN.calldata(borrower, net.layout.tokens["USDC"].address, 1_000, b"", 0), stranger)

    assert ask(net, borrower, function("initiator()").calldata()) == encode(["address"], [stranger])


def test_flash_loan__all_that_is_lendable__is_lent(net: Localnet, borrower: str) -> None:
    token = net.layout.tokens["USDC"].address
    everything = lendable(net, token)
    net.deal("USDC", borrower, everything)

    send(net, AAVE_POOL, LOAN.calldata(borrower, token, everything, b"", 0))

    assert lendable(net, token) == everything + -(-everything * 5 // 10_000)


def test_flash_loan__more_than_the_virtual_balance__reverts_though_the_tokens_are_there(
    net: Localnet, borrower: str
) -> None:
    token, holder = net.layout.tokens["USDC"].address, AAVE_RESERVES["USDC"][0]
    debt, amount = 1_000 * 10**6, lendable(net, token)
    net.rpc("anvil_impersonateAccount", OWNER)
    send(net, AAVE_POOL, BORROW.calldata(token, debt, VARIABLE_RATE, 0, OWNER), OWNER)
    net.deal("USDC", holder, 2 * amount)
    net.deal("USDC", borrower, amount)

    assert lendable(net, token) == amount - debt
    assert balance(net, token, holder) == 2 * amount
    assert refusal(net, LOAN.calldata(borrower, token, amount - debt + 1, b"", 0)) == UNDERFLOW
    send(net, AAVE_POOL, LOAN.calldata(borrower, token, amount - debt, b"", 0))


def test_flash_loan__more_than_was_ever_supplied__reverts(net: Localnet, borrower: str) -> None:
    token = net.layout.tokens["USDC"].address

    assert refusal(net, LOAN.calldata(borrower, token, 2 * lendable(net, token), b"", 0)) == INVALID_AMOUNT
