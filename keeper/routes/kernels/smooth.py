"""
Curves in closed form that are no Moebius maps: of Balancer's weighted pools, and of the stable invariant of Curve and
Balancer.

A row of shapes is, of a weighted pool, (balance out, exponent, 1 / balance in after the fee, most input); of a stable
one (p, p1, q, q1, x, slack): what comes out, y, solves ``y**2 - B y + C = 0``, where ``B = p + p1 * input`` and ``C =
input * (q + q1 / (x + input))``: the invariant, less itself at no input, so that no digits cancel.
"""

from math import expm1, inf, log1p, sqrt

from keeper.routes.kernels.tables import STABLE, Array

#: Parts of the balance at which the depth of a stable pool is bounded: from the first, each so much more than the one
#: before.
_FIRST, _GROWTH, _STEPS = 2.0**-13, 1.15, 100

#: Newton's method on the invariant doubles the digits each time, once it is near.
_ROUNDS = 64


def value(kind: int, shapes: Array, row: int, amount_in: float) -> tuple[float, float, float, float]:
    """
    Return what an edge pays, its marginal rate there, how fast the inverse root of that grows relative to itself, and
    how much more it takes.
    """
    if kind == STABLE:
        return _stable(shapes, row, amount_in)
    return _weighted(shapes, row, amount_in)


def _weighted(shapes: Array, row: int, amount_in: float) -> tuple[float, float, float, float]:
    balance_out, exponent, part, most = shapes[row, 0], shapes[row, 1], shapes[row, 2], shapes[row, 3]
    taken = min(amount_in, most)
    lost = expm1(-exponent * log1p(taken * part))
    if amount_in > most:
        return -balance_out * lost, 0.0, 0.0, inf
    grown = part / (1.0 + taken * part)
    rate = balance_out * exponent * grown * (1.0 + lost)
    return -balance_out * lost, rate, 0.5 * (exponent + 1.0) * grown, most - taken


def _stable(shapes: Array, row: int, amount_in: float) -> tuple[float, float, float, float]:
    p1, q, q1, start, slack = shapes[row, 1], shapes[row, 2], shapes[row, 3], shapes[row, 4], shapes[row, 5]
    x = start + amount_in
    linear = shapes[row, 0] + p1 * amount_in
    constant = amount_in * (q + q1 / x)
    span = sqrt(max(linear * linear - 4.0 * constant, 0.0))
    y = 2.0 * constant / (linear + span)  # the lesser root: it grows from nothing
    slope = (q + q1 * start / (x * x) - p1 * y) / span if span > 0.0 else 0.0
    if not slope > 0.0:
        return y + slack, 0.0, 0.0, inf
    bent = (-q1 * start / (x * x * x) - slope * (p1 - slope)) * 2.0 / span
    return y + slack, slope, max(-0.5 * bent / slope, 0.0), inf


def invariant(balances: Array, ann: float) -> float:
    """
    Return D of the stable invariant.

    Args:
        balances: Of one scale, none zero.
        ann: n times the amplification, without decimals.
    """
    n = balances.size
    total = 0.0
    for balance in balances:
        total += balance
    D = total
    for _ in range(_ROUNDS):
        product, before = D, D
        for balance in balances:
            product *= D / (n * balance)
        D = (ann * total + n * product) * D / ((ann - 1.0) * D + (n + 1.0) * product)
        if abs(D - before) <= 1e-16 * D:
            break
    return D


def shape_stable(
    balances: Array, i: int, j: int, ann: float, D: float, scale_in: float, scale_out: float, slack: float, shape: Array
) -> tuple[float, float, float]:
    """
    Write the shape of a stable pool's edge from token i to j, and return its marginal rate, its depth, and the depth of
    one Moebius map of that rate that pays no less anywhere.

    Args:
        scale_in: What a unit that comes in adds to the balance, the fee apart.
        scale_out: What a unit that leaves the balance is to the trader, the fee apart.
        slack: Units of balance that a contract may pay beyond the invariant, by how it is rounded.
    """
    n = balances.size
    least = D / ann - D
    scale = D / ann / n
    for k in range(n):
        if k not in (i, j):
            least += balances[k]
            scale *= D / (n * balances[k])
    x, y = balances[i], balances[j]
    scale *= D * (D / n)
    shape[0] = scale_out * (x + least + 2.0 * y)
    shape[1] = scale_out * scale_in
    shape[2] = scale_out * scale_out * scale_in * y
    shape[3] = scale_out * scale_out * scale / x
    shape[4] = x / scale_in
    shape[5] = slack * scale_out
    rate = (shape[2] + shape[3] / shape[4]) / shape[0]
    bent = (-shape[3] / (shape[4] * shape[4]) - rate * (shape[1] - rate)) * 2.0 / shape[0]
    return rate, -2.0 * rate / bent if bent < 0.0 else inf, _reach_of_stable(shape, rate)


def _reach_of_stable(shape: Array, rate: float) -> float:
    """
    The depth k of ``rate * x / (1 + x / k)`` above the whole curve: 1 / k is the least that ``rate / y - 1 / x`` is.

    That is ``(rate * (p1 - y / x) + q1 / (x0 * (x0 + x))) / (q + q1 / (x0 + x))``, of which each part rises or falls:
    so it is bounded between one input and the next.
    """
    p1, q, q1, start = shape[1], shape[2], shape[3], shape[4]
    shapes = shape.reshape(1, shape.size)
    here, paid, least = 0.0, rate, inf
    following = start * _FIRST
    for _ in range(_STEPS):
        falls = q1 / (start * (start + following))
        least = min(least, (rate * (p1 - paid) + falls) / (q + q1 / (start + here)))
        here = following
        paid = (_stable(shapes, 0, here)[0] - shape[5]) / here
        following *= _GROWTH
    least = min(least, rate * (p1 - paid) / (q + q1 / (start + here)))
    return 1.0 / (least * (1.0 - 1e-9)) if least > 0.0 else inf
