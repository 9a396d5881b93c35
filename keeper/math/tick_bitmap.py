"""
TickBitmap of v3-core: where a swap stops next.

The initialised ticks are known as a sorted sequence, which holds the same as the contract's bitmap; but a swap stops at
the edge of each word of 256 ticks even where it is empty, and each stop rounds, so the words are kept.
"""


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
