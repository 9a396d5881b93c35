"""
Curve's plain StableSwap pools: coins whose rates are fixed by their decimals, one fee for all swaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from keeper.errors import PoolError, SwapReverts
from keeper.events import Event
from keeper.math.stableswap import A_PRECISION, FEE_DENOMINATOR, PRECISION, get_D, get_xp, get_y
from keeper.pools.pool import PoolInfo, indices
from keeper.pools.stable_invariant import price_and_depth
from keeper.types import Address, Answer, Call, Reading

_A_PRECISE = bytes.fromhex("76a2f0f0")
_FUTURE_A = bytes.fromhex("b4b577ad")
_FEE = bytes.fromhex("ddca3f43")
_ADMIN_FEE = bytes.fromhex("fee3f7f9")
_OFFPEG_FEE_MULTIPLIER = bytes.fromhex("8edfdd5f")
_BALANCES = bytes.fromhex("4903b0d1")
_DECIMALS = bytes.fromhex("313ce567")

_MAX_UINT256 = (1 << 256) - 1


@dataclass(frozen=True, slots=True)
class CurveStableSwapPool:
    """
    A plain pool (curve-contract, SwapTemplateBase; curve-factory, Plain2Basic): what ``exchange`` does, which in the
    oldest pools rounds the fee otherwise than their ``get_dy``.

    Attributes:
        balances: Without the admin's part, in each coin's smallest units.
        rates: What turns a balance into 18 decimals when divided by 1e18.
        a: The amplification A * n**(n - 1) with two decimals, which does not move.
        fee: Share of the output, in 1e-10.
        admin_fee: The admin's share of the fee, in 1e-10; it leaves the balances with every swap.
    """

    info: PoolInfo
    balances: tuple[int, ...]
    rates: tuple[int, ...]
    a: int
    fee: int
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
        return price * (self.rates[i] / self.rates[j]) * (1 - self.fee / FEE_DENOMINATOR)

    def depth(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        _, depth = self._slope(i, j)
        return depth * PRECISION / self.rates[i]

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        dy, _ = self._exchange(*indices(self.info, token_in, token_out), amount_in)
        return dy

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:  # noqa: ARG002 - a sibling's
        raise PoolError(f"pool {self.info.address} sells no given amount: plain pools have no exact-out")

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        i, j = indices(self.info, token_in, token_out)
        dy, dy_admin_fee = self._exchange(i, j, amount_in)
        balances = list(self.balances)
        balances[i] += amount_in
        balances[j] -= dy + dy_admin_fee
        return dy, type(self)(self.info, tuple(balances), self.rates, self.a, self.fee, self.admin_fee)

    def apply(self, event: Event) -> Self | None:  # noqa: ARG002 - no event tells what the admin took
        return None

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:  # noqa: ARG003 - it has no ticks
        n = len(info.tokens)
        answers = yield [
            *(Call(info.address, selector) for selector in (_A_PRECISE, _FUTURE_A, _FEE, _ADMIN_FEE)),
            *(Call(info.address, _BALANCES + k.to_bytes(32)) for k in range(n)),
            *(Call(token, _DECIMALS) for token in info.tokens),
            Call(info.address, _OFFPEG_FEE_MULTIPLIER),
        ]
        *answers, dynamic_fee = answers
        if dynamic_fee:
            raise PoolError(f"pool {info.address} has a dynamic fee and is no plain StableSwap pool")
        a, future_a, fee, admin_fee, *rest = _words(info, answers)
        if a != future_a:
            raise PoolError(f"pool {info.address} moves its amplification, and nobody tells when")
        decimals = rest[n:]
        if max(decimals) > 36:
            raise PoolError(f"pool {info.address} has a coin of {max(decimals)} decimals")
        return cls(info, tuple(rest[:n]), tuple(10 ** (36 - d) for d in decimals), a, fee, admin_fee)

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "curve_stableswap",
            "dex": self.info.dex,
            "address": self.info.address,
            "tokens": list(self.info.tokens),
            "balances": [str(balance) for balance in self.balances],
            "rates": [str(rate) for rate in self.rates],
            "a": str(self.a),
            "fee": str(self.fee),
            "offpeg_fee_multiplier": "0",
            "admin_fee": str(self.admin_fee),
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            info = PoolInfo.from_snapshot({"fee_pips": 0, **snapshot})
            if int(snapshot.get("offpeg_fee_multiplier", 0)):
                raise ValueError("it has a dynamic fee")
            balances, rates = (tuple(map(int, snapshot[key])) for key in ("balances", "rates"))
            if not len(info.tokens) == len(balances) == len(rates):
                raise ValueError("tokens, balances and rates are not as many")
            return cls(info, balances, rates, *(int(snapshot[key]) for key in ("a", "fee", "admin_fee")))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a curve_stableswap snapshot cannot be read: {error!r}") from error

    def _exchange(self, i: int, j: int, dx: int) -> tuple[int, int]:
        """What is bought, and what the admin takes of the same coin."""
        xp, D = self._xp_and_D()
        scaled = dx * self.rates[i]
        if not 0 <= scaled <= _MAX_UINT256:
            raise SwapReverts("StableSwap: overflow")
        y = get_y(i, j, xp[i] + scaled // PRECISION, xp, self.a, D)
        dy = xp[j] - y - 1
        if dy < 0:
            raise SwapReverts("StableSwap: y is below zero")
        fee = dy * self.fee // FEE_DENOMINATOR
        admin_fee = fee * self.admin_fee // FEE_DENOMINATOR
        return (dy - fee) * PRECISION // self.rates[j], admin_fee * PRECISION // self.rates[j]

    def _xp_and_D(self) -> tuple[list[int], int]:  # noqa: N802 - the contract's name
        if not self._invariant:
            xp = get_xp(self.balances, self.rates)
            self._invariant.append((xp, get_D(xp, self.a)))
        return self._invariant[0]

    def _slope(self, i: int, j: int) -> tuple[float, float]:
        """Price before fees and depth, both of scaled balances; zero if the pool cannot trade."""
        if not all(self.balances):
            return 0.0, 0.0
        try:
            xp, D = self._xp_and_D()
            return price_and_depth(xp, i, j, self.a * len(xp) / A_PRECISION, D)
        except (SwapReverts, ZeroDivisionError, OverflowError):
            return 0.0, 0.0


def _words(info: PoolInfo, answers: Sequence[Answer]) -> list[int]:
    """The answers, each of which must be one word."""
    words = []
    for answer in answers:
        if answer is None or len(answer) != 32:
            raise PoolError(f"pool {info.address} does not answer as a plain StableSwap pool")
        words.append(int.from_bytes(answer))
    return words
