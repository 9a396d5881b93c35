"""
TickMath of v3-core: square roots of 1.0001**tick in Q64.96, and back.
"""

from functools import lru_cache

from keeper.errors import SwapReverts

MIN_TICK = -887_272
MAX_TICK = 887_272
MIN_SQRT_RATIO = 4295128739
MAX_SQRT_RATIO = 1461446703485210103287273052203988822378723970342

#: 2**128 / sqrt(1.0001)**(2**i) for each bit i of a tick.
_RATIOS_X128 = (
    0xFFFCB933BD6FAD37AA2D162D1A594001,
    0xFFF97272373D413259A46990580E213A,
    0xFFF2E50F5F656932EF12357CF3C7FDCC,
    0xFFE5CACA7E10E4E61C3624EAA0941CD0,
    0xFFCB9843D60F6159C9DB58835C926644,
    0xFF973B41FA98C081472E6896DFB254C0,
    0xFF2EA16466C96A3843EC78B326B52861,
    0xFE5DEE046A99A2A811C461F1969C3053,
    0xFCBE86C7900A88AEDCFFC83B479AA3A4,
    0xF987A7253AC413176F2B074CF7815E54,
    0xF3392B0822B70005940C7A398E4B70F3,
    0xE7159475A2C29B7443B29C7FA6E889D9,
    0xD097F3BDFD2022B8845AD8F792AA5825,
    0xA9F746462D870FDF8A65DC1F90E061E5,
    0x70D869A156D2A1B890BB3DF62BAF32F7,
    0x31BE135F97D08FD981231505542FCFA6,
    0x9AA508B5B7A84E1C677DE54F3E99BC9,
    0x5D6AF8DEDB81196699C329225EE604,
    0x2216E584F5FA1EA926041BEDFE98,
    0x48A170391F7DC42444E8FA2,
)

_LOW_BITS = 10


def _tabulated(ratios_x128: tuple[int, ...]) -> list[int]:
    """The rounded products of the ratios of every number's bits, in the contract's order: lowest bit first."""
    products = [1 << 128]
    for ratio_x128 in ratios_x128:
        products += [product * ratio_x128 >> 128 for product in products]
    return products


_LOW_RATIOS_X128 = _tabulated(_RATIOS_X128[:_LOW_BITS])
_HIGH_RATIOS_X128 = _RATIOS_X128[_LOW_BITS:]

#: log(2) / log(sqrt(1.0001)) in Q64, and the error bounds of a logarithm with 14 fractional bits.
_LOG_SQRT10001_2_X64 = 255738958999603826347141
_ERROR_BELOW = 3402992956809132418596140100660247210
_ERROR_ABOVE = 291339464771989622907027621153398088495


@lru_cache(maxsize=1 << 16)
def get_sqrt_ratio_at_tick(tick: int) -> int:
    """
    Return sqrt(1.0001**tick) in Q64.96, rounded up.

    Raises:
        SwapReverts: The tick is beyond MIN_TICK or MAX_TICK.
    """
    abs_tick = abs(tick)
    if abs_tick > MAX_TICK:
        raise SwapReverts("TickMath: T")
    ratio = _LOW_RATIOS_X128[abs_tick & (1 << _LOW_BITS) - 1]
    high = abs_tick >> _LOW_BITS
    for ratio_x128 in _HIGH_RATIOS_X128:
        if high & 1:
            ratio = ratio * ratio_x128 >> 128
        high >>= 1
    if tick > 0:
        ratio = ((1 << 256) - 1) // ratio
    return -(-ratio >> 32)


def get_tick_at_sqrt_ratio(sqrt_price_x96: int) -> int:
    """
    Return the greatest tick whose ratio is at most *sqrt_price_x96*.

    Raises:
        SwapReverts: The price is not in [MIN_SQRT_RATIO, MAX_SQRT_RATIO).
    """
    if not MIN_SQRT_RATIO <= sqrt_price_x96 < MAX_SQRT_RATIO:
        raise SwapReverts("TickMath: R")
    log = _log_sqrt10001_x128(sqrt_price_x96 << 32)
    tick_low = log - _ERROR_BELOW >> 128
    tick_high = log + _ERROR_ABOVE >> 128
    if tick_low == tick_high or get_sqrt_ratio_at_tick(tick_high) > sqrt_price_x96:
        return tick_low
    return tick_high


def _log_sqrt10001_x128(ratio_x128: int) -> int:
    msb = ratio_x128.bit_length() - 1
    r = ratio_x128 >> msb - 127 if msb >= 128 else ratio_x128 << 127 - msb
    log_2 = msb - 128
    for _ in range(14):
        r *= r
        bit = r >> 255
        log_2 = log_2 << 1 | bit
        r >>= 127 + bit
    return (log_2 << 50) * _LOG_SQRT10001_2_X64
