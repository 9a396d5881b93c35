"""
The concentrated-liquidity pools of Uniswap V3 and its forks: Sushi V3, Pancake V3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from keeper.events import Event
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Reading


@dataclass(frozen=True, slots=True)
class UniswapV3Pool:
    """
    A concentrated-liquidity pool.

    Attributes:
        sqrt_price_x96: Square root of token1 per token0, in 2**-96; 0 before the pool is initialised.
        tick: As in slot0, which is one below the price's own tick after a swap that ended on an initialised tick.
        liquidity: What is in range at the present price.
        ticks: Initialised tick -> (liquidity_gross, liquidity_net).
    """

    info: PoolInfo
    sqrt_price_x96: int
    tick: int
    liquidity: int
    ticks: Mapping[int, tuple[int, int]]

    @property
    def address(self) -> Address:
        return self.info.address

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.info.tokens

    def rate(self, token_in: Address, token_out: Address) -> float:
        raise NotImplementedError

    def depth(self, token_in: Address, token_out: Address) -> float:
        raise NotImplementedError

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        raise NotImplementedError

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        raise NotImplementedError

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        raise NotImplementedError

    def swap_to(self, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int) -> tuple[int, int, Self]:
        """
        Return (amount0, amount1, state after) of ``UniswapV3Pool.swap``, with the contract's signs.

        Raises:
            SwapReverts: The contract reverts.
        """
        raise NotImplementedError

    def apply(self, event: Event) -> Self | None:
        raise NotImplementedError

    @classmethod
    def new(cls, info: PoolInfo) -> Self:
        """
        Return the pool as its factory deploys it, before it has a price.
        """
        raise NotImplementedError

    @classmethod
    def read(cls, info: PoolInfo) -> Reading[Self]:
        raise NotImplementedError

    def snapshot(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        raise NotImplementedError
