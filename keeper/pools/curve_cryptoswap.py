"""
Curve's cryptoswap pools, of coins that are not pegged: tricrypto of 2021, tricrypto NG and twocrypto NG.

No package ships their bytecode: they are proved against an independent implementation and against answers recorded on
chain or from the contract's own mathematics, and off by default in production until a run on a fork has proved them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.errors import PoolError, SwapReverts
from keeper.events import Event
from keeper.math import tricrypto, twocrypto_ng
from keeper.math.cryptoswap import A_MULTIPLIER, FEE_DENOMINATOR, PRECISION, fee, uint
from keeper.pools.crypto_invariant import price_and_depth
from keeper.pools.pool import PoolInfo, indices
from keeper.types import Address, Answer, Call, Reading

#: It tells the block's time, and has the same address on every chain.
_MULTICALL3 = Address("0xca11bde05977b3631167028862be2a173976ca11")
_GET_CURRENT_BLOCK_TIMESTAMP = bytes.fromhex("0f28c97d")

_A, _GAMMA, _D = (bytes.fromhex(selector) for selector in ("f446c1d0", "b1373929", "0f529ba2"))
_MID_FEE, _OUT_FEE, _FEE_GAMMA = (bytes.fromhex(selector) for selector in ("92526c0c", "ee8de675", "72d4f0e2"))
_FUTURE_A_GAMMA_TIME = bytes.fromhex("f9ed9597")
_BALANCES = bytes.fromhex("4903b0d1")
_PRICE_SCALE = bytes.fromhex("b9e8c9fd")
_PRICE_SCALE_OF = bytes.fromhex("a3f7cdd5")
_DECIMALS = bytes.fromhex("313ce567")
_IS_KILLED = bytes.fromhex("9c868ac0")
_MATH = bytes.fromhex("ed6c1546")
_A_PRECISE = bytes.fromhex("76a2f0f0")
_VERSION = bytes.fromhex("54fd4d50")

_GetY = Callable[[int, int, Sequence[int], int, int], int]

#: How the balance of one coin follows from the others, by generation and number of coins.
_GET_Y: dict[tuple[str, int], _GetY] = {
    ("2021", 3): tricrypto.get_y_of_2021,
    ("ng", 3): tricrypto.get_y,
    ("ng", 2): twocrypto_ng.get_y,
}
#: What the mathematics of NG that are modelled call themselves.
_NG_VERSION = "v2.0.0"
#: Of a snapshot.
_NUMBERS = ("a", "gamma", "d", "mid_fee", "out_fee", "fee_gamma")
#: How often ``get_dx`` corrects the fee.
_GET_DX_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class CurveCryptoSwapPool:
    """
    A pool of coins whose price the pool follows itself (curve-crypto-contract, CurveCryptoSwap; tricrypto-ng,
    CurveTricryptoOptimized; twocrypto-ng, CurveTwocryptoOptimized): what ``exchange`` gives, and what ``get_dx`` asks.

    After a swap the contract may move ``price_scale`` towards the price of its oracle, which depends on the block's
    time, and it reverts where the pool would have lost by rounding: neither is modelled.

    Attributes:
        balances: In each coin's smallest units.
        precisions: What makes a balance one of 18 decimals.
        price_scale: Of each coin but the first in the first, with 18 decimals: where liquidity is concentrated.
        a: The amplification A * n**n with four decimals, which does not move.
        gamma: How narrow the liquidity is, with 18 decimals.
        D: The invariant.
        mid_fee, out_fee: Share of the output at balance and far from it, in 1e-10.
        fee_gamma: How fast the one becomes the other, with 18 decimals.
        generation: ``2021`` or ``ng``.
    """

    info: PoolInfo
    balances: tuple[int, ...]
    precisions: tuple[int, ...]
    price_scale: tuple[int, ...]
    a: int
    gamma: int
    D: int
    mid_fee: int
    out_fee: int
    fee_gamma: int
    generation: str

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
        share = fee(self._xp(self.balances), self.mid_fee, self.out_fee, self.fee_gamma)
        return price * self._unit(i) / self._unit(j) * (1 - share / FEE_DENOMINATOR)

    def depth(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        _, depth = self._slope(i, j)
        return depth / self._unit(i)

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        i, j = indices(self.info, token_in, token_out)
        if amount_in <= 0:
            raise SwapReverts("cryptoswap: do not exchange 0 coins")
        balances = list(self.balances)
        balances[i] = uint(balances[i] + amount_in)
        xp = self._xp(balances)
        y = self._get_y(xp, j)
        dy = xp[j] - y - 1
        if dy < 0:
            raise SwapReverts("cryptoswap: y is above the balance")
        xp[j] = y
        dy = self._raw(dy, j)
        return dy - uint(self._fee(xp) * dy) // FEE_DENOMINATOR

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        """
        Return what ``get_dx`` answers: an estimate of the contract itself. An exchange of it may buy a little less or
        more; there is none for an exact output.
        """
        i, j = indices(self.info, token_in, token_out)
        if self.generation == "2021":
            raise PoolError(f"pool {self.info.address} sells no given amount: tricrypto of 2021 has no exact-out")
        if amount_out <= 0:
            raise SwapReverts("cryptoswap: do not exchange out 0 coins")
        dx, dy = 0, amount_out
        for _ in range(_GET_DX_ROUNDS):
            dx, xp = self._get_dx(i, j, dy)
            dy = amount_out + uint(self._fee(xp) * dy) // FEE_DENOMINATOR + 1
        return dx

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        """
        Return what the pool pays, and the pool with the balances that leaves. Its invariant and price scale are those
        from before: what they are after, the chain alone tells.
        """
        amount_out = self.amount_out(token_in, token_out, amount_in)
        i, j = indices(self.info, token_in, token_out)
        balances = list(self.balances)
        balances[i] += amount_in
        balances[j] -= amount_out
        return amount_out, replace(self, balances=tuple(balances))

    def apply(self, event: Event) -> Self | None:  # noqa: ARG002 - no event tells the invariant
        return None

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:  # noqa: ARG003 - it has no ticks
        n = len(info.tokens)
        state = (_A, _GAMMA, _D, _MID_FEE, _OUT_FEE, _FEE_GAMMA, _FUTURE_A_GAMMA_TIME)
        scales = [_PRICE_SCALE] if n == 2 else [_PRICE_SCALE_OF + k.to_bytes(32) for k in range(n - 1)]
        *answers, now, killed, math, a_precise = yield [
            *(Call(info.address, selector) for selector in state),
            *(Call(info.address, _BALANCES + k.to_bytes(32)) for k in range(n)),
            *(Call(info.address, scale) for scale in scales),
            *(Call(token, _DECIMALS) for token in info.tokens),
            Call(_MULTICALL3, _GET_CURRENT_BLOCK_TIMESTAMP),
            Call(info.address, _IS_KILLED),
            Call(info.address, _MATH),
            Call(info.address, _A_PRECISE),
        ]
        a, gamma, D, mid_fee, out_fee, fee_gamma, ramp_end, *rest = (_word(info, answer) for answer in answers)
        balances, price_scale, decimals = rest[:n], rest[n:-n], rest[-n:]
        if killed and _word(info, killed):
            raise PoolError(f"pool {info.address} is killed")
        if a_precise:
            raise PoolError(f"pool {info.address} is of the first cryptoswap pools, which tell A with less decimals")
        # Tricrypto of 2021 ends a ramp with the first swap after it, NG by the clock.
        if ramp_end > (_word(info, now) if math else 0):
            raise PoolError(f"pool {info.address} moves its amplification, and nobody tells when")
        if math:
            (version,) = yield [Call(Address("0x" + math[-20:].hex()), _VERSION)]
            _require_known(info, version)
        if not all(price_scale) or max(decimals) > 18:
            raise PoolError(f"pool {info.address} has prices or decimals that it cannot have")
        precisions = tuple(10 ** (18 - d) for d in decimals)
        parameters = (a, gamma, D, mid_fee, out_fee, fee_gamma, "ng" if math else "2021")
        return cls(info, tuple(balances), precisions, tuple(price_scale), *parameters)._of_known_kind()

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "curve_cryptoswap",
            "dex": self.info.dex,
            "address": self.info.address,
            "tokens": list(self.info.tokens),
            "balances": [str(balance) for balance in self.balances],
            "precisions": [str(precision) for precision in self.precisions],
            "price_scale": [str(price) for price in self.price_scale],
            "a": str(self.a),
            "gamma": str(self.gamma),
            "d": str(self.D),
            "mid_fee": str(self.mid_fee),
            "out_fee": str(self.out_fee),
            "fee_gamma": str(self.fee_gamma),
            "generation": self.generation,
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            info = PoolInfo.from_snapshot({"fee_pips": 0, **snapshot})
            balances, precisions, prices = (
                tuple(map(int, snapshot[key])) for key in ("balances", "precisions", "price_scale")
            )
            if not len(info.tokens) == len(balances) == len(precisions) == len(prices) + 1:
                raise ValueError("tokens, balances, precisions and prices are not as many")
            if not all(prices) or not all(precisions):
                raise ValueError("a price or a precision is zero")
            a, gamma, D, mid_fee, out_fee, fee_gamma = (int(snapshot[key]) for key in _NUMBERS)
            state = (balances, precisions, prices, a, gamma, D, mid_fee, out_fee, fee_gamma, snapshot["generation"])
            return cls(info, *state)._of_known_kind()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a curve_cryptoswap snapshot cannot be read: {error!r}") from error

    def _of_known_kind(self) -> Self:
        if (self.generation, len(self.balances)) not in _GET_Y:
            raise PoolError(f"pool {self.info.address} is neither tricrypto of 2021 nor NG of two or three coins")
        return self

    def _get_y(self, xp: Sequence[int], j: int) -> int:
        return _GET_Y[self.generation, len(xp)](self.a, self.gamma, xp, self.D, j)

    def _get_dx(self, i: int, j: int, dy: int) -> tuple[int, list[int]]:
        """What buys *dy*, the fee included in it, and the balances after, in units of the invariant."""
        balances = list(self.balances)
        balances[j] -= dy
        if balances[j] < 0:
            raise SwapReverts("cryptoswap: there is not so much of the coin")
        xp = self._xp(balances)
        x = self._get_y(xp, i)
        dx = uint(x - xp[i])
        xp[i] = x
        return self._raw(dx, i), xp

    def _fee(self, xp: Sequence[int]) -> int:
        return fee(xp, self.mid_fee, self.out_fee, self.fee_gamma)

    def _xp(self, balances: Sequence[int]) -> list[int]:
        """The balances in units of the invariant."""
        first, *others = (uint(x * precision) for x, precision in zip(balances, self.precisions, strict=True))
        return [first, *(uint(x * price) // PRECISION for x, price in zip(others, self.price_scale, strict=True))]

    def _raw(self, amount: int, k: int) -> int:
        """An amount in units of the invariant in coin *k*'s smallest units."""
        if k > 0:
            amount = uint(amount * PRECISION) // self.price_scale[k - 1]
        return amount // self.precisions[k]

    def _unit(self, k: int) -> float:
        """Units of the invariant per smallest unit of coin *k*."""
        return float(self.precisions[k]) * (self.price_scale[k - 1] / PRECISION if k else 1.0)

    def _slope(self, i: int, j: int) -> tuple[float, float]:
        """Price before fees and depth, both in units of the invariant; zero if the pool cannot trade."""
        try:
            xp = self._xp(self.balances)
            A = self.a / A_MULTIPLIER / len(xp) ** len(xp)
            return price_and_depth(xp, i, j, A, self.gamma / 10**18, self.D)
        except (SwapReverts, ZeroDivisionError, OverflowError):
            return 0.0, 0.0


def _require_known(info: PoolInfo, version: Answer) -> None:
    try:
        (name,) = decode(["string"], version or b"")
    except (DecodingError, OverflowError, ValueError) as error:  # of the latter two, what is no text or of no length
        raise PoolError(f"pool {info.address} does not tell which mathematics it has") from error
    if name != _NG_VERSION:
        raise PoolError(f"pool {info.address} has mathematics {name}, which are not modelled")


def _word(info: PoolInfo, answer: Answer) -> int:
    if answer is None or len(answer) != 32:
        raise PoolError(f"pool {info.address} does not answer as a cryptoswap pool")
    return int.from_bytes(answer)
