"""
Hops and guards as the words that both kinds of program have them in.
"""

from collections.abc import Iterator, Sequence

from keeper.errors import PlanError
from keeper.plan.dexes import DEX_OF_KIND, DEXES, Family, known, pool_address, to_bytes
from keeper.plan.model import (
    BalancerV2Detail,
    BalancerV3Detail,
    CurveDetail,
    Detail,
    Funding,
    Guard,
    Hop,
    UniswapV4Detail,
)
from keeper.types import ZERO_ADDRESS, Address

VERSION = 4

#: By their numbers in a program.
LENDERS = (
    Funding.NONE,
    Funding.BALANCER_V2,
    Funding.AAVE_V3,
    Funding.UNISWAP_V3,
    Funding.BALANCER_V3,
    Funding.UNISWAP_V4,
    Funding.MORPHO,
)

AMOUNT_BITS = 88
DEADLINE_BITS = 40
ADDRESS_MASK = (1 << 160) - 1

_FEE_BITS = 24
_BOUND_BITS = 128
#: The executor compares prices without their low bits, so that two bounds fit a word.
_PRICE_SHIFT = 32
#: The first kind whose hops have a second word.
_SECOND_WORD = 48

_UNSIGNED, _ETHER_IN, _ETHER_OUT = 1, 2, 4
_SPACING_BITS = 24
_NATIVE = 1 << _SPACING_BITS


def check_cycle(hops: Sequence[Hop]) -> None:
    """
    Raises:
        PlanError: The hops are no cycle, or go through a pool twice.
    """
    for hop, following in zip(hops, (*hops[1:], hops[0]), strict=True):
        if hop.token_out != following.token_in:
            raise PlanError(f"plan: {hop.pool} delivers {hop.token_out}, {following.pool} takes {following.token_in}")
    if len({_pool_of(hop) for hop in hops}) < len(hops):
        raise PlanError("plan: a pool occurs twice in the route")


def encode_hops(hops: Sequence[Hop]) -> list[int]:
    """
    Return the words of a route's hops; the last names no token.
    """
    words = []
    for i, hop in enumerate(hops):
        first, *second = _encode_hop(hop)
        words += [first & ~ADDRESS_MASK if i == len(hops) - 1 else first, *second]
    return words


def decode_hops(words: Iterator[int], count: int, token: Address) -> tuple[Hop, ...]:
    """
    Return a route's hops, from *token* back to it.

    Args:
        words: From which their words are taken.
    """
    hops: list[Hop] = []
    token_in = token
    for i in range(count):
        word = take(words)
        if i == count - 1:
            if word & ADDRESS_MASK:
                raise PlanError("plan: the last hop names a token")
            word |= int(token, 16)
        hops.append(_decode_hop(word, words, token_in))
        token_in = hops[-1].token_out
    return tuple(hops)


def take(words: Iterator[int]) -> int:
    """
    Return the next word.

    Raises:
        PlanError: There is none.
    """
    word = next(words, None)
    if word is None:
        raise PlanError("plan: the program ends early")
    return word


def encode_guard(guard: Guard | None, hop: Hop) -> int:
    if guard is None:
        return 0
    shift = _guard_shift(hop)
    # A word of zero would be no guard.
    if not 0 <= guard.lower <= guard.upper or guard.upper >> shift == 0:
        raise PlanError(f"plan: no state lies between {guard.lower} and {guard.upper}")
    lower = fitting("guard", guard.lower >> shift, _BOUND_BITS)
    return lower << _BOUND_BITS | fitting("guard", guard.upper >> shift, _BOUND_BITS)


def decode_guard(word: int, hop: Hop) -> Guard | None:
    if not word:
        return None
    shift = _guard_shift(hop)
    upper = ((low_bits(word, _BOUND_BITS) + 1) << shift) - 1
    return Guard(lower=word >> _BOUND_BITS << shift, upper=upper)


def fitting(name: str, value: int, bits: int) -> int:
    """
    Return the value.

    Raises:
        PlanError: It does not fit.
    """
    if not 0 <= value < 1 << bits:
        raise PlanError(f"plan: the {name} {value} does not fit {bits} bits")
    return value


def low_bits(value: int, bits: int) -> int:
    return value & ((1 << bits) - 1)


def _encode_hop(hop: Hop) -> list[int]:
    facts = known(hop.dex)
    if hop.zero_for_one != (hop.token_in < hop.token_out):
        raise PlanError(f"plan: the direction in {hop.pool} does not fit its tokens")
    if not 0 <= hop.fee_pips < 1_000_000:
        raise PlanError(f"plan: {hop.fee_pips} millionths are no fee")
    if facts.family is Family.HELD:
        parameter, second = _encode_detail(hop)
        return [(facts.kind << _FEE_BITS | parameter) << 160 | int.from_bytes(to_bytes(hop.token_out)), second]
    address = pool_address(hop.dex, hop.token_in, hop.token_out, hop.fee_pips)
    if hop.pool != address:
        raise PlanError(f"plan: {hop.pool} is not the pool of {hop.dex} for its tokens and fee, {address} is")
    return [(facts.kind << _FEE_BITS | hop.fee_pips) << 160 | int(hop.token_out, 16)]


def _encode_detail(hop: Hop) -> tuple[int, int]:
    """Return the parameter and the second word."""
    pool = int.from_bytes(to_bytes(hop.pool))
    match hop.dex, hop.detail:
        case "curve", CurveDetail() as curve:
            flags = curve.unsigned * _UNSIGNED | curve.ether_in * _ETHER_IN | curve.ether_out * _ETHER_OUT
            places = fitting("place of a coin", curve.i, 8) << 8 | fitting("place of a coin", curve.j, 8)
            return places << 8 | flags, pool
        case "balancer_v2", BalancerV2Detail(pool_id):
            return 0, fitting("pool id", pool_id, 256)
        case "balancer_v3", BalancerV3Detail(place):
            return fitting("place of a token", place, 8) << 16, pool
        case "uniswap_v4", UniswapV4Detail(tick_spacing, native):
            return hop.fee_pips, fitting("tick spacing", tick_spacing, _SPACING_BITS) | native * _NATIVE
    raise PlanError(f"plan: a hop of {hop.dex} has the detail of another DEX, or none")


def _decode_hop(word: int, words: Iterator[int], token_in: Address) -> Hop:
    kind, parameter = word >> 184, low_bits(word >> 160, _FEE_BITS)
    second = take(words) if kind >= _SECOND_WORD else 0
    if kind not in DEX_OF_KIND:
        raise PlanError("plan: the program has an unknown kind of hop")
    dex = DEX_OF_KIND[kind]
    token_out = Address(f"0x{word & ADDRESS_MASK:040x}")
    if DEXES[dex].family is Family.HELD:
        pool, fee_pips, detail = _decode_detail(dex, parameter, second)
        return Hop(dex, pool, token_in, token_out, fee_pips, token_in < token_out, detail)
    pool = pool_address(dex, token_in, token_out, parameter)
    return Hop(dex, pool, token_in, token_out, parameter, token_in < token_out)


def _decode_detail(dex: str, parameter: int, second: int) -> tuple[Address, int, Detail]:
    """Return the pool, the fee and what else there is."""
    match dex:
        case "curve":
            if parameter & 0xFF > _UNSIGNED | _ETHER_IN | _ETHER_OUT:
                raise PlanError("plan: the program has unknown flags")
            flags = [bool(parameter & flag) for flag in (_UNSIGNED, _ETHER_IN, _ETHER_OUT)]
            return _pool(second), 0, CurveDetail(parameter >> 16, (parameter >> 8) & 0xFF, *flags)
        case "balancer_v2":
            if parameter:
                raise PlanError("plan: the program has unknown flags")
            # A pool's id begins with its address.
            return _pool(second >> 96), 0, BalancerV2Detail(second)
        case "balancer_v3":
            if parameter & 0xFFFF:
                raise PlanError("plan: the program has unknown flags")
            return _pool(second), 0, BalancerV3Detail(parameter >> 16)
        case _:
            if second >= 2 * _NATIVE:
                raise PlanError("plan: the program has unknown flags")
            native = bool(second & _NATIVE)
            return ZERO_ADDRESS, parameter, UniswapV4Detail(low_bits(second, _SPACING_BITS), native)


def _pool_of(hop: Hop) -> tuple[object, ...]:
    """What tells a pool from all others; those of Uniswap V4 share an address."""
    if isinstance(hop.detail, UniswapV4Detail):
        return hop.fee_pips, hop.detail, frozenset((hop.token_in, hop.token_out))
    return (hop.pool,)


def _pool(number: int) -> Address:
    if number > ADDRESS_MASK:
        raise PlanError("plan: the program's pool is no address")
    return Address(f"0x{number:040x}")


def _guard_shift(hop: Hop) -> int:
    return _PRICE_SHIFT if DEXES[hop.dex].is_v3 or hop.dex == "uniswap_v4" else 0
