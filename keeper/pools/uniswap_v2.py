"""
The constant-product pairs of Uniswap V2 and its forks: Sushi V2, Pancake V2.
"""

from typing import Any, Self

from keeper.errors import PoolError, SwapReverts
from keeper.events import Event, Sync, V2Swap
from keeper.math.uniswap_v2_library import FEE_DENOMINATOR, get_amount_in, get_amount_out
from keeper.pools.pool import PoolInfo
from keeper.types import Address, Call, Reading, value

_GET_RESERVES = bytes.fromhex("0902f1ac")
_MAX_UINT112 = (1 << 112) - 1


@value
class UniswapV2Pool:
    """
    A constant-product pair.

    The most that the pair's K rule lets go for an input is exactly what the library quotes, so the quotes are the
    library's (v2-periphery, UniswapV2Library); what the pair itself refuses (v2-core, UniswapV2Pair.swap) raises here.

    Attributes:
        reserve0: Of ``tokens[0]``, in smallest units, below 2**112.
        reserve1: Of ``tokens[1]``, likewise.
    """

    info: PoolInfo
    reserve0: int
    reserve1: int

    @property
    def address(self) -> Address:
        return self.info.address

    @property
    def tokens(self) -> tuple[Address, ...]:
        return self.info.tokens

    def rate(self, token_in: Address, token_out: Address) -> float:
        reserve_in, reserve_out = self._reserves(token_in, token_out)
        if not reserve_in or not reserve_out:
            return 0.0
        return reserve_out / reserve_in * (1 - self.info.fee_pips / FEE_DENOMINATOR)

    def depth(self, token_in: Address, token_out: Address) -> float:
        return float(self._reserves(token_in, token_out)[0])

    def amount_out(self, token_in: Address, token_out: Address, amount_in: int) -> int:
        reserve_in, reserve_out = self._reserves(token_in, token_out)
        if reserve_in + amount_in > _MAX_UINT112:
            raise SwapReverts("UniswapV2: OVERFLOW")
        return get_amount_out(amount_in, reserve_in, reserve_out, self.info.fee_pips)

    def amount_in(self, token_in: Address, token_out: Address, amount_out: int) -> int:
        reserve_in, reserve_out = self._reserves(token_in, token_out)
        amount_in = get_amount_in(amount_out, reserve_in, reserve_out, self.info.fee_pips)
        if reserve_in + amount_in > _MAX_UINT112:
            raise SwapReverts("UniswapV2: OVERFLOW")
        return amount_in

    def swap(self, token_in: Address, token_out: Address, amount_in: int) -> tuple[int, Self]:
        amount_out = self.amount_out(token_in, token_out, amount_in)
        if amount_out == 0:
            raise SwapReverts("UniswapV2: INSUFFICIENT_OUTPUT_AMOUNT")
        if token_in == self.info.tokens[0]:
            after = type(self)(self.info, self.reserve0 + amount_in, self.reserve1 - amount_out)
        else:
            after = type(self)(self.info, self.reserve0 - amount_out, self.reserve1 + amount_in)
        return amount_out, after

    def apply(self, event: Event) -> Self | None:
        match event:
            case Sync():
                return type(self)(self.info, event.reserve0, event.reserve1)
            case V2Swap():
                return self  # the Sync before it told the reserves
            case _:
                return None

    @classmethod
    def new(cls, info: PoolInfo) -> Self:
        """
        Return the pair as its factory deploys it, without liquidity.
        """
        return cls(info, 0, 0)

    @classmethod
    def read(cls, info: PoolInfo, radius: int | None = None) -> Reading[Self]:  # noqa: ARG003 - a pair has no ticks
        (answer,) = yield [Call(info.address, _GET_RESERVES)]
        if answer is None or len(answer) != 96:
            raise PoolError(f"pair {info.address} does not tell its reserves")
        return cls(info, int.from_bytes(answer[:32]), int.from_bytes(answer[32:64]))

    def snapshot(self) -> dict[str, Any]:
        return {
            "family": "uniswap_v2",
            "dex": self.info.dex,
            "address": self.info.address,
            "tokens": list(self.info.tokens),
            "reserves": [str(self.reserve0), str(self.reserve1)],
            "fee_pips": str(self.info.fee_pips),
        }

    @classmethod
    def from_snapshot(cls, snapshot: dict[str, Any]) -> Self:
        try:
            reserve0, reserve1 = map(int, snapshot["reserves"])
            return cls(PoolInfo.from_snapshot(snapshot), reserve0, reserve1)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PoolError(f"a uniswap_v2 snapshot cannot be read: {error!r}") from error

    def _reserves(self, token_in: Address, token_out: Address) -> tuple[int, int]:
        """The reserves as (in, out)."""
        token0, token1 = self.info.tokens
        if token_in == token0 and token_out == token1:
            return self.reserve0, self.reserve1
        if token_in == token1 and token_out == token0:
            return self.reserve1, self.reserve0
        raise PoolError(f"pair {self.info.address} does not trade {token_in} for {token_out}")
