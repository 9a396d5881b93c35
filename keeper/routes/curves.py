"""
Pools as curves: what each edge pays, in floats, from the state of its pool.
"""

from collections.abc import Iterable
from itertools import permutations
from math import inf, log

import numpy as np

from keeper.math import camelot_pair
from keeper.math.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO
from keeper.pools.camelot_v2 import CamelotV2Pool
from keeper.pools.pool import Pool
from keeper.pools.uniswap_v2 import UniswapV2Pool
from keeper.pools.uniswap_v3 import UniswapV3Pool
from keeper.pools.uniswap_v4 import UniswapV4Pool
from keeper.routes import samples
from keeper.routes.forms import Stable, Weighted, form_of
from keeper.routes.kernels import compile_kernels, smooth, walk
from keeper.routes.kernels.tables import FALLS, SAMPLED, STABLE, WEIGHTED, Array, Curves
from keeper.routes.ranges import COLUMNS, Ranges
from keeper.routes.samples import Smooth
from keeper.types import Address, value

FEE_DENOMINATOR = 1_000_000

#: A weighted pool takes no more than this part of its balance at once.
_MOST_IN = 0.3

#: What contracts may pay beyond the stable invariant, in units of 18 decimals, as their integer roots end beside it.
_ROOT_ERROR = 6.0

#: Prices between which a pool of V3 can trade both ways.
_LOWEST, _HIGHEST = MIN_SQRT_RATIO + 1, MAX_SQRT_RATIO - 1

#: What rounding in floats is given room for where a bound is computed.
_ROOM = 1 + 1e-9

#: What a table has of each edge, side by side, since all of it is looked at together. Tables are plain arrays of as
#: many floats a row, which numpy copies and joins in a part of the time that it takes for rows with names.
_ROW = np.dtype(
    [(name, np.float64) for name in ("log_rate", "rate", "depth", "limit", "cap", "keep")]
    + [("reach", np.float64, len(FALLS) + 1)]
    + [(name, np.int64) for name in ("kind", "row", "pool", "family")]
)


@value
class Optimum:
    """
    Where a cycle gains most, in floats and smallest units.

    Attributes:
        gain: Of *amount_in*, rounding aside.
        depth: An input that is off by d gains less by the square of d over this.
        closed: Whether all curves are in closed form, so that nothing gains more; samples are off by a few percent.
    """

    amount_in: float
    gain: float
    depth: float
    closed: bool


def directions(pool: Pool) -> list[tuple[Address, Address]]:
    """
    Return the tokens in and out of each edge of a pool.
    """
    return [(one, other) for one in pool.tokens for other in pool.tokens if one != other]


_WIDTH = _ROW.itemsize // 8
_LOG_RATE, _KIND = (_ROW.fields[name][1] // 8 for name in ("log_rate", "kind"))  # type: ignore[index]


def columns(table: Array) -> dict[str, Array]:
    """
    Return the columns of a table of edges by name, to be written over.
    """
    rows = table.view(_ROW)[:, 0]
    return {name: rows[name] for name in _ROW.names or ()}


def can_trade(table: Array) -> bool:
    """
    Tell whether all edges of a table can.
    """
    return bool(table[:, _LOG_RATE].min() > -inf)


def has_ranges(table: Array) -> bool:
    """
    Tell whether all edges of a table are ranges or constant products.
    """
    return bool(table.view(np.int64)[:, _KIND].max() < SAMPLED)


class CurveTable:
    """
    The curves of all edges, numbered in the order in which they were added.
    """

    def __init__(self) -> None:
        compile_kernels()
        self._n = 0
        self._table: Array = np.empty((256, _WIDTH))
        self._ranges = Ranges()
        self._state, self._at = np.empty((3, 1)), np.empty(1, np.int64)
        self._shapes: Array = np.empty((64, 6))
        self._shapes_used = 0
        self._shape_of: dict[int, int] = {}
        self._arrays: Curves | None = None

    def __len__(self) -> int:
        return self._n

    @property
    def arrays(self) -> Curves:
        """The curves as kernels take them."""
        known, ranges = self._arrays, self._ranges
        if known is None or known.rows is not ranges.rows or known.shapes is not self._shapes:
            known = self._arrays = Curves(**columns(self._table[: self._n]), rows=ranges.rows, shapes=self._shapes)
        return known

    def add(self, pool: int, family: int, edges: int) -> int:
        """
        Return the first of so many new edges, which cannot trade yet.
        """
        first, self._n, self._arrays = self._n, self._n + edges, None
        if self._n > len(self._table):
            self._table = np.concatenate((self._table, np.empty((max(len(self._table), edges), _WIDTH))))
        rows = self._table[first : self._n].view(_ROW)
        rows["pool"], rows["family"], rows["log_rate"] = pool, family, -inf
        return first

    def forget(self, first: int, edges: int) -> None:
        """
        Let these edges not trade.
        """
        self.arrays.log_rate[first : first + edges] = -inf

    def saved(self, numbers: range) -> Array:
        """
        Return what these edges have now, a row each.
        """
        return self._table[numbers.start : numbers.stop].copy()

    def put_back(self, numbers: range, saved: Array) -> None:
        """
        Give edges of ranges or constant products what they had, while the ticks of their pools are the same.
        """
        self._table[numbers.start : numbers.stop] = saved

    def follow(self, first: int, pool: Pool) -> bool:
        """
        Take the curves of *pool* as it now is, and return whether they are closed: others may be wanted as samples.

        Args:
            first: Number of its first edge; the others follow in the order of :func:`directions`.
        """
        return not self.follow_all([(first, pool)])

    def follow_all(self, pools: Iterable[tuple[int, Pool]]) -> list[Pool]:
        """
        Do the same for each, and return those whose curves are not closed.
        """
        told: list[tuple[float, ...]] = []
        unclosed = []
        for first, pool in pools:
            if isinstance(pool, UniswapV3Pool | UniswapV4Pool):
                self._tell(told, first, self._ranges_of(first, pool))
            elif isinstance(pool, UniswapV2Pool):
                keep = 1 - pool.info.fee_pips / FEE_DENOMINATOR
                self._tell(told, first, _product(pool.reserve0, pool.reserve1, keep, keep))
            elif isinstance(pool, CamelotV2Pool) and not pool.stable_swap:
                keep0, keep1 = (1 - fee / camelot_pair.FEE_DENOMINATOR for fee in pool.fee_percents)
                self._tell(told, first, _product(*pool.reserves, keep0, keep1))
            elif (form := form_of(pool)) is not None:
                self._follow_form(first, form)
            else:
                self._follow_any(first, pool)
                unclosed.append(pool)
        if told:
            walk.follow_all(self.arrays, np.array(told, np.float64), self._state, self._at)
        return unclosed

    def _tell(self, told: list[tuple[float, ...]], first: int, shape: tuple[float, ...] | None) -> None:
        if shape is None:
            self.forget(first, 2)
        else:
            told.append((first, *shape))

    def sample(
        self,
        edge: int,
        pool: Pool,
        token_in: Address,
        token_out: Address,
        around: float | None = None,
        width: int = 0,
    ) -> None:
        """
        Take pieces of an edge's curve from the exact model: small ones around an input, if it is given.

        Args:
            width: How small: an index of ``samples.AROUND``.
        """
        rows = Smooth.of(pool, token_in, token_out).pieces(around, width)
        table = np.zeros((samples.MOST + 1, COLUMNS))
        table[:, 1] = -1.0
        table[: len(rows)] = rows
        rate, depth, cap = rows[0]
        self._set(edge, rate, depth, samples.reach(rows), inf, cap, 1.0, SAMPLED, self._ranges.place(edge, table))

    def _ranges_of(self, first: int, pool: UniswapV3Pool | UniswapV4Pool) -> tuple[float, ...] | None:
        """The range that a pool is in and what the kernel takes besides; None where there is no price."""
        if not pool.sqrt_price_x96:
            return None
        row = self._ranges.follow(first, pool.ticks, pool.ticks.position(pool.tick), pool.liquidity)
        price, liquidity = pool.sqrt_price_x96 / 2**96, float(pool.liquidity)
        if isinstance(pool, UniswapV3Pool) and liquidity and _LOWEST < pool.sqrt_price_x96 < _HIGHEST:
            keep = 1 - pool.info.fee_pips / FEE_DENOMINATOR  # as pool.rate has it, which looks what is in reach, too
            return row, price, liquidity, price**2 * keep, price**-2 * keep
        token0, token1 = pool.tokens
        return row, price, liquidity, pool.rate(token0, token1), pool.rate(token1, token0)

    def _follow_form(self, first: int, form: Weighted | Stable) -> None:
        """Curves with a shape of their own."""
        n = len(form.balances)
        if min(form.balances) <= 0:
            self.forget(first, n * (n - 1))
        elif isinstance(form, Weighted):
            self._follow_weighted(first, form)
        else:
            self._follow_stable(first, form)

    def _follow_weighted(self, first: int, form: Weighted) -> None:
        row, keep = self._shape(first, len(form.balances)), form.keep
        for k, (i, j) in enumerate(permutations(range(len(form.balances)), 2)):
            exponent, held = form.weights[i] / form.weights[j], form.balances[i] / keep
            self._shapes[row + k, :4] = form.balances[j], exponent, 1 / held, _MOST_IN * held
            rate = form.balances[j] * exponent / held
            # what 1 / (1 - (1 + u)**-w) - 1 / (w * u) is, times w, for u up to the most: it rises if w is above one
            bend = (exponent + 1) / 2
            if exponent < 1:
                bend = exponent / (1 - (1 + _MOST_IN) ** -exponent) - 1 / _MOST_IN
            depth, reach, limit = 2 * held / (1 + exponent), held / bend * _ROOM, _MOST_IN * held
            self._set(first + k, rate, depth, reach, limit, inf, keep, WEIGHTED, row + k)

    def _follow_stable(self, first: int, form: Stable) -> None:
        row, balances = self._shape(first, len(form.balances)), np.array(form.balances)
        D = smooth.invariant(balances, form.ann)
        for k, (i, j) in enumerate(permutations(range(len(balances)), 2)):
            scale_in, scale_out = form.units[i] * form.keep_in, form.keep_out / form.units[j]
            shape = self._shapes[row + k]
            figures = smooth.shape_stable(balances, i, j, form.ann, D, scale_in, scale_out, _ROOT_ERROR, shape)
            rate, depth, reach = figures
            if rate > 0:
                keep = form.keep_in * form.keep_out
                self._set(first + k, rate, depth, reach, inf, inf, keep, STABLE, row + k)
            else:
                self.forget(first + k, 1)

    def _shape(self, first: int, tokens: int) -> int:
        """The row of the shape of a pool's first edge, which the others follow."""
        if first not in self._shape_of:
            used = self._shape_of[first] = self._shapes_used
            self._shapes_used += tokens * (tokens - 1)
            if self._shapes_used > len(self._shapes):
                self._shapes = np.concatenate((self._shapes, np.empty((max(len(self._shapes), self._shapes_used), 6))))
            return used
        return self._shape_of[first]

    def _follow_any(self, first: int, pool: Pool) -> None:
        keep = 1 - pool.info.fee_pips / FEE_DENOMINATOR
        for edge, (token_in, token_out) in enumerate(directions(pool), first):
            rate, depth = pool.rate(token_in, token_out), pool.depth(token_in, token_out)
            if rate > 0 and depth > 0:
                self._set(edge, rate, depth / keep, inf, inf, inf, keep, SAMPLED, -1)
            else:
                self.forget(edge, 1)

    def _set(
        self,
        edge: int,
        rate: float,
        depth: float,
        reach: float | Array,
        limit: float,
        cap: float,
        keep: float,
        kind: int,
        row: int,
    ) -> None:
        known = self.arrays
        known.log_rate[edge], known.rate[edge], known.depth[edge], known.reach[edge] = log(rate), rate, depth, reach
        known.limit[edge], known.cap[edge], known.keep[edge] = limit, cap, keep
        known.kind[edge], known.row[edge] = kind, row


def _product(reserve0: int, reserve1: int, keep0: float, keep1: float) -> tuple[float, ...] | None:
    """What the kernel takes of a constant product, of which a part of what comes in is kept."""
    return (-1, reserve0, reserve1, keep0, keep1) if reserve0 and reserve1 else None
