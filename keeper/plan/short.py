"""
The short programs: one route over V2 and V3 pools, without a loan or with one of a lender that need not be told more.
"""

from eth_utils.crypto import keccak

from keeper.errors import PlanError
from keeper.plan.dexes import DEXES, Family
from keeper.plan.model import Funding, Plan, Route
from keeper.plan.words import (
    AMOUNT_BITS,
    DEADLINE_BITS,
    LENDERS,
    VERSION,
    check_cycle,
    decode_guard,
    decode_hops,
    encode_guard,
    encode_hops,
    fitting,
    low_bits,
)
from keeper.types import Address

#: The entry points by their count of hops; each takes a header, two guards and the hops, all of them words.
SELECTORS = {
    count: keccak(text=f"execute_{name}({','.join(['uint256'] * (3 + count))})")[:4]
    for count, name in ((2, "two"), (3, "three"))
}

#: Which pool is to lend does not fit.
_FUNDINGS = tuple(funding for funding in Funding if funding is not Funding.UNISWAP_V3)


def fits(plan: Plan) -> bool:
    """
    Return whether a short entry point can run the plan.
    """
    if len(plan.routes) != 1:
        return False
    (route,) = plan.routes
    return (
        len(route.hops) in SELECTORS
        and route.funding in _FUNDINGS
        and not route.native
        and not route.tolerant
        and len(route.guards) <= 2
        and all(hop.dex in DEXES and DEXES[hop.dex].family is not Family.HELD for hop in route.hops)
    )


def encode(plan: Plan) -> bytes:
    """
    Return the calldata of a plan that fits.
    """
    (route,) = plan.routes
    check_cycle(route.hops)
    header = VERSION << DEADLINE_BITS | fitting("deadline", plan.deadline, DEADLINE_BITS)
    header = header << 8 | LENDERS.index(route.funding)
    header = header << 8 | plan.profit_tokens.index(route.profit_token)
    header = header << AMOUNT_BITS | fitting("minimum profit", route.min_profit, AMOUNT_BITS)
    header = header << AMOUNT_BITS | fitting("amount in", route.amount_in, AMOUNT_BITS)
    guards = encode_guard(route.guard, route.hops[0]), encode_guard(route.second_guard, route.hops[1])
    words = [header, *guards, *encode_hops(route.hops)]
    return SELECTORS[len(route.hops)] + b"".join(word.to_bytes(32) for word in words)


def decode(words: list[int], profit_tokens: tuple[Address, ...]) -> Plan:
    """
    Return the plan in the words behind the selector: the inverse of ``encode``.
    """
    header, guard, second_guard, *hop_words = words
    if header >> 232 != VERSION:
        raise PlanError("plan: the program has an unknown version")
    funding, place = (header >> 184) & 0xFF, (header >> 176) & 0xFF
    if funding >= len(LENDERS) or LENDERS[funding] not in _FUNDINGS:
        raise PlanError("plan: the program has an unknown funding")
    if place >= len(profit_tokens):
        raise PlanError("plan: the program's profit token is not listed")
    if any(word >> 184 >= 48 for word in hop_words):
        raise PlanError("plan: the program has an unknown kind of hop")
    hops = decode_hops(iter(hop_words), len(hop_words), profit_tokens[place])
    route = Route(
        hops=hops,
        funding=LENDERS[funding],
        amount_in=low_bits(header, AMOUNT_BITS),
        min_profit=low_bits(header >> AMOUNT_BITS, AMOUNT_BITS),
        guard=decode_guard(guard, hops[0]),
        second_guard=decode_guard(second_guard, hops[1]),
    )
    return Plan((route,), low_bits(header >> 192, DEADLINE_BITS), profit_tokens)
