"""
How the executor knows the DEXes, and where their pools stand.
"""

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from keeper.errors import PlanError
from keeper.keccak import keccak
from keeper.types import Address

_WORD = 32


class Family(Enum):
    """
    How a pool is paid.
    """

    #: Before it is called, or, if its call carries data, in its callback.
    V2 = "v2"
    #: In its callback.
    V3 = "v3"
    #: It takes from the executor, or is paid while its Vault or PoolManager is unlocked.
    HELD = "held"


class Dex(NamedTuple):
    """
    Attributes:
        kind: Its number in a program.
        deployer: What CREATE2 derives pools from; empty where they are named.
        by_fee: Whether a pool's address depends on its fee.
    """

    kind: int
    family: Family
    deployer: bytes = b""
    init_hash: bytes = b""
    by_fee: bool = False

    @property
    def is_v3(self) -> bool:
        return self.family is Family.V3

    @property
    def lends(self) -> bool:
        """
        Return whether its pools do; Camelot's V3 pools call back by a name that the executor does not know.
        """
        return self.is_v3 and self.by_fee

    @property
    def is_v2(self) -> bool:
        return self.family is Family.V2


def _derived(kind: int, family: Family, deployer: str, init_hash: str, by_fee: bool = False) -> Dex:
    return Dex(kind, family, bytes.fromhex(deployer), bytes.fromhex(init_hash), by_fee)


_UNISWAP_V3_INIT_HASH = "e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54"

DEXES = {
    "uniswap_v3": _derived(
        16, Family.V3, "1f98431c8ad98523631ae4a59f267346ea31f984", _UNISWAP_V3_INIT_HASH, by_fee=True
    ),
    "sushi_v3": _derived(17, Family.V3, "1af415a1eba07a4986a52b6f2e7de7003d82231e", _UNISWAP_V3_INIT_HASH, by_fee=True),
    "pancake_v3": _derived(
        18,
        Family.V3,
        "41ff9aa7e16b8b1a8a8dc4f0efacd93d02d071c9",
        "6ce8eb472fa82df5469c6ab6d485f17c3ad13c8cd7af59b3d4a8026c5ce0f7e2",
        by_fee=True,
    ),
    "camelot_v3": _derived(
        19,
        Family.V3,
        "6dd3fb9653b10e806650f107c3b5a0a6ff974f65",
        "6c1bebd370ba84753516bc1393c0d0a6c645856da55f5393ac8ab3d6dbc861d3",
    ),
    "uniswap_v2": _derived(
        32,
        Family.V2,
        "f1d7cc64fb4452f05c498126312ebe29f30fbcf9",
        "96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f",
    ),
    "sushi_v2": _derived(
        33,
        Family.V2,
        "c35dadb65012ec5796536bd9864ed8773abc74c4",
        "e18a34eb0e04b04f7a0ac29a6e80748dca96319b42c54d679cb821dca90c6303",
    ),
    "camelot_v2": _derived(
        34,
        Family.V2,
        "6eccab422d763ac031210895c81787e87b43a652",
        "a856464ae65f7619087bc369daaf7e387dae1e5af69cfa7935850ebf754b04c1",
    ),
    "uniswap_v4": Dex(48, Family.HELD),
    "curve": Dex(64, Family.HELD),
    "balancer_v2": Dex(80, Family.HELD),
    "balancer_v3": Dex(81, Family.HELD),
}

DEX_OF_KIND = {dex.kind: name for name, dex in DEXES.items()}


@lru_cache(maxsize=65_536)
def pool_address(dex: str, token_a: Address, token_b: Address, fee_pips: int) -> Address:
    """
    Return where the DEX's pool of two tokens stands, in either order; the fee only counts where pools differ by it.

    Raises:
        PlanError: The executor does not know the DEX, or does not derive its pools.
    """
    facts = known(dex)
    if not facts.deployer:
        raise PlanError(f"plan: the pools of {dex} are not derived")
    token0, token1 = sorted((to_bytes(token_a), to_bytes(token_b)))
    if facts.is_v2:
        salt = keccak(token0 + token1)
    else:
        fee = fee_pips.to_bytes(_WORD) if facts.by_fee else b""
        salt = keccak(token0.rjust(_WORD, b"\0") + token1.rjust(_WORD, b"\0") + fee)
    return Address("0x" + keccak(b"\xff" + facts.deployer + salt + facts.init_hash)[12:].hex())


def known(dex: str) -> Dex:
    """
    Return what the executor knows of a DEX.

    Raises:
        PlanError: Nothing.
    """
    if dex not in DEXES:
        raise PlanError(f"plan: the executor does not know the DEX {dex}")
    return DEXES[dex]


def to_bytes(address: Address) -> bytes:
    """
    Return the 20 bytes of an address.

    Raises:
        PlanError: It is none, or not in lower case.
    """
    if len(address) != 42 or not address.startswith("0x") or address != address.lower():
        raise PlanError(f"plan: {address} is not a lower-case address")
    try:
        return bytes.fromhex(address[2:])
    except ValueError:
        raise PlanError(f"plan: {address} is not a lower-case address") from None
