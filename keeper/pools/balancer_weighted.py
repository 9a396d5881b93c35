"""
The weighted pools of Balancer V2.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.errors import PoolError, SwapReverts
from keeper.events import BalancerBalancesChanged, BalancerSwap, BalancerSwapFeeChanged, Event
from keeper.events.balancer_v2 import VAULT
from keeper.math.fixed_point import ONE, complement, div_down, div_up, mul_down, mul_up
from keeper.math.weighted_math import calc_in_given_out, calc_out_given_in
from keeper.pools.pool import PoolInfo, indices
from keeper.types import Address, Answer, Call, Reading

_GET_POOL_TOKENS = bytes.fromhex("f94d4668")
_GET_NORMALIZED_WEIGHTS = bytes.fromhex("f89f27ed")
_GET_SWAP_FEE_PERCENTAGE = bytes.fromhex("55c67628")
_GET_PAUSED_STATE = bytes.fromhex("1c0de051")
_GET_LAST_POST_JOIN_EXIT_INVARIANT = bytes.fromhex("b1096278")
_DECIMALS = bytes.fromhex("313ce567")

_MAX_UINT112 = (1 << 112) - 1


@dataclass(frozen=True, slots=True)
class BalancerWeightedPool:
    """
    A weighted pool (balancer-v2-monorepo, WeightedPool and Vault), none of whose balances is managed elsewhere.

    Attributes:
        balances: What the Vault holds for the pool, in each token's smallest units, below 2**112.
        weights: Of one together, with 18 decimals.
        scaling_factors: What makes a balance one of 18 decimals, with 18 decimals itself.
        swap_fee: Share of the input, in 1e-18.
        pow_shortcuts: Whether powers of one, two and four are products, as in pools since 2022.
    """

    info: PoolInfo
    balances: tuple[int, ...]
    weights: tuple[int, ...]
    scaling_factors: tuple[int, ...]
    swap_fee: int
    pow_shortcuts: bool = True

    @property
    def address(self) -> Address:
        return self.info.address

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.info.tokens

    def rate(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        if not self.balances[i] or not self.balances[j]:
            return 0.0
        price = self.balances[j] / self.balances[i] * (self.weights[i] / self.weights[j])
        return price * (1 - self.swap_fee / ONE)

    def depth(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        return 2 * self.balances[i] / (1 + self.weights[i] / self.weights[j])

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        i, j = indices(self.info, token_in, token_out)
        self._require_amount(amount_in)
        after_fee = amount_in - mul_up(amount_in, self.swap_fee)
        amount_out = calc_out_given_in(
            self._scaled(i),
            self.weights[i],
            self._scaled(j),
            self.weights[j],
            mul_down(after_fee, self.scaling_factors[i]),
            self.pow_shortcuts,
        )
        self._require_room(i, amount_in)
        return div_down(amount_out, self.scaling_factors[j])

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        i, j = indices(self.info, token_in, token_out)
        self._require_amount(amount_out)
        scaled = calc_in_given_out(
            self._scaled(i),
            self.weights[i],
            self._scaled(j),
            self.weights[j],
            mul_down(amount_out, self.scaling_factors[j]),
            self.pow_shortcuts,
        )
        amount_in = div_up(div_up(scaled, self.scaling_factors[i]), complement(self.swap_fee))
        self._require_room(i, amount_in)
        return amount_in

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        amount_out = self.amount_out(token_in, token_out, amount_in)
        return amount_out, self._moved((token_in, token_out), (amount_in, -amount_out))

    def apply(self, event: Event) -> Self | None:
        match event:
            case BalancerSwap() | BalancerBalancesChanged() if event.vault != VAULT:
                return self  # anyone can emit these
            case BalancerSwap():
                return self._told((event.token_in, event.token_out), (event.amount_in, -event.amount_out))
            case BalancerBalancesChanged():
                return self._told(event.tokens, event.deltas)
            case BalancerSwapFeeChanged():
                return replace(self, swap_fee=event.swap_fee)
            case _:
                return None

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:  # noqa: ARG003 - it has no ticks
        held, weights, fee, paused, invariant, *decimals = yield [
            Call(VAULT, _GET_POOL_TOKENS + bytes.fromhex(info.pool_id[2:])),
            Call(info.address, _GET_NORMALIZED_WEIGHTS),
            Call(info.address, _GET_SWAP_FEE_PERCENTAGE),
            Call(info.address, _GET_PAUSED_STATE),
            Call(info.address, _GET_LAST_POST_JOIN_EXIT_INVARIANT),
            *(Call(token, _DECIMALS) for token in info.tokens),
        ]
        tokens, balances, _ = _decoded(info, held, "address[]", "uint256[]", "uint256")
        if tokens != info.tokens:
            raise PoolError(f"pool {info.address} has other tokens in the Vault")
        if _decoded(info, paused, "bool", "uint256", "uint256")[0]:
            raise PoolError(f"pool {info.address} is paused")
        return cls(
            info,
            balances,
            _decoded(info, weights, "uint256[]")[0],
            # The token's decimals are at most 18, or its pool could not have been created.
            tuple(ONE * 10 ** (18 - _decoded(info, answer, "uint8")[0]) for answer in decimals),
            _decoded(info, fee, "uint256")[0],
            # The pools that have this function are those that have the shortcuts.
            bool(invariant),
        )

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "balancer_weighted",
            "dex": self.info.dex,
            "address": self.info.address,
            "pool_id": self.info.pool_id,
            "tokens": list(self.info.tokens),
            "balances": [str(balance) for balance in self.balances],
            "weights": [str(weight) for weight in self.weights],
            "scaling_factors": [str(factor) for factor in self.scaling_factors],
            "swap_fee": str(self.swap_fee),
            "pow_shortcuts": self.pow_shortcuts,
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            info = PoolInfo.from_snapshot({"fee_pips": 0, **snapshot})
            balances, weights, factors = (
                tuple(map(int, snapshot[key])) for key in ("balances", "weights", "scaling_factors")
            )
            if not len(info.tokens) == len(balances) == len(weights) == len(factors):
                raise ValueError("tokens, balances, weights and scaling factors are not as many")
            return cls(
                info, balances, weights, factors, int(snapshot["swap_fee"]), bool(snapshot.get("pow_shortcuts", True))
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a balancer_weighted snapshot cannot be read: {error!r}") from error

    def _scaled(self, i: int) -> int:
        return mul_down(self.balances[i], self.scaling_factors[i])

    def _require_amount(self, amount: int) -> None:
        if amount <= 0:
            raise SwapReverts("Vault: UNKNOWN_AMOUNT_IN_FIRST_SWAP")

    def _require_room(self, i: int, amount_in: int) -> None:
        if self.balances[i] + amount_in > _MAX_UINT112:
            raise SwapReverts("Vault: BALANCE_TOTAL_OVERFLOW")

    def _told(self, tokens: tuple[Address, ...], deltas: tuple[int, ...]) -> Self | None:
        """The state after balances moved, or None if no state of this pool allows it."""
        if not set(tokens) <= set(self.info.tokens):
            return None
        after = self._moved(tokens, deltas)
        return after if all(0 <= balance <= _MAX_UINT112 for balance in after.balances) else None

    def _moved(self, tokens: tuple[Address, ...], deltas: tuple[int, ...]) -> Self:
        delta_of = dict(zip(tokens, deltas, strict=True))
        balances = (
            balance + delta_of.get(token, 0) for token, balance in zip(self.info.tokens, self.balances, strict=True)
        )
        return replace(self, balances=tuple(balances))


def _decoded(info: PoolInfo, answer: Answer, *types: str) -> tuple[Any, ...]:
    """The values of an answer, which must have these types."""
    try:
        return tuple(decode(types, answer or b""))
    except DecodingError as error:
        raise PoolError(f"pool {info.address} does not answer as a weighted pool") from error
