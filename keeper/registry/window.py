"""
How much of a pool with ticks is read.
"""

#: What is read around a pool's price: a swap within it may move the price fivefold. All ticks of a pool with narrow
#: spacing would be 6,932 words, each a cold storage slot, and on a fork each a request.
TICK_RADIUS = 16_384
