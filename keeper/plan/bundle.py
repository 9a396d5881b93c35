"""
The general program: groups of routes, each group under one funding, as ``contracts/bundle.vy`` reads it.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from eth_utils.crypto import keccak

from keeper.errors import PlanError
from keeper.plan.dexes import DEX_OF_KIND, DEXES, Family, known, to_bytes
from keeper.plan.model import FlashPool, Funding, Group, Loan, Plan, Program, Route
from keeper.plan.words import (
    ADDRESS_MASK,
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
    take,
)
from keeper.types import Address

#: The header and the first group are arguments, more words follow them.
SELECTOR = keccak(text="execute(uint256,uint256)")[:4]

MAX_GROUPS = 8
MAX_ROUTES = 8
MAX_LOANS = 4
MAX_HOPS = 8
#: Of a group's hops, each of its routes counting for one more.
MAX_PLACES = 24

_OF_SEVERAL_TOKENS = (Funding.BALANCER_V2, Funding.BALANCER_V3, Funding.UNISWAP_V4)
_NATIVE_LOAN = 1 << 24


def program_of(plan: Plan) -> Program:
    """
    Return the plan's routes in groups: consecutive ones share a loan, of each token what the neediest of them takes.
    """
    groups = []
    for _, members in groupby(enumerate(plan.routes), _sharing):
        routes = tuple(route for _, route in members)
        amounts: dict[Address, int] = {}
        if routes[0].funding is not Funding.NONE:
            for route in routes:
                amounts[route.profit_token] = max(amounts.get(route.profit_token, 0), route.amount_in)
        groups.append(Group(routes, tuple(Loan(token, amounts[token]) for token in sorted(amounts))))
    return Program(tuple(groups), plan.deadline, plan.profit_tokens)


def encode(program: Program) -> bytes:
    """
    Return the calldata of ``execute``.

    Raises:
        PlanError: The executor would refuse the program.
    """
    _check_count("groups", len(program.groups), MAX_GROUPS)
    header = VERSION << 208 | fitting("deadline", program.deadline, DEADLINE_BITS) << 168
    words = [header << 24 | len(program.groups)]
    for group in program.groups:
        words += _encode_group(group, program.profit_tokens)
    return SELECTOR + b"".join(word.to_bytes(32) for word in words)


def decode(data: Sequence[int], profit_tokens: tuple[Address, ...]) -> Program:
    """
    Return the program in the words behind the selector: the inverse of ``encode``.

    Raises:
        PlanError: The executor would refuse it.
    """
    words = iter(data)
    header = take(words)
    if header >> 232 != VERSION:
        raise PlanError("plan: the program has an unknown version")
    if low_bits(header, 192) >> 8:
        raise PlanError("plan: the program has unknown flags")
    _check_count("groups", header & 0xFF, MAX_GROUPS)
    groups = tuple(_decode_group(words, profit_tokens) for _ in range(header & 0xFF))
    if next(words, None) is not None:
        raise PlanError("plan: words follow the program")
    return Program(groups, low_bits(header >> 192, DEADLINE_BITS), profit_tokens)


def _sharing(numbered: tuple[int, Route]) -> tuple[object, ...]:
    """What routes have in common that share a loan."""
    place, route = numbered
    if route.funding is Funding.NONE:
        return (place,)
    token = None if route.funding in _OF_SEVERAL_TOKENS else route.profit_token
    return route.funding, token, route.flash_pool, route.native


def _encode_group(group: Group, profit_tokens: tuple[Address, ...]) -> list[int]:
    _check_group(group)
    funding = group.funding
    told = 0
    if group.routes[0].flash_pool:
        told = _encode_flash_pool(group.routes[0].flash_pool)
    elif group.routes[0].native:
        told = _NATIVE_LOAN
    head = LENDERS.index(funding) << 16 | len(group.loans) << 8 | len(group.routes)
    words = [head << 192 | told]
    for loan in group.loans:
        place = _place(loan.token, profit_tokens)
        words.append(place << AMOUNT_BITS | fitting("loan", loan.amount, AMOUNT_BITS))
    for route in group.routes:
        words += _encode_route(route, profit_tokens)
    return words


def _check_group(group: Group) -> None:
    _check_count("routes", len(group.routes), MAX_ROUTES)
    if len({(route.funding, route.flash_pool, route.native) for route in group.routes}) > 1:
        raise PlanError("plan: the routes of a group have several fundings")
    if sum(len(route.hops) + 1 for route in group.routes) > MAX_PLACES:
        raise PlanError("plan: the routes of a group have too many hops together")
    funding, hops = group.funding, [hop for route in group.routes for hop in route.hops]
    if funding is Funding.NONE:
        if group.loans or len(group.routes) > 1:
            raise PlanError("plan: without a lender a group has one route and no loan")
        if known(hops[0].dex).family is Family.HELD:
            raise PlanError(f"plan: a pool of {hops[0].dex} does not send first: the route needs a lender")
        return
    _check_count("loans", len(group.loans), MAX_LOANS if funding in _OF_SEVERAL_TOKENS else 1)
    tokens = [loan.token for loan in group.loans]
    if tokens != sorted(set(tokens)):
        raise PlanError("plan: loans are of different tokens, in ascending order")
    if funding is Funding.BALANCER_V2 and any(hop.dex == "balancer_v2" for hop in hops):
        raise PlanError("plan: Balancer's V2 Vault refuses swaps while it lends")
    if (funding is Funding.UNISWAP_V3) != (group.routes[0].flash_pool is not None):
        raise PlanError("plan: a V3 pool lends, and only then one is named")


def _encode_flash_pool(pool: FlashPool) -> int:
    facts = known(pool.dex)
    if not facts.lends:
        raise PlanError(f"plan: pools of {pool.dex} do not lend")
    return (facts.kind << 24 | fitting("fee", pool.fee_pips, 24)) << 160 | int.from_bytes(to_bytes(pool.other))


def _encode_route(route: Route, profit_tokens: tuple[Address, ...]) -> list[int]:
    if not 2 <= len(route.hops) <= MAX_HOPS:
        raise PlanError(f"plan: a route has 2 to {MAX_HOPS} hops, not {len(route.hops)}")
    check_cycle(route.hops)
    guards = route.guards
    if len(guards) > len(route.hops):
        raise PlanError("plan: there are more guards than hops")
    head = _place(route.profit_token, profit_tokens) << 24 | len(route.hops) << 16 | len(guards) << 8 | route.tolerant
    head = head << AMOUNT_BITS | fitting("minimum profit", route.min_profit, AMOUNT_BITS)
    head = head << AMOUNT_BITS | fitting("amount in", route.amount_in, AMOUNT_BITS)
    bounds = [encode_guard(guard, hop) for guard, hop in zip(guards, route.hops, strict=False)]
    return [head, *bounds, *encode_hops(route.hops)]


def _decode_group(words: Iterator[int], profit_tokens: tuple[Address, ...]) -> Group:
    head = take(words)
    lender, loan_count, route_count = head >> 208, (head >> 200) & 0xFF, (head >> 192) & 0xFF
    told = low_bits(head, 192)
    if lender >= len(LENDERS):
        raise PlanError("plan: the program has an unknown lender")
    funding = LENDERS[lender]
    if funding is Funding.NONE:
        if head != 1 << 192:
            raise PlanError("plan: without a lender a group has one route and no loan")
    else:
        _check_count("loans", loan_count, MAX_LOANS if funding in _OF_SEVERAL_TOKENS else 1)
    loans = tuple(_decode_loan(take(words), profit_tokens) for _ in range(loan_count))
    _check_count("routes", route_count, MAX_ROUTES)
    flash_pool, native = _decode_told(funding, told)
    routes = tuple(_decode_route(words, profit_tokens, funding, flash_pool, native) for _ in range(route_count))
    if sum(len(route.hops) + 1 for route in routes) > MAX_PLACES:
        raise PlanError("plan: the routes of a group have too many hops together")
    return Group(routes, loans)


def _decode_loan(word: int, profit_tokens: tuple[Address, ...]) -> Loan:
    place = word >> AMOUNT_BITS
    if place >= len(profit_tokens):
        raise PlanError("plan: the program's loan is of a token that is not listed")
    return Loan(profit_tokens[place], low_bits(word, AMOUNT_BITS))


def _decode_told(funding: Funding, told: int) -> tuple[FlashPool | None, bool]:
    if funding is Funding.UNISWAP_V3:
        dex = DEX_OF_KIND.get(told >> 184, "")
        if dex not in DEXES or not DEXES[dex].lends:
            raise PlanError("plan: the program's lender is no V3 pool")
        return FlashPool(dex, Address(f"0x{told & ADDRESS_MASK:040x}"), low_bits(told >> 160, 24)), False
    if told and (funding is not Funding.UNISWAP_V4 or told != _NATIVE_LOAN):
        raise PlanError("plan: the program tells the lender what it does not know")
    return None, bool(told)


def _decode_route(
    words: Iterator[int],
    profit_tokens: tuple[Address, ...],
    funding: Funding,
    flash_pool: FlashPool | None,
    native: bool,
) -> Route:
    head = take(words)
    token = _token(head >> 200, profit_tokens)
    hop_count, guard_count, tolerant = (head >> 192) & 0xFF, (head >> 184) & 0xFF, (head >> 176) & 0xFF
    if not 2 <= hop_count <= MAX_HOPS or guard_count > hop_count or tolerant > 1:
        raise PlanError("plan: the program has an impossible route")
    guard_words = [take(words) for _ in range(guard_count)]
    hops = decode_hops(words, hop_count, token)
    guards = [decode_guard(word, hop) for word, hop in zip(guard_words, hops, strict=False)] + [None, None]
    return Route(
        hops=hops,
        funding=funding,
        amount_in=low_bits(head, AMOUNT_BITS),
        min_profit=low_bits(head >> AMOUNT_BITS, AMOUNT_BITS),
        guard=guards[0],
        second_guard=guards[1],
        more_guards=tuple(guards[2:-2]) if guard_count > 2 else (),
        tolerant=bool(tolerant),
        flash_pool=flash_pool,
        native=native,
    )


def _place(token: Address, profit_tokens: tuple[Address, ...]) -> int:
    if token not in profit_tokens:
        raise PlanError(f"plan: the executor does not list {token} as a profit token")
    return profit_tokens.index(token)


def _token(place: int, profit_tokens: tuple[Address, ...]) -> Address:
    if place >= len(profit_tokens):
        raise PlanError("plan: the program's profit token is not listed")
    return profit_tokens[place]


def _check_count(what: str, count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise PlanError(f"plan: there are 1 to {most} {what}, not {count}")
