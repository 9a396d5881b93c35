from collections.abc import Iterator
from itertools import product

import pytest
from eth_abi.abi import encode
from vyper.compiler import compile_code

import localnet
from localnet import Localnet, accounts, artifacts, pins, swaps, universe
from localnet.abi import Function, function
from localnet.addresses import BALANCER_QUERIES, BALANCER_VAULT, CURVE_WSTETH, UNISWAP_V4_QUOTER, V3_QUOTER, ZERO
from localnet.compiler import compiled
from localnet.layout import Pool
from localnet.node import BASE_FEE_WEI
from localnet.swaps import Swap

BALANCE_OF = function("balanceOf(address)", ["uint256"])
LIMITS = (1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341, 4_295_128_740)

RECEIVER = """
# pragma version 0.4.3
from ethereum.ercs import IERC20

borrowed: public(uint256)
fee: public(uint256)

@external
def borrow(lender: address, request: Bytes[1024]):
    raw_call(lender, request)

@external
def receiveFlashLoan(
    tokens: DynArray[address, 1], amounts: DynArray[uint256, 1], fees: DynArray[uint256, 1], data: Bytes[32]
):
    self._note(tokens[0], amounts[0], fees[0])
    extcall IERC20(tokens[0]).transfer(msg.sender, amounts[0] + fees[0])

@external
def uniswapV3FlashCallback(fee0: uint256, fee1: uint256, data: Bytes[32]):
    token: address = convert(slice(data, 12, 20), address)
    amount: uint256 = staticcall IERC20(token).balanceOf(self)
    self._note(token, amount, fee0)
    extcall IERC20(token).transfer(msg.sender, amount)

@external
def pancakeV3FlashCallback(fee0: uint256, fee1: uint256, data: Bytes[32]):
    token: address = convert(slice(data, 12, 20), address)
    amount: uint256 = staticcall IERC20(token).balanceOf(self)
    self._note(token, amount, fee0)
    extcall IERC20(token).transfer(msg.sender, amount)

@internal
def _note(token: address, amount: uint256, fee: uint256):
    assert staticcall IERC20(token).balanceOf(self) >= amount
    self.borrowed = amount
    self.fee = fee
"""


@pytest.fixture
def net() -> Iterator[Localnet]:
    with localnet.start(sequencer=False) as started:
        yield started


@pytest.fixture
def borrower(net: Localnet) -> str:
    code = compile_code(RECEIVER, output_formats=["bytecode"])["bytecode"]
    return str(send(net, None, bytes.fromhex(code[2:]))["contractAddress"])


def send(net: Localnet, to: str | None, data: bytes, sender: str | None = None, value: int = 0) -> dict[str, str]:
    transaction = {"from": sender or accounts.public(0).address, "data": "0x" + data.hex(), "gas": hex(5_000_000)}
    transaction |= {"value": hex(value), "gasPrice": hex(BASE_FEE_WEI)}
    sent = net.rpc("eth_sendTransaction", transaction | ({"to": to} if to else {}))
    net.mine()
    receipt: dict[str, str] = net.rpc("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    return receipt


def ask(net: Localnet, to: str, data: bytes) -> bytes:
    return bytes.fromhex(net.rpc("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")[2:])


def balance(net: Localnet, symbol: str, owner: str) -> int:
    if symbol == "ETH":
        return int(net.rpc("eth_getBalance", owner, "latest"), 16)
    answer: int = BALANCE_OF.decode(ask(net, net.layout.tokens[symbol].address, BALANCE_OF.calldata(owner)))
    return answer


def swap(net: Localnet, order: Swap) -> int:
    """Swap as the DEX's first trader, by its router; return what came out."""
    trader = net.layout.traders[order.pool.dex][0]
    net.rpc("anvil_impersonateAccount", trader)
    bought = order.pool.tokens[order.bought]
    before = balance(net, bought, trader)
    to, data = swaps.call(order, net.layout, trader)
    receipt = send(net, to, data, trader, swaps.value(order))
    gas_wei = int(receipt["gasUsed"], 16) * BASE_FEE_WEI if bought == "ETH" else 0
    return balance(net, bought, trader) - before + gas_wei


def orders(net: Localnet, pools: tuple[Pool, ...], usd: int) -> Iterator[Swap]:
    for pool in pools:
        for sold, bought in product(range(len(pool.tokens)), repeat=2):
            if sold != bought:
                yield Swap(pool, sold, bought, universe.token(pool.tokens[sold]).units(usd))


@pytest.mark.parametrize("dex", ["uniswap_v3", "sushi_v3", "pancake_v3"])
def test_v3_quoter__every_pool_and_direction__says_what_a_swap_pays(net: Localnet, dex: str) -> None:
    quote = compiled("V3Quoter").abi.find("quote", 4)
    for order in orders(net, net.layout.on(dex), usd=40_000):
        answer = ask(
            net, V3_QUOTER, quote.calldata(order.pool.address, order.sold == 0, order.amount, LIMITS[order.bought])
        )
        amounts = quote.decode(answer)[:2]

        assert amounts[order.sold] == order.amount
        assert -amounts[order.bought] == swap(net, order), order


def test_v3_quoter__exact_output__costs_what_a_swap_of_that_input_pays_for(net: Localnet) -> None:
    quote = compiled("V3Quoter").abi.find("quote", 4)
    pool = net.layout.pool("pancake_v3 WETH/USDC 500")

    wanted = 10_000 * 10**6
    amounts = quote.decode(ask(net, V3_QUOTER, quote.calldata(pool.address, True, -wanted, LIMITS[1])))[:2]

    assert amounts[1] == -wanted
    assert swap(net, Swap(pool, 0, 1, amounts[0])) >= wanted


def test_balancer__every_pool_and_direction__pays_what_queries_say(net: Localnet) -> None:
    query = Function(
        "querySwap",
        ("(bytes32,uint8,address,address,uint256,bytes)", "(address,bool,address,bool)"),
        ("uint256",),
    )
    nobody = "0x" + "00" * 20
    for order in orders(net, net.layout.on("balancer_v2"), usd=20_000):
        sold, bought = (net.layout.tokens[order.pool.tokens[k]].address for k in (order.sold, order.bought))
        assert order.pool.pool_id is not None
        single = (bytes.fromhex(order.pool.pool_id[2:]), 0, sold, bought, order.amount, b"")
        data = query.calldata(single, (nobody, False, nobody, False))
        # The query swaps and reverts inside: it is not a view function, and the Vault lets only nobody do it.
        expected = query.decode(ask(net, BALANCER_QUERIES, data))

        assert swap(net, order) == expected, order


def test_curve__every_pool_and_direction__pays_what_get_dy_says(net: Localnet) -> None:
    get_dy = function("get_dy(int128,int128,uint256)", ["uint256"])
    for order in orders(net, net.layout.on("curve"), usd=100_000):
        expected = get_dy.decode(ask(net, order.pool.address, get_dy.calldata(order.sold, order.bought, order.amount)))

        assert swap(net, order) == expected, order


def test_curve__ether_and_wsteth__swap_as_get_dy_says(net: Localnet) -> None:
    get_dy = function("get_dy(int128,int128,uint256)", ["uint256"])
    pool = net.layout.pool("curve ETH/wstETH 400")
    assert pool.address == CURVE_WSTETH

    for order in orders(net, (pool,), usd=30_000):
        expected = get_dy.decode(ask(net, pool.address, get_dy.calldata(order.sold, order.bought, order.amount)))

        assert swap(net, order) == expected, order
        assert 29_900 < expected * universe.token(pool.tokens[order.bought]).price_cents // 100 // 10**18 < 30_000


def test_curve__unsigned_indices__swap_as_get_dy_says(net: Localnet) -> None:
    get_dy = function("get_dy(uint256,uint256,uint256)", ["uint256"])
    for order in orders(net, (net.layout.pool("curve USDT/WBTC/WETH 1000"),), usd=10_000):
        data = get_dy.calldata(order.sold, order.bought, order.amount)
        expected = get_dy.decode(ask(net, order.pool.address, data))

        assert swap(net, order) == expected, order


def test_uniswap_v4__every_pool_and_direction__pays_what_its_quoter_says() -> None:
    if not pins.provided("v4"):
        pytest.skip("needs python -m localnet build --with v4 (51 MB)")
    quote = Function(
        "quoteExactInputSingle",
        ("((address,address,uint24,int24,address),bool,uint128,bytes)",),
        ("uint256", "uint256"),
    )
    with localnet.start(sequencer=False, groups=["v4"]) as net:
        native = (net.layout.pool("uniswap_v4 ETH/USDC 500"), net.layout.pool("uniswap_v4 ETH/wstETH 100"))
        for order in orders(net, (*net.layout.on("uniswap_v4"), *native), usd=20_000):
            pool = order.pool
            token0, token1 = (ZERO if symbol == "ETH" else net.layout.tokens[symbol].address for symbol in pool.tokens)
            key = (token0, token1, pool.fee_pips, pool.tick_spacing, ZERO)
            data = quote.calldata((key, order.sold == 0, order.amount, b""))
            expected, _gas = quote.decode(ask(net, UNISWAP_V4_QUOTER, data))

            assert swap(net, order) == expected, order


def test_balancer__flash_loan__is_free(net: Localnet, borrower: str) -> None:
    token, amount = net.layout.tokens["USDC"].address, 10**12
    request = function("flashLoan(address,address[],uint256[],bytes)").calldata(borrower, [token], [amount], b"")

    send(net, borrower, function("borrow(address,bytes)").calldata(BALANCER_VAULT, request))

    assert noted(net, borrower) == (amount, 0)


@pytest.mark.parametrize("name", ["uniswap_v3 WETH/USDC 500", "sushi_v3 WETH/USDC 500", "pancake_v3 WETH/USDC 500"])
def test_v3_pool__flash_loan__costs_the_pools_fee(net: Localnet, borrower: str, name: str) -> None:
    pool, amount, own = net.layout.pool(name), 10**18, 10**17
    net.deal("WETH", borrower, own)
    token = encode(["address"], [net.layout.tokens["WETH"].address])
    request = function("flash(address,uint256,uint256,bytes)").calldata(borrower, amount, 0, token)

    send(net, borrower, function("borrow(address,bytes)").calldata(pool.address, request))

    assert noted(net, borrower) == (amount + own, amount * 5 // 10_000)


@pytest.mark.parametrize(
    ("dex", "router"),
    [
        ("uniswap_v3", "SwapRouter"),
        ("uniswap_v2", "UniswapV2Router02"),
        ("sushi_v2", "SushiV2Router02"),
        ("balancer_v2", "Vault"),
    ],
)
def test_swaps__dex_with_a_real_router__call_a_function_of_it(net: Localnet, dex: str, router: str) -> None:
    order = next(orders(net, net.layout.on(dex), usd=100))

    _, data = swaps.call(order, net.layout, accounts.OWNER)

    assert data[:4] in {known.selector for known in artifacts.load(router).abi.functions}


def noted(net: Localnet, borrower: str) -> tuple[int, int]:
    """Return what was borrowed and what it cost."""
    borrowed, fee = (ask(net, borrower, function(name).calldata()) for name in ("borrowed()", "fee()"))
    return int.from_bytes(borrowed), int.from_bytes(fee)
