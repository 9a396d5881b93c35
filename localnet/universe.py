"""
The tokens and pools of the localnet: which there are, how deep they are, and at which prices they begin.

Prices and depths are invented; only the addresses are the real chain's. The pools overlap on purpose, so that cycles of
two and three hops exist between DEXes of every family.
"""

from dataclasses import dataclass

from localnet import addresses


@dataclass(frozen=True, slots=True)
class Token:
    """
    A token.

    Attributes:
        price_cents: What one whole token is worth at genesis, in US cents.
        on_l1: The token that it represents, which the bridge's ERC-20 remembers.
    """

    symbol: str
    address: str
    name: str
    decimals: int
    price_cents: int
    on_l1: str

    def units(self, usd: int) -> int:
        """Return how many of the smallest units are worth *usd* dollars."""
        return usd * 100 * int(10**self.decimals) // self.price_cents


_TOKENS = (
    Token(
        "WETH",
        addresses.WETH,
        "Wrapped Ether",
        decimals=18,
        price_cents=3_000_00,
        on_l1=addresses.WETH_ON_L1,
    ),
    Token(
        "USDC",
        "0xaf88d065e77c8cC2239327C5EDb3A432268e5831",
        "USD Coin",
        decimals=6,
        price_cents=1_00,
        on_l1="0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
    ),
    Token(
        "USDC.e",
        "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8",
        "USD Coin (Arb1)",
        decimals=6,
        price_cents=1_00,
        on_l1="0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
    ),
    Token(
        "USDT",
        "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9",
        "Tether USD",
        decimals=6,
        price_cents=1_00,
        on_l1="0xdAC17F958D2ee523a2206206994597C13D831ec7",
    ),
    Token(
        "DAI",
        "0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1",
        "Dai Stablecoin",
        decimals=18,
        price_cents=1_00,
        on_l1="0x6B175474E89094C44Da98b954EedeAC495271d0F",
    ),
    Token(
        "WBTC",
        "0x2f2a2543B76A4166549F7aaB2e75Bef0aefC5B0f",
        "Wrapped BTC",
        decimals=8,
        price_cents=60_000_00,
        on_l1="0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599",
    ),
    Token(
        "ARB",
        "0x912CE59144191C1204E64559FE8253a0e49E6548",
        "Arbitrum",
        decimals=18,
        price_cents=80,
        on_l1="0xB50721BCf8d664c30412Cfbc6cf7a15145234ad1",
    ),
    Token(
        "LINK",
        "0xf97f4df75117a78c1A5a0DBb814Af92458539FB4",
        "ChainLink Token",
        decimals=18,
        price_cents=15_00,
        on_l1="0x514910771AF9Ca656af840dff83E8264EcF986CA",
    ),
    Token(
        "wstETH",
        "0x5979D7b546E38E414F7E9822514be443A4800529",
        "Wrapped liquid staked Ether 2.0",
        decimals=18,
        price_cents=3_600_00,
        on_l1="0x7f39C581F595B53c5cb19bD0b3f8dA6c935E2Ca0",
    ),
)
TOKENS = {token.symbol: token for token in _TOKENS}
#: Not a token: only some pools take it.
ETHER = Token("ETH", addresses.ETHER, "Ether", decimals=18, price_cents=3_000_00, on_l1=addresses.ETHER)


@dataclass(frozen=True, slots=True)
class V2Spec:
    """A pair with *depth* dollars on each side."""

    tokens: tuple[str, str]
    depth: int
    skew_bps: int = 0


@dataclass(frozen=True, slots=True)
class V3Spec:
    """
    A concentrated pool.

    Attributes:
        depth: Dollars on each side, over all positions.
        skew_bps: How far its first price lies above the reference, in basis points.
        ladder: How many adjacent positions of one tick spacing there are on top of the nested ranges.
    """

    tokens: tuple[str, str]
    fee_pips: int
    depth: int
    skew_bps: int = 0
    ladder: int = 0


@dataclass(frozen=True, slots=True)
class WeightedSpec:
    """A Balancer pool whose tokens have *weights* in percent; *depth* dollars in all."""

    tokens: tuple[str, ...]
    weights: tuple[int, ...]
    fee_pips: int
    depth: int


@dataclass(frozen=True, slots=True)
class StableSpec:
    """A StableSwap pool (Balancer's or Curve's) with *depth* dollars of each token."""

    tokens: tuple[str, ...]
    amplification: int
    fee_pips: int
    depth: int


@dataclass(frozen=True, slots=True)
class CryptoSpec:
    """A pool under Curve's ABI for volatile coins, with *depth* dollars of each token."""

    tokens: tuple[str, ...]
    fee_pips: int
    depth: int


M = 1_000_000

UNISWAP_V3 = (
    V3Spec(("WETH", "USDC"), 500, 12 * M, ladder=60),
    V3Spec(("WETH", "USDC"), 3000, 6 * M, 2),
    V3Spec(("WETH", "USDC"), 100, 2 * M, -1, ladder=120),
    V3Spec(("WETH", "USDC"), 10000, M, 5),
    V3Spec(("WETH", "USDC.e"), 500, 5 * M, 1, ladder=20),
    V3Spec(("WETH", "USDT"), 500, 6 * M, -2, ladder=20),
    V3Spec(("WETH", "DAI"), 3000, 2 * M),
    V3Spec(("WBTC", "WETH"), 500, 8 * M, 1, ladder=20),
    V3Spec(("WBTC", "WETH"), 3000, 3 * M),
    V3Spec(("WBTC", "USDT"), 500, 3 * M, -1),
    V3Spec(("ARB", "WETH"), 500, 3 * M),
    V3Spec(("ARB", "WETH"), 3000, 2 * M, 3),
    V3Spec(("ARB", "USDC"), 500, 3 * M, -3, ladder=20),
    V3Spec(("LINK", "WETH"), 3000, 2 * M),
    V3Spec(("wstETH", "WETH"), 100, 6 * M, ladder=20),
    V3Spec(("USDC", "USDC.e"), 100, 8 * M),
    V3Spec(("USDC", "USDT"), 100, 8 * M, ladder=10),
    V3Spec(("DAI", "USDC"), 100, 4 * M),
)
SUSHI_V3 = (
    V3Spec(("WETH", "USDC"), 500, 2 * M, -2),
    V3Spec(("ARB", "WETH"), 500, M, 2),
    V3Spec(("WBTC", "WETH"), 500, M),
    V3Spec(("USDC", "USDT"), 100, 2 * M),
)
PANCAKE_V3 = (
    V3Spec(("WETH", "USDC"), 100, 4 * M, 3, ladder=40),
    V3Spec(("WETH", "USDC"), 500, 3 * M, -1),
    V3Spec(("ARB", "WETH"), 500, 2 * M),
    V3Spec(("WBTC", "WETH"), 500, 2 * M, 2),
    V3Spec(("WETH", "USDT"), 100, 2 * M, 1),
    V3Spec(("USDC", "USDT"), 100, 3 * M),
)
SUSHI_V2 = (
    V2Spec(("WETH", "USDC.e"), 3 * M, 4),
    V2Spec(("WETH", "USDC"), 2 * M),
    V2Spec(("WETH", "USDT"), 2 * M, -4),
    V2Spec(("ARB", "WETH"), 2 * M),
    V2Spec(("WBTC", "WETH"), 3 * M, 2),
    V2Spec(("LINK", "WETH"), M),
    V2Spec(("WETH", "DAI"), M),
)
UNISWAP_V2 = (
    V2Spec(("WETH", "USDC"), 3 * M, -3),
    V2Spec(("WBTC", "WETH"), 2 * M),
    V2Spec(("ARB", "USDC"), M, 5),
    V2Spec(("LINK", "WETH"), M, -5),
)
BALANCER_WEIGHTED = (
    WeightedSpec(("WBTC", "WETH", "USDC"), (33, 34, 33), 2500, 6 * M),
    WeightedSpec(("ARB", "WETH"), (60, 40), 3000, 3 * M),
)
BALANCER_V3 = (WeightedSpec(("WETH", "USDC"), (50, 50), 3000, 4 * M),)
#: The second pool prices wstETH through a rate provider.
BALANCER_STABLE = (
    StableSpec(("USDC", "USDT", "DAI"), 2000, 100, 3 * M),
    StableSpec(("wstETH", "WETH"), 500, 400, 4 * M),
)
CURVE = {
    addresses.CURVE_2POOL: StableSpec(("USDC.e", "USDT"), 2000, 100, 5 * M),
    addresses.CURVE_3POOL: StableSpec(("DAI", "USDC", "USDT"), 1000, 400, 4 * M),
}
#: Its wstETH counts as what it is worth in ether.
CURVE_WSTETH = StableSpec(("ETH", "wstETH"), 500, 400, 3 * M)
CURVE_CRYPTO = CryptoSpec(("USDT", "WBTC", "WETH"), 1000, 2 * M)
UNISWAP_V4 = (
    V3Spec(("WETH", "USDC"), 500, 3 * M, -2),
    V3Spec(("WETH", "USDC"), 3000, 2 * M, 1),
)
UNISWAP_V4_NATIVE = (
    V3Spec(("ETH", "USDC"), 500, 3 * M, 3),
    V3Spec(("ETH", "wstETH"), 100, 2 * M),
)


def token(symbol: str) -> Token:
    """Return the token that is called *symbol*, or ether."""
    return ETHER if symbol == ETHER.symbol else TOKENS[symbol]


def sorted_by_address(*symbols: str) -> list[Token]:
    """Return the tokens in the order in which DEXes keep them."""
    return sorted((TOKENS[symbol] for symbol in symbols), key=lambda token: int(token.address, 16))
