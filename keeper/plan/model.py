"""
What a transaction of the executor is to do.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from keeper.types import Address, value


class Funding(StrEnum):
    """
    Who provides a route's input until it ends.
    """

    #: The first pool, which sends before it is paid.
    NONE = "none"
    BALANCER_V2 = "balancer_v2"
    AAVE_V3 = "aave_v3"
    #: A V3 pool, by ``flash``: of Uniswap or of a fork of it.
    UNISWAP_V3 = "uniswap_v3"
    BALANCER_V3 = "balancer_v3"
    UNISWAP_V4 = "uniswap_v4"
    MORPHO = "morpho"


@dataclass(frozen=True, slots=True)
class CurveDetail:
    """
    How a Curve pool is called.

    Attributes:
        i: The place of the coin that goes in; j of the one that comes out.
        unsigned: Whether ``exchange`` takes its places as ``uint256`` (pools of unlike coins) instead of ``int128``.
        ether_in: Whether the coin that goes in is ether; the route has WETH. Likewise ``ether_out``.
    """

    i: int
    j: int
    unsigned: bool = False
    ether_in: bool = False
    ether_out: bool = False


@dataclass(frozen=True, slots=True)
class BalancerV2Detail:
    """
    Attributes:
        pool_id: 32 bytes, as the Vault knows the pool.
    """

    pool_id: int


@dataclass(frozen=True, slots=True)
class BalancerV3Detail:
    """
    Attributes:
        place: Of the token that goes in, among the pool's; only a guard reads it.
    """

    place: int = 0


@dataclass(frozen=True, slots=True)
class UniswapV4Detail:
    """
    Attributes:
        native: Whether the pool has ether where the route has WETH.
    """

    tick_spacing: int
    native: bool = False


Detail: TypeAlias = CurveDetail | BalancerV2Detail | BalancerV3Detail | UniswapV4Detail


@value
class Hop:
    """
    One swap of a route.

    Attributes:
        dex: A name in ``DEXES``.
        fee_pips: Share of the input kept by the pool, in millionths, where its address or its calldata tell it.
        zero_for_one: Whether the pool's first token goes in.
        detail: What else the executor has to know, for DEXes whose pools take from the executor.
    """

    dex: str
    pool: Address
    token_in: Address
    token_out: Address
    fee_pips: int
    zero_for_one: bool
    detail: Detail | None = None


@value
class Guard:
    """
    Bounds, both included, of a pool's state; outside, the executor stops before anything is borrowed.

    Of a V3 or V4 pool ``sqrt_price_x96`` is bound (its low 32 bits do not count), of a V2 pair ``reserve0``, of others
    what the pool has of the token that goes in.
    """

    lower: int
    upper: int


@dataclass(frozen=True, slots=True)
class FlashPool:
    """
    The V3 pool that lends.

    Attributes:
        dex: A V3 DEX.
        other: Its token that is not lent.
    """

    dex: str
    other: Address
    fee_pips: int


@value
class Route:
    """
    A cycle of swaps, funded.

    Attributes:
        amount_in: What goes into the first hop; each further hop swaps all that the one before delivered.
        min_profit: Least gain of the first hop's ``token_in``; below the sum over all routes the executor reverts.
        guard: Bounds of the first pool's state; ``second_guard`` of the second's, ``more_guards`` of those that follow.
        tolerant: Whether the other routes go on without this one if a guard does not hold.
        flash_pool: Who lends, if the funding is a V3 pool's.
        native: Whether Uniswap V4 lends ether in place of WETH.
    """

    hops: tuple[Hop, ...]
    funding: Funding
    amount_in: int
    min_profit: int
    guard: Guard | None = None
    second_guard: Guard | None = None
    more_guards: tuple[Guard | None, ...] = ()
    tolerant: bool = False
    flash_pool: FlashPool | None = None
    native: bool = False

    @property
    def profit_token(self) -> Address:
        """
        Return the token that the route starts from and gains.
        """
        return self.hops[0].token_in

    @property
    def guards(self) -> tuple[Guard | None, ...]:
        """
        Return the guards of its hops, without those behind the last that bounds anything.
        """
        guards = [self.guard, self.second_guard, *self.more_guards]
        while guards and guards[-1] is None:
            guards.pop()
        return tuple(guards)


@value
class Plan:
    """
    What one transaction executes.

    Attributes:
        routes: In their order; consecutive ones of one lender share its loan where that is possible.
        deadline: Last second, in Unix time, of a block that may include it.
        profit_tokens: The executor's own list, in its order: the program names a token by its place.
    """

    routes: tuple[Route, ...]
    deadline: int
    profit_tokens: tuple[Address, ...]


@value
class Loan:
    """Some of a token, for a group of routes."""

    token: Address
    amount: int


@value
class Group:
    """
    Routes under one funding.

    Attributes:
        loans: What they are lent together, its tokens in ascending order; empty without a lender.
    """

    routes: tuple[Route, ...]
    loans: tuple[Loan, ...] = ()

    @property
    def funding(self) -> Funding:
        return self.routes[0].funding


@value
class Program:
    """
    The general program, as the executor reads it.
    """

    groups: tuple[Group, ...]
    deadline: int
    profit_tokens: tuple[Address, ...]
