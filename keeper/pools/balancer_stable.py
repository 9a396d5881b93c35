"""
The stable pools of Balancer V2: composable ones, and the stable and meta-stable ones before them.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.errors import PoolError, SwapReverts
from keeper.events import BalancerBalancesChanged, BalancerSwap, BalancerSwapFeeChanged, Event
from keeper.events.balancer_v2 import VAULT
from keeper.math.fixed_point import ONE, complement, div_down, div_up, mul_down, mul_up
from keeper.math.stable_math import (
    AMP_PRECISION,
    calc_in_given_out,
    calc_out_given_in,
    calculate_invariant,
    calculate_invariant_up,
)
from keeper.pools.pool import PoolInfo, indices
from keeper.pools.stable_invariant import price_and_depth
from keeper.types import ZERO_ADDRESS, Address, Answer, Call, Reading

_GET_POOL_TOKENS = bytes.fromhex("f94d4668")
_GET_SCALING_FACTORS = bytes.fromhex("1dd746ea")
_GET_AMPLIFICATION_PARAMETER = bytes.fromhex("6daccffa")
_GET_SWAP_FEE_PERCENTAGE = bytes.fromhex("55c67628")
_GET_PAUSED_STATE = bytes.fromhex("1c0de051")
_GET_RATE_PROVIDERS = bytes.fromhex("238a2d59")
_GET_TOKEN_RATE_CACHE = bytes.fromhex("7f1260d1")
_GET_RATE = bytes.fromhex("679aefce")

_MAX_UINT112 = (1 << 112) - 1


@dataclass(frozen=True, slots=True)
class BalancerStablePool:
    """
    A stable pool (balancer-v2-monorepo, ComposableStablePool, MetaStablePool and Vault), none of whose balances is
    managed elsewhere.

    The shares that a composable pool holds of itself are none of its tokens here: a swap for them is a join or an exit.

    Attributes:
        balances: What the Vault holds for the pool, in each token's smallest units, below 2**112.
        scaling_factors: What makes a balance one of 18 decimals at the token's rate, with 18 decimals itself.
        amp: The amplification A * n**(n - 1) with three decimals, which does not move.
        swap_fee: Share of the input, in 1e-18.
        rounds_invariant_up: Whether the pool is one from before the composable ones.
    """

    info: PoolInfo
    balances: tuple[int, ...]
    scaling_factors: tuple[int, ...]
    amp: int
    swap_fee: int
    rounds_invariant_up: bool = False
    #: The scaled balances and their invariant, found when first needed.
    _invariant: list[tuple[list[int], int]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def address(self) -> Address:
        return self.info.address

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.info.tokens

    def rate(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        price, _ = self._slope(i, j)
        return price * (self.scaling_factors[i] / self.scaling_factors[j]) * (1 - self.swap_fee / ONE)

    def depth(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        _, depth = self._slope(i, j)
        return depth * ONE / self.scaling_factors[i]

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        i, j = indices(self.info, token_in, token_out)
        self._require_amount(amount_in)
        after_fee = amount_in - mul_up(amount_in, self.swap_fee)
        xp, invariant = self._xp_and_invariant()
        scaled = mul_down(after_fee, self.scaling_factors[i])
        amount_out = calc_out_given_in(self.amp, xp, i, j, scaled, invariant)
        self._require_room(i, amount_in)
        return div_down(amount_out, self.scaling_factors[j])

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        i, j = indices(self.info, token_in, token_out)
        self._require_amount(amount_out)
        xp, invariant = self._xp_and_invariant()
        scaled = mul_down(amount_out, self.scaling_factors[j])
        amount_in = calc_in_given_out(self.amp, xp, i, j, scaled, invariant)
        amount_in = div_up(div_up(amount_in, self.scaling_factors[i]), complement(self.swap_fee))
        if amount_out > self.balances[j]:
            raise SwapReverts("Vault: SUB_OVERFLOW")
        self._require_room(i, amount_in)
        return amount_in

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        amount_out = self.amount_out(token_in, token_out, amount_in)
        i, j = indices(self.info, token_in, token_out)
        balances = list(self.balances)
        balances[i] += amount_in
        balances[j] -= amount_out
        return amount_out, replace(self, balances=tuple(balances))

    def apply(self, event: Event) -> Self | None:
        match event:
            case BalancerSwap() | BalancerBalancesChanged() if event.vault != VAULT:
                return self  # anyone can emit these
            case BalancerSwapFeeChanged():
                return replace(self, swap_fee=event.swap_fee)
            case _:
                return None  # a rate may have been renewed with it

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:  # noqa: ARG003 - it has no ticks
        held, factors, amp, fee, paused, providers = yield [
            Call(VAULT, _GET_POOL_TOKENS + bytes.fromhex(info.pool_id[2:])),
            Call(info.address, _GET_SCALING_FACTORS),
            Call(info.address, _GET_AMPLIFICATION_PARAMETER),
            Call(info.address, _GET_SWAP_FEE_PERCENTAGE),
            Call(info.address, _GET_PAUSED_STATE),
            Call(info.address, _GET_RATE_PROVIDERS),
        ]
        tokens, balances, _ = _decoded(info, held, "address[]", "uint256[]", "uint256")
        value, moves, _ = _decoded(info, amp, "uint256", "bool", "uint256")
        if info.address not in tokens or tuple(token for token in tokens if token != info.address) != info.tokens:
            raise PoolError(f"pool {info.address} has other tokens in the Vault")
        if _decoded(info, paused, "bool", "uint256", "uint256")[0]:
            raise PoolError(f"pool {info.address} is paused")
        if moves:
            raise PoolError(f"pool {info.address} moves its amplification, and nobody tells when")
        of_tokens = zip(tokens, _decoded(info, providers, "address[]")[0], strict=False)
        rated = [(token, provider) for token, provider in of_tokens if provider != ZERO_ADDRESS]
        rates = yield [
            call
            for token, provider in rated
            for call in (
                Call(info.address, _GET_TOKEN_RATE_CACHE + bytes.fromhex(token[2:]).rjust(32, b"\0")),
                Call(Address(provider), _GET_RATE),
            )
        ]
        for known, current in zip(rates[::2], rates[1::2], strict=True):
            cached, *_ = _decoded(info, known, "uint256", "uint256", "uint256", "uint256")
            if (cached,) != _decoded(info, current, "uint256"):
                raise PoolError(f"pool {info.address} has a rate that its next swap may renew")
        shares = tokens.index(info.address)
        return cls(
            info,
            _without(balances, shares),
            _without(_decoded(info, factors, "uint256[]")[0], shares),
            value,
            _decoded(info, fee, "uint256")[0],
        )

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "balancer_stable",
            "dex": self.info.dex,
            "address": self.info.address,
            "pool_id": self.info.pool_id,
            "tokens": list(self.info.tokens),
            "balances": [str(balance) for balance in self.balances],
            "scaling_factors": [str(factor) for factor in self.scaling_factors],
            "amp": str(self.amp),
            "swap_fee": str(self.swap_fee),
            "rounds_invariant_up": self.rounds_invariant_up,
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            info = PoolInfo.from_snapshot({"fee_pips": 0, **snapshot})
            balances, factors = (tuple(map(int, snapshot[key])) for key in ("balances", "scaling_factors"))
            if not len(info.tokens) == len(balances) == len(factors):
                raise ValueError("tokens, balances and scaling factors are not as many")
            amp, swap_fee = int(snapshot["amp"]), int(snapshot["swap_fee"])
            if amp < AMP_PRECISION:
                raise ValueError("the amplification is below one")
            return cls(info, balances, factors, amp, swap_fee, bool(snapshot.get("rounds_invariant_up", False)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a balancer_stable snapshot cannot be read: {error!r}") from error

    def _require_amount(self, amount: int) -> None:
        if amount <= 0:
            raise SwapReverts("Vault: UNKNOWN_AMOUNT_IN_FIRST_SWAP")

    def _require_room(self, i: int, amount_in: int) -> None:
        if self.balances[i] + amount_in > _MAX_UINT112:
            raise SwapReverts("Vault: BALANCE_TOTAL_OVERFLOW")

    def _xp_and_invariant(self) -> tuple[list[int], int]:
        if not self._invariant:
            xp = [mul_down(*pair) for pair in zip(self.balances, self.scaling_factors, strict=True)]
            calculate = calculate_invariant_up if self.rounds_invariant_up else calculate_invariant
            self._invariant.append((xp, calculate(self.amp, xp)))
        return self._invariant[0]

    def _slope(self, i: int, j: int) -> tuple[float, float]:
        """Price before fees and depth, both of scaled balances; zero if the pool cannot trade."""
        if not all(self.balances):
            return 0.0, 0.0
        try:
            xp, invariant = self._xp_and_invariant()
            return price_and_depth(xp, i, j, self.amp * len(xp) / AMP_PRECISION, invariant)
        except (SwapReverts, ZeroDivisionError, OverflowError):
            return 0.0, 0.0


def _without(values: tuple[int, ...], index: int) -> tuple[int, ...]:
    return values[:index] + values[index + 1 :]


def _decoded(info: PoolInfo, answer: Answer, *types: str) -> tuple[Any, ...]:
    """The values of an answer, which must have these types."""
    try:
        return tuple(decode(types, answer or b""))
    except DecodingError as error:
        raise PoolError(f"pool {info.address} does not answer as a composable stable pool") from error
