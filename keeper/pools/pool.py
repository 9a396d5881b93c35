"""
What every pool can do, whatever its family.
"""

from dataclasses import dataclass
from typing import Any, Protocol, Self

from keeper.errors import PoolError
from keeper.events import Event
from keeper.types import ZERO_ADDRESS, Address, Hash, Reading

_NO_ID = Hash("")


@dataclass(frozen=True, slots=True)
class PoolInfo:
    """
    What never changes about a pool.

    Attributes:
        family: The model, which is the module's name: ``uniswap_v2``, ``curve_stableswap``.
        dex: The row of the registry that the pool belongs to.
        tokens: In the contract's order.
        fee_pips: Share of the input kept by the pool, in millionths; 0 where the fee can change and is state.
        tick_spacing: Uniswap V3 and V4 only.
        pool_id: What a pool is called by the contract that holds its tokens, where that is another: Balancer V2 and
            Uniswap V4. The address is its first 20 bytes.
        manager: That contract, where its address depends on the chain: Uniswap V4.
    """

    family: str
    dex: str
    address: Address
    tokens: tuple[Address, ...]
    fee_pips: int
    tick_spacing: int = 0
    pool_id: Hash = _NO_ID
    manager: Address = ZERO_ADDRESS

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        """
        Return the part of *snapshot* that never changes.

        Raises:
            KeyError, TypeError, ValueError: The snapshot has another shape; the family says so.
        """
        return cls(
            family=snapshot["family"],
            dex=snapshot["dex"],
            address=Address(snapshot["address"].lower()),
            tokens=tuple(Address(token.lower()) for token in snapshot["tokens"]),
            fee_pips=int(snapshot["fee_pips"]),
            tick_spacing=int(snapshot.get("tick_spacing", 0)),
            pool_id=Hash(snapshot.get("pool_id", _NO_ID).lower()),
            manager=Address(snapshot.get("manager", ZERO_ADDRESS).lower()),
        )


class Pool(Protocol):
    """
    One AMM contract as of one moment: immutable, and equal to the contract to the wei.

    Amounts are in the tokens' smallest units.
    """

    @property
    def info(self) -> PoolInfo:
        """What never changes about the pool."""

    @property
    def address(self) -> Address:
        """Where the contract is."""

    @property
    def tokens(self) -> tuple[Address, ...]:
        """The pool's tokens, in the contract's order."""

    def rate(self, token_in: Address, token_out: Address) -> float:
        """
        Return the marginal output per unit of input after fees, 0.0 if the pool cannot trade.
        """

    def depth(self, token_in: Address, token_out: Address) -> float:
        """
        Return how much *token_in* a constant-product pool would hold whose price moves as much as this one's does now.
        """

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        """
        Return what the pool pays for *amount_in*.

        Raises:
            SwapReverts: The contract reverts, or would not take the whole input.
        """

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        """
        Return what the pool asks for *amount_out*.

        Raises:
            SwapReverts: The contract reverts, or cannot deliver the whole output.
        """

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        """
        Return what the pool pays for *amount_in* and the state in which that leaves it.

        Raises:
            SwapReverts: The contract reverts, or would not take the whole input.
        """

    def apply(self, event: Event) -> Self | None:
        """
        Return the state after *event*, or None if the event does not tell.
        """

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:
        """
        Read the state of the pool, in rounds.

        Args:
            radius: How many ticks to either side of the price are read of a pool that has ticks, at least; None for
                all. A swap that leaves them has no quote.

        Raises:
            PoolError: The contract does not answer as this family does.
        """

    def snapshot(self) -> dict[str, Any]:
        """
        Return the state under the contract's names, integers as decimal strings.
        """

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        """
        Return the pool that *snapshot* describes.

        Raises:
            PoolError: The snapshot is not one of this family.
        """


def indices(info: PoolInfo, token_in: Address, token_out: Address) -> tuple[int, int]:
    """
    Return where two tokens are among those of a pool.

    Raises:
        PoolError: The pool does not trade one for the other.
    """
    if token_in == token_out or token_in not in info.tokens or token_out not in info.tokens:
        raise PoolError(f"pool {info.address} does not trade {token_in} for {token_out}")
    return info.tokens.index(token_in), info.tokens.index(token_out)
