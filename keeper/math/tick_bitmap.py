"""
TickBitmap of v3-core: where a swap stops next.

The initialised ticks are known as a sorted sequence, which holds the same as the contract's bitmap; but a swap stops at
the edge of each word of 256 ticks even where it is empty, and each stop rounds, so the words are kept.
"""

from collections.abc import Iterator, Sequence

from keeper.math.tick import ALL_TICKS
from keeper.math.tick_math import MAX_TICK, MIN_TICK


def next_tick_below(tick: int, tick_spacing: int, initialized: int) -> int:
    """
    Return ``nextInitializedTickWithinOneWord`` for lte.

    Args:
        initialized: The greatest initialised tick that is at most *tick*.
    """
    word_start = (tick // tick_spacing >> 8 << 8) * tick_spacing
    return max(word_start, initialized)


def next_tick_above(tick: int, tick_spacing: int, initialized: int) -> int:
    """
    Return ``nextInitializedTickWithinOneWord`` for gt.

    Args:
        initialized: The least initialised tick above *tick*.
    """
    word_end = (tick // tick_spacing + 1 | 0xFF) * tick_spacing
    return min(word_end, initialized)


def words_around(tick_spacing: int, tick: int, radius: int | None) -> range:
    """
    Return the words of the bitmap that hold the ticks within *radius* of *tick*, or all words.
    """
    lowest, highest = ALL_TICKS if radius is None else (max(tick - radius, MIN_TICK), min(tick + radius, MAX_TICK))
    return range(lowest // tick_spacing >> 8, (highest // tick_spacing >> 8) + 1)


def span(words: range, tick_spacing: int) -> tuple[int, int]:
    """
    Return the first and the last tick that these words hold.
    """
    return (words.start << 8) * tick_spacing, ((words.stop << 8) - 1) * tick_spacing


def initialized_ticks(words: Sequence[int], bitmaps: Sequence[int], tick_spacing: int) -> Iterator[int]:
    """
    Yield the ticks whose bits are set, ascending.
    """
    for word, bitmap in zip(words, bitmaps, strict=True):
        while bitmap:
            bit = bitmap & -bitmap
            yield ((word << 8) + bit.bit_length() - 1) * tick_spacing
            bitmap ^= bit
