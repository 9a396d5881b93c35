"""
The pairs of Camelot V2: a fee of its own for each direction, and for pegged tokens the stable invariant.

No package ships their bytecode: they are proved against an independent implementation, and off by default
in production until a run on a fork has proved them.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

from keeper.errors import PoolError, SwapReverts
from keeper.events import CamelotFeePercentUpdated, CamelotSetStableSwap, Event, Sync, V2Swap
from keeper.math import uniswap_v2_library
from keeper.math.camelot_pair import FEE_DENOMINATOR, get_y, stable_k
from keeper.pools.pool import PoolInfo, indices
from keeper.types import Address, Answer, Call, Reading

_GET_RESERVES = bytes.fromhex("0902f1ac")
_STABLE_SWAP = bytes.fromhex("9e548b7f")
_PRECISION_MULTIPLIER0 = bytes.fromhex("3b9f1dc0")
_PRECISION_MULTIPLIER1 = bytes.fromhex("288e5d02")
_FEE_DENOMINATOR = bytes.fromhex("d73792a9")
_FACTORY = bytes.fromhex("c45a0155")
_FEE_INFO = bytes.fromhex("995b5aae")

_ONE = 10**18
_MAX_UINT112 = (1 << 112) - 1
_PIPS = uniswap_v2_library.FEE_DENOMINATOR // FEE_DENOMINATOR
#: How far a reserve is moved to see how fast the price falls.
_STEP = 1e-5


@dataclass(frozen=True, slots=True)
class CamelotV2Pool:
    """
    A pair of Camelot V2 (CamelotPair): what ``getAmountOut`` answers, where ``swap`` lets that go without a referrer.

    Attributes:
        reserves: In smallest units, below 2**112.
        fee_percents: Share of each token that the pair keeps when it comes in, in 1e-5.
        units: One whole token of each, what the contract calls ``precisionMultiplier``.
        stable_swap: Whether the invariant is the stable one.
        owner_fee_share: What the factory's owner takes of a stable pair's fee with each swap, in 1e-5.
    """

    info: PoolInfo
    reserves: tuple[int, int]
    fee_percents: tuple[int, int]
    units: tuple[int, int]
    stable_swap: bool
    owner_fee_share: int = 0

    @property
    def address(self) -> Address:
        return self.info.address

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.info.tokens

    def rate(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        if not all(self.reserves):
            return 0.0
        after_fee = 1 - self.fee_percents[i] / FEE_DENOMINATOR
        if not self.stable_swap:
            return self.reserves[j] / self.reserves[i] * after_fee
        return _stable_price(self._whole(i), self._whole(j)) * self.units[j] / self.units[i] * after_fee

    def depth(self, token_in: Address, token_out: Address) -> float:
        i, j = indices(self.info, token_in, token_out)
        if not self.stable_swap or not all(self.reserves):
            return float(self.reserves[i])
        x, y = self._whole(i), self._whole(j)
        price, step = _stable_price(x, y), _STEP * x
        return -2 * step * price / (_stable_price(x + step, y - step * price) - price) * self.units[i]

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        i, j = indices(self.info, token_in, token_out)
        if self.reserves[i] + amount_in > _MAX_UINT112:
            raise SwapReverts("CamelotPair: OVERFLOW")
        if self.stable_swap:
            return self._stable_amount_out(i, j, amount_in)
        fee_pips = self.fee_percents[i] * _PIPS
        return uniswap_v2_library.get_amount_out(amount_in, self.reserves[i], self.reserves[j], fee_pips)

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        i, j = indices(self.info, token_in, token_out)
        if self.stable_swap:
            raise PoolError(f"pair {self.info.address} sells no given amount: stable pairs have no exact-out")
        fee_pips = self.fee_percents[i] * _PIPS
        amount_in = uniswap_v2_library.get_amount_in(amount_out, self.reserves[i], self.reserves[j], fee_pips)
        if self.reserves[i] + amount_in > _MAX_UINT112:
            raise SwapReverts("CamelotPair: OVERFLOW")
        return amount_in

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        amount_out = self.amount_out(token_in, token_out, amount_in)
        if amount_out == 0:
            raise SwapReverts("CamelotPair: INSUFFICIENT_OUTPUT_AMOUNT")
        i, j = indices(self.info, token_in, token_out)
        reserves = list(self.reserves)
        reserves[i] += amount_in
        reserves[j] -= amount_out
        if self.stable_swap:
            reserves[i] -= amount_in * self.owner_fee_share * self.fee_percents[i] // FEE_DENOMINATOR**2
        return amount_out, replace(self, reserves=(reserves[0], reserves[1]))

    def apply(self, event: Event) -> Self | None:
        match event:
            case Sync():
                return replace(self, reserves=(event.reserve0, event.reserve1))
            case V2Swap():
                return self  # the Sync before it told the reserves
            case CamelotFeePercentUpdated():
                return replace(self, fee_percents=(event.token0_fee_percent, event.token1_fee_percent))
            case CamelotSetStableSwap() if event.stable_swap == self.stable_swap or not event.stable_swap:
                return replace(self, stable_swap=event.stable_swap)
            case _:
                return None  # of a pair that becomes stable it is not known what its owner takes

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:  # noqa: ARG003 - a pair has no ticks
        held, stable, unit0, unit1, denominator, factory = yield [
            Call(info.address, selector)
            for selector in (
                _GET_RESERVES, _STABLE_SWAP, _PRECISION_MULTIPLIER0, _PRECISION_MULTIPLIER1, _FEE_DENOMINATOR, _FACTORY
            )
        ]  # fmt: skip
        reserve0, reserve1, fee0, fee1 = _words(info, held, 4)
        if _words(info, denominator, 1) != [FEE_DENOMINATOR]:
            raise PoolError(f"pair {info.address} has fees of another unit")
        units = _words(info, unit0, 1)[0], _words(info, unit1, 1)[0]
        if not all(units):
            raise PoolError(f"pair {info.address} is not initialised")
        share = 0
        (stable_swap,) = _words(info, stable, 1)
        if stable_swap:
            (owner,) = _words(info, factory, 1)
            (answer,) = yield [Call(Address(f"0x{owner:040x}"), _FEE_INFO)]
            share, receiver = _words(info, answer, 2)
            share = share if receiver else 0
        return cls(info, (reserve0, reserve1), (fee0, fee1), units, bool(stable_swap), share)

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "camelot_v2",
            "dex": self.info.dex,
            "address": self.info.address,
            "tokens": list(self.info.tokens),
            "reserves": [str(reserve) for reserve in self.reserves],
            "fee_percents": [str(percent) for percent in self.fee_percents],
            "precision_multipliers": [str(unit) for unit in self.units],
            "stable_swap": self.stable_swap,
            "owner_fee_share": str(self.owner_fee_share),
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            info = PoolInfo.from_snapshot({"fee_pips": 0, **snapshot})
            reserve0, reserve1 = map(int, snapshot["reserves"])
            fee0, fee1 = map(int, snapshot["fee_percents"])
            unit0, unit1 = map(int, snapshot["precision_multipliers"])
            if not unit0 or not unit1:
                raise ValueError("a precision multiplier is zero")
            kind = bool(snapshot["stable_swap"]), int(snapshot.get("owner_fee_share", 0))
            return cls(info, (reserve0, reserve1), (fee0, fee1), (unit0, unit1), *kind)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a camelot_v2 snapshot cannot be read: {error!r}") from error

    def _stable_amount_out(self, i: int, j: int, amount_in: int) -> int:
        if amount_in <= 0:
            raise SwapReverts("CamelotPair: INSUFFICIENT_INPUT_AMOUNT")
        if not all(self.reserves):
            raise SwapReverts("CamelotPair: INSUFFICIENT_LIQUIDITY")
        after_fee = amount_in - amount_in * self.fee_percents[i] // FEE_DENOMINATOR
        k = stable_k(*self.reserves, *self.units)
        reserve_in, reserve_out = (self.reserves[n] * _ONE // self.units[n] for n in (i, j))
        y = reserve_out - get_y(after_fee * _ONE // self.units[i] + reserve_in, k, reserve_out)
        if y < 0:
            raise SwapReverts("CamelotPair: K")
        amount_out = y * self.units[j] // _ONE
        self._require_k(i, j, after_fee, amount_out, k)
        return amount_out

    def _require_k(self, i: int, j: int, after_fee: int, amount_out: int, k: int) -> None:
        """Raise where ``swap`` would not let go what ``getAmountOut`` answers: Newton's method may end a unit low."""
        balances = list(self.reserves)
        balances[i] += after_fee
        balances[j] -= amount_out
        if balances[j] <= 0 or stable_k(balances[0], balances[1], *self.units) < k:
            raise SwapReverts("CamelotPair: K")

    def _whole(self, k: int) -> float:
        """A reserve in whole tokens."""
        return self.reserves[k] / self.units[k]


def _stable_price(x: float, y: float) -> float:
    return y * (3 * x * x + y * y) / (x * (x * x + 3 * y * y))


def _words(info: PoolInfo, answer: Answer, count: int) -> list[int]:
    """The words of an answer, of which it must have exactly so many."""
    if answer is None or len(answer) != 32 * count:
        raise PoolError(f"pair {info.address} does not answer as a Camelot V2 pair")
    return [int.from_bytes(answer[k : k + 32]) for k in range(0, len(answer), 32)]
