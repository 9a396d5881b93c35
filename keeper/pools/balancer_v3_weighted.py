"""
The weighted pools of Balancer V3.
"""

from dataclasses import dataclass
from typing import Any, Self

from keeper.errors import PoolError
from keeper.math.weighted_math import calc_in_given_out, calc_out_given_in
from keeper.pools.balancer_v3 import BalancerV3Pool, decoded, read_vault, vault_of_snapshot, vault_snapshot
from keeper.pools.pool import PoolInfo
from keeper.types import Call, Reading

_GET_NORMALIZED_WEIGHTS = bytes.fromhex("f89f27ed")


@dataclass(frozen=True, slots=True)
class BalancerV3WeightedPool(BalancerV3Pool):
    """
    A weighted pool (balancer-v3-monorepo, WeightedPool).

    Attributes:
        weights: Of one together, with 18 decimals.
    """

    weights: tuple[int, ...]

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:  # noqa: ARG003 - it has no ticks
        vault, (answer,) = yield from read_vault(info, Call(info.address, _GET_NORMALIZED_WEIGHTS))
        (weights,) = decoded(info, answer, "uint256[]")
        if len(weights) != len(info.tokens) or not all(weights):
            raise PoolError(f"pool {info.address} has {len(weights)} weights instead of {len(info.tokens)}")
        return cls(info, vault, weights)

    def snapshot(self) -> dict[str, Any]:
        return vault_snapshot(self.info, self.vault) | {"weights": [str(weight) for weight in self.weights]}

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            info = PoolInfo.from_snapshot({"fee_pips": 0, **snapshot})
            weights = tuple(map(int, snapshot["weights"]))
            if len(weights) != len(info.tokens) or not all(weights):
                raise ValueError("tokens and weights are not as many")
            return cls(info, vault_of_snapshot(info, snapshot), weights)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a balancer_v3_weighted snapshot cannot be read: {error!r}") from error

    def _on_swap_exact_in(self, i: int, j: int, amount_in: int) -> int:
        live = self.vault.live()
        return calc_out_given_in(live[i], self.weights[i], live[j], self.weights[j], amount_in, True)

    def _on_swap_exact_out(self, i: int, j: int, amount_out: int) -> int:
        live = self.vault.live()
        return calc_in_given_out(live[i], self.weights[i], live[j], self.weights[j], amount_out, True)

    def _slope(self, i: int, j: int) -> tuple[float, float]:
        live = self.vault.live()
        if not live[i] or not live[j]:
            return 0.0, 0.0
        ratio = self.weights[i] / self.weights[j]
        return live[j] / live[i] * ratio, 2 * live[i] / (1 + ratio)
