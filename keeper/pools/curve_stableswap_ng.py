"""
Curve's StableSwap NG pools: up to eight coins, each at a rate of its own, and a fee that grows with the imbalance.

No package ships their bytecode: they are proved against an independent implementation and against answers recorded from
the contract's own mathematics, and off by default in production until a run on a fork has proved them.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.errors import PoolError, SwapReverts
from keeper.events import Event
from keeper.math.stableswap import A_PRECISION, FEE_DENOMINATOR, PRECISION, get_xp, get_y
from keeper.math.stableswap_ng import dynamic_fee, get_D
from keeper.pools.pool import PoolInfo, indices
from keeper.pools.stable_invariant import price_and_depth
from keeper.types import Address, Answer, Call, Reading

_GET_BALANCES = bytes.fromhex("14f05979")
_STORED_RATES = bytes.fromhex("fd0684b1")
_A_PRECISE = bytes.fromhex("76a2f0f0")
_FUTURE_A = bytes.fromhex("b4b577ad")
_FEE = bytes.fromhex("ddca3f43")
_OFFPEG_FEE_MULTIPLIER = bytes.fromhex("8edfdd5f")
_ADMIN_FEE = bytes.fromhex("fee3f7f9")

_MAX_UINT256 = (1 << 256) - 1


@dataclass(frozen=True, slots=True)
class CurveStableSwapNGPool:
    """
    A pool of StableSwap NG (stableswap-ng, CurveStableSwapNG): what ``exchange`` gives, and what ``get_dx`` asks.

    Of coins with a rate of their own (an oracle's, an ERC-4626 vault's) the rates are those of the moment of reading:
    no event tells that one moved.

    Attributes:
        balances: Without the admin's part, in each coin's smallest units.
        rates: What turns a balance into 18 decimals of the common unit when divided by 1e18.
        a: The amplification A * n**(n - 1) with two decimals, which does not move.
        fee: Share of the output at balance, in 1e-10.
        offpeg_fee_multiplier: How many times the fee grows at most, in 1e-10; without effect up to one.
        admin_fee: The admin's share of the fee, in 1e-10; it leaves the balances with every swap.
    """

    info: PoolInfo
    balances: tuple[int, ...]
    rates: tuple[int, ...]
    a: int
    fee: int
    offpeg_fee_multiplier: int
    admin_fee: int
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
        if not price:
            return 0.0
        xp, _ = self._xp_and_D()
        fee = dynamic_fee(xp[i], xp[j], self.fee, self.offpeg_fee_multiplier)
        return price * (self.rates[i] / self.rates[j]) * (1 - fee / FEE_DENOMINATOR)

    def depth(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        _, depth = self._slope(i, j)
        return depth * PRECISION / self.rates[i]

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        dy, _ = self._exchange(*indices(self.info, token_in, token_out), amount_in)
        return dy

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        """
        Return what ``get_dx`` answers: an estimate of the contract itself, at the fee before the swap. An exchange of
        it may buy a little less or more; there is none for an exact output.
        """
        i, j = indices(self.info, token_in, token_out)
        if amount_out < 0:
            raise SwapReverts("StableSwapNG: overflow")
        xp, D = self._xp_and_D()
        fee = dynamic_fee(xp[i], xp[j], self.fee, self.offpeg_fee_multiplier)
        dy_with_fee = _uint(amount_out * self.rates[j]) // PRECISION + 1
        if fee >= FEE_DENOMINATOR:
            raise SwapReverts("StableSwapNG: the fee takes it all")
        y = xp[j] - _uint(dy_with_fee * FEE_DENOMINATOR) // (FEE_DENOMINATOR - fee)
        if y < 0:
            raise SwapReverts("StableSwapNG: there is not so much of the coin")
        x = get_y(j, i, y, xp, self.a, D)
        if x < xp[i]:
            raise SwapReverts("StableSwapNG: x is below the balance")
        return _uint((x - xp[i]) * PRECISION) // self.rates[i]

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        i, j = indices(self.info, token_in, token_out)
        dy, dy_admin_fee = self._exchange(i, j, amount_in)
        balances = list(self.balances)
        balances[i] += amount_in
        balances[j] -= dy + dy_admin_fee
        return dy, replace(self, balances=tuple(balances))

    def apply(self, event: Event) -> Self | None:  # noqa: ARG002 - no event tells what the admin took, nor a rate
        return None

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:  # noqa: ARG003 - it has no ticks
        selectors = (_GET_BALANCES, _STORED_RATES, _A_PRECISE, _FUTURE_A, _FEE, _OFFPEG_FEE_MULTIPLIER, _ADMIN_FEE)
        held, stored, *words = yield [Call(info.address, selector) for selector in selectors]
        (balances,), (rates,) = (_decoded(info, answer, "uint256[]") for answer in (held, stored))
        a, future_a, fee, multiplier, admin_fee = (_decoded(info, word, "uint256")[0] for word in words)
        if not len(info.tokens) == len(balances) == len(rates):
            raise PoolError(f"pool {info.address} has {len(balances)} coins instead of {len(info.tokens)}")
        if a != future_a:
            raise PoolError(f"pool {info.address} moves its amplification, and nobody tells when")
        if not all(rates):
            raise PoolError(f"pool {info.address} has a coin whose rate is zero")
        return cls(info, balances, rates, a, fee, multiplier, admin_fee)

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "curve_stableswap_ng",
            "dex": self.info.dex,
            "address": self.info.address,
            "tokens": list(self.info.tokens),
            "balances": [str(balance) for balance in self.balances],
            "rates": [str(rate) for rate in self.rates],
            "a": str(self.a),
            "fee": str(self.fee),
            "offpeg_fee_multiplier": str(self.offpeg_fee_multiplier),
            "admin_fee": str(self.admin_fee),
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            info = PoolInfo.from_snapshot({"fee_pips": 0, **snapshot})
            balances, rates = (tuple(map(int, snapshot[key])) for key in ("balances", "rates"))
            if not len(info.tokens) == len(balances) == len(rates):
                raise ValueError("tokens, balances and rates are not as many")
            if not all(rates):
                raise ValueError("a rate is zero")
            parameters = (int(snapshot[key]) for key in ("a", "fee", "offpeg_fee_multiplier", "admin_fee"))
            return cls(info, balances, rates, *parameters)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a curve_stableswap_ng snapshot cannot be read: {error!r}") from error

    def _exchange(self, i: int, j: int, dx: int) -> tuple[int, int]:
        """What is bought, and what the admin takes of the same coin."""
        if dx <= 0:
            raise SwapReverts("StableSwapNG: do not exchange 0 coins")
        xp, D = self._xp_and_D()
        x = xp[i] + _uint(dx * self.rates[i]) // PRECISION
        y = get_y(i, j, x, xp, self.a, D)
        dy = xp[j] - y - 1
        if dy < 0:
            raise SwapReverts("StableSwapNG: y is above the balance")
        share = dynamic_fee((xp[i] + x) // 2, (xp[j] + y) // 2, self.fee, self.offpeg_fee_multiplier)
        dy_fee = _uint(dy * share) // FEE_DENOMINATOR
        admin_fee = dy_fee * self.admin_fee // FEE_DENOMINATOR
        return _uint((dy - dy_fee) * PRECISION) // self.rates[j], admin_fee * PRECISION // self.rates[j]

    def _xp_and_D(self) -> tuple[list[int], int]:  # noqa: N802 - the contract's name
        if not self._invariant:
            xp = get_xp(self.balances, self.rates)
            self._invariant.append((xp, get_D(xp, self.a)))
        return self._invariant[0]

    def _slope(self, i: int, j: int) -> tuple[float, float]:
        """Price before fees and depth, both of scaled balances; zero if the pool cannot trade."""
        try:
            xp, D = self._xp_and_D()
            return price_and_depth(xp, i, j, self.a * len(xp) / A_PRECISION, D)
        except (SwapReverts, ZeroDivisionError, OverflowError):
            return 0.0, 0.0


def _uint(value: int) -> int:
    if value > _MAX_UINT256:
        raise SwapReverts("StableSwapNG: overflow")
    return value


def _decoded(info: PoolInfo, answer: Answer, *types: str) -> tuple[Any, ...]:
    """The values of an answer, which must have these types."""
    try:
        return tuple(decode(types, answer or b""))
    except DecodingError as error:
        raise PoolError(f"pool {info.address} does not answer as a StableSwap NG pool") from error
