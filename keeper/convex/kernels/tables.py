"""
The flat arrays of the convex problem.

Everything is measured at reference prices: an amount of a token is what it is worth there, so that prices are one at
first, and what is solved for are their logarithms.
"""

from typing import NamedTuple

from keeper.routes.kernels.tables import Array


class Edges(NamedTuple):
    """
    Directions of pools that have two tokens and closed curves.

    Attributes:
        tail: The token that goes in.
        head: The token that comes out.
        lead: Logarithm of the marginal rate after fees.
        depth, cap: Of the present range, worth of the input.
        kind, row, keep: As in the graph's curves.
        unit: Worth of the smallest unit of the input.
        lift: Logarithm of what turns a rate between smallest units into one between worths.
        rows: The graph's.
    """

    tail: Array
    head: Array
    lead: Array
    depth: Array
    cap: Array
    kind: Array
    row: Array
    keep: Array
    unit: Array
    lift: Array
    rows: Array


class Baskets(NamedTuple):
    """
    Pools whose tokens share one invariant: any of them may go in, and any others come out.

    Attributes:
        first: The places of pool p are ``first[p]`` to ``first[p + 1]``, one for each token.
        pair: Where the pairs of places of pool p begin.
        bend: n times the amplification of a stable pool, 0 of a weighted one.
        token: Of each place.
        held: What a weighted pool holds, by worth; what a stable pool holds, as a part of its invariant.
        worth: Of one such unit.
        weight: Of a weighted pool's token.
        keep_in: The part of an input that the fee leaves.
    """

    first: Array
    pair: Array
    bend: Array
    token: Array
    held: Array
    worth: Array
    weight: Array
    keep_in: Array


class Flow(NamedTuple):
    """
    What all pools do at some prices.

    Attributes:
        x, y: Worth of what goes into each edge and comes out of it, at these prices.
        moved: What each place of a basket gives, by worth at reference prices; negative what it takes.
        slope: Worth of what is left of each token.
        spring: How much value moves between two tokens as their prices part by a factor of e: of each edge, then of
            each pair of places.
    """

    x: Array
    y: Array
    moved: Array
    slope: Array
    spring: Array


class Elimination(NamedTuple):
    """
    In which order prices are eliminated, and which later ones each is joined with by then.

    Attributes:
        turn: When each token is.
        first: What the token of turn j is joined with is ``row[first[j] : first[j + 1]]``, turns in rising order.
        target: Where the pairs of these are, column by column.
        one, other: The tokens of each spring.
        place: Where it is.
    """

    turn: Array
    first: Array
    row: Array
    target: Array
    one: Array
    other: Array
    place: Array
