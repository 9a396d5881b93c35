"""
The stable pools of Balancer V3.
"""

from dataclasses import dataclass, field
from typing import Any, Self

from keeper.errors import PoolError, SwapReverts
from keeper.math.stable_math import AMP_PRECISION, calculate_invariant
from keeper.math.stable_math_v3 import compute_in_given_exact_out, compute_out_given_exact_in
from keeper.pools.balancer_v3 import BalancerV3Pool, decoded, read_vault, vault_of_snapshot, vault_snapshot
from keeper.pools.pool import PoolInfo
from keeper.pools.stable_invariant import price_and_depth
from keeper.types import Call, Reading

_GET_AMPLIFICATION_PARAMETER = bytes.fromhex("6daccffa")


@dataclass(frozen=True, slots=True)
class BalancerV3StablePool(BalancerV3Pool):
    """
    A stable pool (balancer-v3-monorepo, StablePool).

    Attributes:
        amp: The amplification A * n**(n - 1) with three decimals, which does not move.
    """

    amp: int
    #: The live balances and their invariant, found when first needed.
    _invariant: list[tuple[list[int], int]] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:  # noqa: ARG003 - it has no ticks
        vault, (answer,) = yield from read_vault(info, Call(info.address, _GET_AMPLIFICATION_PARAMETER))
        amp, moves, precision = decoded(info, answer, "uint256", "bool", "uint256")
        if moves or precision != AMP_PRECISION:
            raise PoolError(f"pool {info.address} moves its amplification, and nobody tells when")
        return cls(info, vault, amp)

    def snapshot(self) -> dict[str, Any]:
        return vault_snapshot(self.info, self.vault) | {"amp": str(self.amp)}

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            info = PoolInfo.from_snapshot({"fee_pips": 0, **snapshot})
            amp = int(snapshot["amp"])
            if amp < AMP_PRECISION:
                raise ValueError("the amplification is below one")
            return cls(info, vault_of_snapshot(info, snapshot), amp)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a balancer_v3_stable snapshot cannot be read: {error!r}") from error

    def _on_swap_exact_in(self, i: int, j: int, amount_in: int) -> int:
        live, invariant = self._live_and_invariant()
        return compute_out_given_exact_in(self.amp, live, i, j, amount_in, invariant)

    def _on_swap_exact_out(self, i: int, j: int, amount_out: int) -> int:
        live, invariant = self._live_and_invariant()
        return compute_in_given_exact_out(self.amp, live, i, j, amount_out, invariant)

    def _live_and_invariant(self) -> tuple[list[int], int]:
        if not self._invariant:
            live = self.vault.live()
            self._invariant.append((live, calculate_invariant(self.amp, live)))
        return self._invariant[0]

    def _slope(self, i: int, j: int) -> tuple[float, float]:
        try:
            live, invariant = self._live_and_invariant()
            return price_and_depth(live, i, j, self.amp * len(live) / AMP_PRECISION, invariant)
        except (SwapReverts, ZeroDivisionError, OverflowError):
            return 0.0, 0.0
