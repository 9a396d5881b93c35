"""
The flat arrays that the kernels work on.

Words: an edge is one direction of one pool; an arc, all edges from one token to another; a ring, a cycle of arcs over
different tokens; the core, the arcs on rings of three or more tokens.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

#: Of floats, integers or booleans: numba infers which.
Array = np.ndarray[Any, Any]

MAX_HOPS = 4

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def makes_arrays(kernel: _Kernel) -> _Kernel:
    """
    Mark a kernel that makes arrays, or calls one that returns some.

    In these alone numba counts the references to arrays: counting takes longer than what most others do.
    """
    kernel.makes_arrays = True  # type: ignore[attr-defined]
    return kernel


#: How a curve goes on beyond its first range: by V3 ranges as the price falls or rises, not at all, by sampled pieces;
#: or that it has no ranges, but a shape of its own.
FALLING, WHOLE, RISING, SAMPLED, WEIGHTED, STABLE = -1, 0, 1, 2, 3, 4

#: Logarithms by which the rate of an edge may fall, each with a reach of its own; the last reach is of the whole curve.
FALLS = (0.003, 0.006, 0.01, 0.015, 0.022, 0.033, 0.05, 0.075, 0.12)


class Topology(NamedTuple):
    """
    Which token leads to which, in compressed rows. The tokens of the core have the first numbers.

    Attributes:
        first: The arcs out of token u are ``first[u]`` to ``first[u + 1]``, those of the core first.
        core_end: Where the arcs of the core out of token u end.
        tail: The token that an arc leads from.
        head: The token that it leads to.
        reverse: The arc the other way.
        edge_first: The edges of arc a are ``edge_at[edge_first[a] : edge_first[a + 1]]``.
        arc_of: The arc of an edge.
    """

    first: Array
    core_end: Array
    tail: Array
    head: Array
    reverse: Array
    edge_first: Array
    edge_at: Array
    arc_of: Array


class Curves(NamedTuple):
    """
    What edges pay: ``rate * x / (1 + x / depth)`` up to an input of ``cap``, then the next range likewise.

    Attributes:
        log_rate: Of the marginal rate after fees; minus infinity where the edge cannot trade.
        reach: The depth of one Moebius map, of the same rate, that pays no less until the rate has fallen by each of
            ``FALLS``, and of one that pays no less anywhere.
        limit: The input beyond which nothing more is paid, or more.
        keep: The part of the input that the fee leaves.
        row: The present range in *rows*, -1 where there are none; where the curve has a shape, its row in *shapes*.
        pool: Number of the edge's pool.
        family: Number of the pool's family.
        rows: Of V3 (square root of the lower price, liquidity, -), of samples (rate, depth, cap); a negative second
            column ends the curve.
        shapes: Of Balancer's weighted and of stable pools, as ``kernels.smooth`` takes them.
    """

    log_rate: Array
    rate: Array
    depth: Array
    reach: Array
    limit: Array
    cap: Array
    keep: Array
    kind: Array
    row: Array
    pool: Array
    family: Array
    rows: Array
    shapes: Array


class Best(NamedTuple):
    """
    The best that each arc offers.

    Attributes:
        out: Log-rate, over all its edges.
        back: Log-rate, over all edges of its reverse.
        reach: The highest of each, over all its edges.
        limit: The highest, over all its edges.
    """

    out: Array
    back: Array
    reach: Array
    limit: Array


class Worth(NamedTuple):
    """
    What a cycle's gain is worth, and what it costs, in wei.

    Attributes:
        values: Worth of the smallest unit of each profit token.
        tolls: Cost of a hop through each family.
        openings: What a route costs beside its hops, by the family of its first one: infinite if nothing funds it.
    """

    values: Array
    tolls: Array
    openings: Array
