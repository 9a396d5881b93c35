"""
Flash loans of the real Morpho Blue: free, of whatever it holds.
"""

from collections.abc import Iterator

import pytest
from eth_abi.abi import encode
from vyper.compiler import compile_code

import localnet
from localnet import Localnet, accounts, pins
from localnet.abi import function
from localnet.addresses import MORPHO
from localnet.errors import RpcError
from localnet.universe import TOKENS

pytestmark = pytest.mark.skipif(
    not pins.provided("morpho"), reason="needs python -m localnet build --with morpho (half a minute)"
)

BALANCE_OF = function("balanceOf(address)", ["uint256"])
BORROW = function("borrow(address,uint256,uint256)")

BORROWER = """
# pragma version 0.4.3
from ethereum.ercs import IERC20

interface IMorpho:
    def flashLoan(token: address, assets: uint256, data: Bytes[64]): nonpayable

MORPHO: immutable(address)
borrowed: public(uint256)

@deploy
def __init__(morpho: address):
    MORPHO = morpho

@external
def borrow(token: address, amount: uint256, repaid: uint256):
    extcall IMorpho(MORPHO).flashLoan(token, amount, abi_encode(token, repaid))

@external
def onMorphoFlashLoan(assets: uint256, data: Bytes[64]):
    token: address = empty(address)
    repaid: uint256 = 0
    token, repaid = abi_decode(data, (address, uint256))
    self.borrowed = staticcall IERC20(token).balanceOf(self)
    extcall IERC20(token).approve(msg.sender, repaid)
"""


@pytest.fixture
def net() -> Iterator[Localnet]:
    with localnet.start(sequencer=False, groups=["morpho"]) as started:
        yield started


@pytest.fixture
def borrower(net: Localnet) -> str:
    code = compile_code(BORROWER, output_formats=["bytecode"])["bytecode"]
    return str(send(net, None, bytes.fromhex(code[2:]) + encode(["address"], [MORPHO]))["contractAddress"])


def send(net: Localnet, to: str | None, data: bytes) -> dict[str, str]:
    transaction = {"from": accounts.public(0).address, "data": "0x" + data.hex(), "gas": hex(5_000_000)}
    sent = net.rpc("eth_sendTransaction", transaction | ({"to": to} if to else {}))
    net.mine()
    receipt: dict[str, str] = net.rpc("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    return receipt


def ask(net: Localnet, to: str, data: bytes) -> int:
    return int.from_bytes(bytes.fromhex(net.rpc("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")[2:]))


@pytest.mark.parametrize("symbol", TOKENS)
def test_flash_loan__all_that_morpho_holds__is_lent_for_nothing(net: Localnet, borrower: str, symbol: str) -> None:
    token = net.layout.tokens[symbol].address
    held = ask(net, token, BALANCE_OF.calldata(MORPHO))

    send(net, borrower, BORROW.calldata(token, held, held))

    assert ask(net, borrower, function("borrowed()").calldata()) == held == TOKENS[symbol].units(5_000_000)
    assert ask(net, token, BALANCE_OF.calldata(MORPHO)) == held


@pytest.mark.parametrize(
    ("more", "less", "reason"),
    [(1, 0, "transfer reverted"), (0, 1, "transferFrom reverted")],
)
def test_flash_loan__more_than_held_or_less_repaid__reverts(
    net: Localnet, borrower: str, more: int, less: int, reason: str
) -> None:
    token = net.layout.tokens["USDC"].address
    held = ask(net, token, BALANCE_OF.calldata(MORPHO))

    with pytest.raises(RpcError, match=reason):
        ask(net, borrower, BORROW.calldata(token, held + more, held + more - less))


def test_flash_loan__of_nothing__reverts(net: Localnet, borrower: str) -> None:
    with pytest.raises(RpcError, match="zero assets"):
        ask(net, borrower, BORROW.calldata(net.layout.tokens["USDC"].address, 0, 0))
