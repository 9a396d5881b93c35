"""
Routes to the executor's packed program and calldata, and back.

The executor derives every pool from its tokens and fee; so does this module, and refuses a plan that names another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from eth_utils.crypto import keccak

from keeper.errors import PlanError
from keeper.types import Address

VERSION = 2
MAX_HOPS = 4

#: The entry points by their count of hops; each takes a header, two guards and the hops, all of them words.
SELECTORS = {
    count: keccak(text=f"execute_{name}({','.join(['uint256'] * (3 + count))})")[:4]
    for count, name in ((2, "two"), (3, "three"), (4, "four"))
}

_WORD = 32
_AMOUNT_BITS = 88
_DEADLINE_BITS = 40
_FEE_BITS = 24
_BOUND_BITS = 128
_ADDRESS_MASK = (1 << 160) - 1
#: The executor compares V3 prices without their low bits, so that two bounds fit a word.
_PRICE_SHIFT = 32


class Funding(StrEnum):
    """
    Who provides a route's input until it ends.
    """

    #: The first pool, which sends before it is paid.
    NONE = "none"
    BALANCER_V2 = "balancer_v2"


@dataclass(frozen=True, slots=True)
class Hop:
    """
    One swap of a route.

    Attributes:
        dex: A name in ``DEXES``.
        fee_pips: Share of the input kept by the pool, in millionths.
        zero_for_one: Whether the pool's first token goes in.
    """

    dex: str
    pool: Address
    token_in: Address
    token_out: Address
    fee_pips: int
    zero_for_one: bool


@dataclass(frozen=True, slots=True)
class Guard:
    """
    Bounds, both included, of a pool's state; outside, the executor stops before anything is borrowed.

    Of a V3 pool ``sqrt_price_x96`` is bound (its low 32 bits do not count), of a V2 pair ``reserve0``.
    """

    lower: int
    upper: int


@dataclass(frozen=True, slots=True)
class Route:
    """
    A cycle of swaps, funded.

    Attributes:
        amount_in: What goes into the first hop; each further hop swaps all that the one before delivered.
        min_profit: Least gain of the first hop's ``token_in``, below which the executor reverts.
        guard: Bounds of the first pool's state.
        second_guard: Bounds of the second pool's state.
    """

    hops: tuple[Hop, ...]
    funding: Funding
    amount_in: int
    min_profit: int
    guard: Guard | None = None
    second_guard: Guard | None = None

    @property
    def profit_token(self) -> Address:
        """
        Return the token that the route starts from and gains.
        """
        return self.hops[0].token_in


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What one transaction executes.

    Attributes:
        deadline: Last second, in Unix time, of a block that may include it.
        profit_tokens: The executor's own list, in its order: the program names a token by its place.
    """

    routes: tuple[Route, ...]
    deadline: int
    profit_tokens: tuple[Address, ...]


class _Dex(NamedTuple):
    """
    How the executor knows a DEX, and how its pools' addresses come about.
    """

    kind: int
    is_v3: bool
    deployer: bytes
    init_hash: bytes


_UNISWAP_V3_INIT_HASH = bytes.fromhex("e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54")

DEXES = {
    "uniswap_v3": _Dex(16, True, bytes.fromhex("1f98431c8ad98523631ae4a59f267346ea31f984"), _UNISWAP_V3_INIT_HASH),
    "sushi_v3": _Dex(17, True, bytes.fromhex("1af415a1eba07a4986a52b6f2e7de7003d82231e"), _UNISWAP_V3_INIT_HASH),
    "pancake_v3": _Dex(
        18,
        True,
        bytes.fromhex("41ff9aa7e16b8b1a8a8dc4f0efacd93d02d071c9"),
        bytes.fromhex("6ce8eb472fa82df5469c6ab6d485f17c3ad13c8cd7af59b3d4a8026c5ce0f7e2"),
    ),
    "uniswap_v2": _Dex(
        32,
        False,
        bytes.fromhex("f1d7cc64fb4452f05c498126312ebe29f30fbcf9"),
        bytes.fromhex("96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f"),
    ),
    "sushi_v2": _Dex(
        33,
        False,
        bytes.fromhex("c35dadb65012ec5796536bd9864ed8773abc74c4"),
        bytes.fromhex("e18a34eb0e04b04f7a0ac29a6e80748dca96319b42c54d679cb821dca90c6303"),
    ),
}

_DEX_OF_KIND = {dex.kind: name for name, dex in DEXES.items()}
_FUNDINGS = (Funding.NONE, Funding.BALANCER_V2)


@lru_cache(maxsize=65_536)
def pool_address(dex: str, token_a: Address, token_b: Address, fee_pips: int) -> Address:
    """
    Return where the DEX's pool of two tokens stands, in either order; the fee only counts for V3 pools.

    Raises:
        PlanError: The executor does not know the DEX.
    """
    if dex not in DEXES:
        raise PlanError(f"plan: the executor does not know the DEX {dex}")
    _, is_v3, deployer, init_hash = DEXES[dex]
    token0, token1 = sorted((_to_bytes(token_a), _to_bytes(token_b)))
    if is_v3:
        salt = keccak(token0.rjust(_WORD, b"\0") + token1.rjust(_WORD, b"\0") + fee_pips.to_bytes(_WORD))
    else:
        salt = keccak(token0 + token1)
    return Address("0x" + keccak(b"\xff" + deployer + salt + init_hash)[12:].hex())


def encode(plan: Plan) -> bytes:
    """
    Return the calldata that makes the executor run the plan.

    Raises:
        PlanError: The executor would refuse the plan, or it names a pool that is not the DEX's own.
    """
    if len(plan.routes) != 1:
        raise PlanError(f"plan: one route fits a transaction, not {len(plan.routes)}")
    (route,) = plan.routes
    words = _encode_route(route, plan.deadline, plan.profit_tokens)
    return SELECTORS[len(route.hops)] + b"".join(word.to_bytes(_WORD) for word in words)


def decode(calldata: bytes, profit_tokens: tuple[Address, ...]) -> Plan:
    """
    Return the plan that the calldata makes the executor run: the inverse of ``encode``.

    Raises:
        PlanError: The executor would refuse the calldata.
    """
    words = [int.from_bytes(calldata[i : i + _WORD]) for i in range(4, len(calldata), _WORD)]
    if SELECTORS.get(len(words) - 3) != calldata[:4] or len(calldata) % _WORD != 4:
        raise PlanError("plan: the calldata is not a call of the executor")
    route, deadline = _decode_route(words, profit_tokens)
    return Plan((route,), deadline, profit_tokens)


def _encode_route(route: Route, deadline: int, profit_tokens: Sequence[Address]) -> list[int]:
    if not 2 <= len(route.hops) <= MAX_HOPS:
        raise PlanError(f"plan: a route has 2 to {MAX_HOPS} hops, not {len(route.hops)}")
    if route.profit_token not in profit_tokens:
        raise PlanError(f"plan: the executor does not list {route.profit_token} as a profit token")
    if route.amount_in == 0:
        raise PlanError("plan: nothing goes into the route")
    _check_cycle(route.hops)
    header = VERSION << 8 | _FUNDINGS.index(route.funding)
    header = header << 8 | profit_tokens.index(route.profit_token)
    header = header << _DEADLINE_BITS | _fitting("deadline", deadline, _DEADLINE_BITS)
    header = header << _AMOUNT_BITS | _fitting("minimum profit", route.min_profit, _AMOUNT_BITS)
    header = header << _AMOUNT_BITS | _fitting("amount in", route.amount_in, _AMOUNT_BITS)
    hops = [_encode_hop(hop) for hop in route.hops]
    hops[-1] &= ~_ADDRESS_MASK
    guards = _encode_guard(route.guard, route.hops[0]), _encode_guard(route.second_guard, route.hops[1])
    return [header, *guards, *hops]


def _decode_route(words: Sequence[int], profit_tokens: Sequence[Address]) -> tuple[Route, int]:
    header, guard, second_guard, *hop_words = words
    if header >> 232 != VERSION:
        raise PlanError("plan: the program has an unknown version")
    funding, place = (header >> 224) & 0xFF, (header >> 216) & 0xFF
    if funding >= len(_FUNDINGS):
        raise PlanError("plan: the program has an unknown funding")
    if place >= len(profit_tokens):
        raise PlanError("plan: the program's profit token is not listed")
    if hop_words[-1] & _ADDRESS_MASK:
        raise PlanError("plan: the last hop names a token")

    token = profit_tokens[place]
    hop_words[-1] |= int(token, 16)
    hops: list[Hop] = []
    for word in hop_words:
        hops.append(_decode_hop(word, token))
        token = hops[-1].token_out
    route = Route(
        hops=tuple(hops),
        funding=_FUNDINGS[funding],
        amount_in=_low_bits(header, _AMOUNT_BITS),
        min_profit=_low_bits(header >> _AMOUNT_BITS, _AMOUNT_BITS),
        guard=_decode_guard(guard, hops[0]),
        second_guard=_decode_guard(second_guard, hops[1]),
    )
    return route, _low_bits(header >> 2 * _AMOUNT_BITS, _DEADLINE_BITS)


def _check_cycle(hops: Sequence[Hop]) -> None:
    for hop, following in zip(hops, (*hops[1:], hops[0]), strict=True):
        if hop.token_out != following.token_in:
            raise PlanError(f"plan: {hop.pool} delivers {hop.token_out}, {following.pool} takes {following.token_in}")
    if len({hop.pool for hop in hops}) < len(hops):
        raise PlanError("plan: a pool occurs twice in the route")


def _encode_hop(hop: Hop) -> int:
    address = pool_address(hop.dex, hop.token_in, hop.token_out, hop.fee_pips)
    if hop.pool != address:
        raise PlanError(f"plan: {hop.pool} is not the pool of {hop.dex} for its tokens and fee, {address} is")
    if hop.zero_for_one != (hop.token_in < hop.token_out):
        raise PlanError(f"plan: the direction in {hop.pool} does not fit its tokens")
    if not 0 <= hop.fee_pips < 1_000_000:
        raise PlanError(f"plan: {hop.fee_pips} millionths are no fee")
    return (DEXES[hop.dex].kind << _FEE_BITS | hop.fee_pips) << 160 | int(hop.token_out, 16)


def _decode_hop(word: int, token_in: Address) -> Hop:
    kind, fee_pips = word >> 184, _low_bits(word >> 160, _FEE_BITS)
    if kind not in _DEX_OF_KIND:
        raise PlanError("plan: the program has an unknown kind of hop")
    dex = _DEX_OF_KIND[kind]
    token_out = Address(f"0x{word & _ADDRESS_MASK:040x}")
    return Hop(
        dex=dex,
        pool=pool_address(dex, token_in, token_out, fee_pips),
        token_in=token_in,
        token_out=token_out,
        fee_pips=fee_pips,
        zero_for_one=token_in < token_out,
    )


def _encode_guard(guard: Guard | None, hop: Hop) -> int:
    if guard is None:
        return 0
    if not 0 <= guard.lower <= guard.upper or guard.upper == 0:
        raise PlanError(f"plan: no state lies between {guard.lower} and {guard.upper}")
    shift = _guard_shift(hop)
    lower = _fitting("guard", guard.lower >> shift, _BOUND_BITS)
    return lower << _BOUND_BITS | _fitting("guard", guard.upper >> shift, _BOUND_BITS)


def _decode_guard(word: int, hop: Hop) -> Guard | None:
    if not word:
        return None
    shift = _guard_shift(hop)
    upper = ((_low_bits(word, _BOUND_BITS) + 1) << shift) - 1
    return Guard(lower=word >> _BOUND_BITS << shift, upper=upper)


def _guard_shift(hop: Hop) -> int:
    return _PRICE_SHIFT if DEXES[hop.dex].is_v3 else 0


def _fitting(name: str, value: int, bits: int) -> int:
    if not 0 <= value < 1 << bits:
        raise PlanError(f"plan: the {name} {value} does not fit {bits} bits")
    return value


def _low_bits(value: int, bits: int) -> int:
    return value & ((1 << bits) - 1)


def _to_bytes(address: Address) -> bytes:
    if len(address) != 42 or not address.startswith("0x") or address != address.lower():
        raise PlanError(f"plan: {address} is not a lower-case address")
    try:
        return bytes.fromhex(address[2:])
    except ValueError:
        raise PlanError(f"plan: {address} is not a lower-case address") from None
