"""
What a pool of several tokens under one invariant does at given prices.

A trade leaves the balances x: what comes in adds to them, less the fee, and what goes out takes from them, with the
fee. It is allowed while the invariant h(x) does not fall, which is concave. With a price u for the invariant itself
each token is a matter of its own; what they gain so, together with what the invariant then is short of at that price,
is never below what any allowed trade gains, whatever u is. So an inexact u costs tightness and not truth.
"""

from math import exp, expm1, inf, log, sqrt

import numpy as np

from keeper.convex.kernels.tables import Baskets, Flow
from keeper.routes.kernels.tables import Array

_ROUNDS = 60

#: The square of the most by which the logarithm of a rate is blurred.
WIDEST = 1e-2

#: From which square of a lead over the blur's on it is far.
_FAR = 1e6

#: How near u is found, of itself and of what it balances.
_NEAR = 1e-15


def trade(
    baskets: Baskets, p: int, price: Array, worth: Array, blur: float, flow: Flow, pairs_at: int
) -> tuple[float, float]:
    """
    Write the trade of pool p, add its slope, and return its gain and the value that goes in.

    Args:
        price, worth: Of each token, the first as logarithms.
        blur: As of edges: before it pays to trade, the fee is taken to be a little less.
    """
    start, end, bend = baskets.first[p], baskets.first[p + 1], baskets.bend[p]
    pair = pairs_at + baskets.pair[p]
    flow.moved[start:end] = 0.0
    flow.spring[pair : pairs_at + baskets.pair[p + 1]] = 0.0
    if bend == 0.0:
        return _trade_weighted(baskets, p, price, worth, blur, flow, pair)
    lead, into, out, held = _lead(baskets, p, price)
    over, part, bent = 0.0, 1.0, 0.0
    fee = -log(baskets.keep_in[start])
    width = min(blur / (held * (1.0 + bend)), 0.25 * fee * fee)
    if width > 0.0 and lead > -0.5 * fee:
        _, over, part, bent = blurred(lead, width)
    elif lead <= 0.0:
        return 0.0, 0.0
    gain = _trade_stable(baskets, p, price, over, flow, pair)
    taken, kept = 0.0, gain
    for k in range(start, end):
        value = flow.moved[k] * worth[baskets.token[k]]
        flow.slope[baskets.token[k]] += value
        taken -= min(value, 0.0)
        kept -= value
    # What all tokens are worth together is the gain, but for rounding, which would drown what is blurred.
    flow.slope[baskets.token[start + out]] += kept
    if over > 0.0:
        flow.slope[baskets.token[start + out]] -= taken * (1.0 - part)
        flow.slope[baskets.token[start + into]] += taken * (1.0 - part)
        for i in range(pair, pairs_at + baskets.pair[p + 1]):
            flow.spring[i] *= part * part
        flow.spring[pair + _pair(min(into, out), max(into, out), end - start)] += taken * bent
    return gain, taken


def _is_far(lead: float, width: float) -> bool:
    """Whether a lead below zero is so low that even blurred there is next to nothing in it."""
    return lead * lead > _FAR * width


def blurred(lead: float, width: float) -> tuple[float, float, float, float]:
    """
    Return a lead that is always above zero, half of it and of the root of its square and the width; what that adds, and
    its first and second derivative.
    """
    root = sqrt(lead * lead + width)
    over = 0.5 * (root - lead) if lead < 0.0 else 0.5 * width / (root + lead)
    above = 0.25 * width / over
    return above, over, above / root, 0.5 * width / (root * root * root)


def _pair(k: int, m: int, n: int) -> int:
    """Where the pair k < m of n is."""
    return k * n - k * (k + 1) // 2 + m - k - 1


def _lead(baskets: Baskets, p: int, price: Array) -> tuple[float, int, int, float]:
    """
    By how much the token that is dearest outside pays for the one that is cheapest, as a logarithm after fees; these
    two, in and out, and what the pool holds.
    """
    start, end, bend = baskets.first[p], baskets.first[p + 1], baskets.bend[p]
    low, high, into, out, total = inf, -inf, 0, 0, 0.0
    product = _product(baskets.held[start:end])
    for k in range(start, end):
        held = baskets.held[k]
        total += held * baskets.worth[k] * exp(price[baskets.token[k]])
        level = log(baskets.worth[k]) + price[baskets.token[k]]
        level += log(held / baskets.weight[k]) if bend == 0.0 else -log(bend + product / held)
        above, below = level, level - log(baskets.keep_in[k])
        if above > high:
            high, out = above, k - start
        if below < low:
            low, into = below, k - start
    if into == out:  # all are worth the same
        into = (out + 1) % (end - start)
    return high - low, into, out, total


def _product(held: Array) -> float:
    """``n**-n`` over the product of the balances."""
    product = 1.0
    for k in range(held.size):
        product /= held.size * held[k]
    return product


def _trade_weighted(
    baskets: Baskets, p: int, price: Array, worth: Array, blur: float, flow: Flow, pair: int
) -> tuple[float, float]:
    """
    The invariant is the sum of w log(x), so that its price u parts the tokens: one whose value over its weight is above
    u goes out, and one far enough below comes in. The best u is where both weigh the same.
    """
    start, end = baskets.first[p], baskets.first[p + 1]
    n = end - start
    level, deep, keep, spring = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    low, high, first = inf, -inf, baskets.held[start] / baskets.weight[start]
    for k in range(n):
        level[k] = log(baskets.held[start + k] / baskets.weight[start + k] / first) + price[baskets.token[start + k]]
        deep[k] = baskets.held[start + k] * worth[baskets.token[start + k]]
        keep[k] = baskets.keep_in[start + k]
        low, high = min(low, level[k] - log(keep[k])), max(high, level[k])
    if low >= high and _is_far(high - low, blur / deep.min()):
        return 0.0, 0.0
    low, high = min(low, high), max(low, high)
    u = 0.5 * (low + high)
    for _ in range(_ROUNDS):
        push, bent, total = 0.0, 0.0, 0.0
        for k in range(n):
            _, rise, curve = into_or_out(u - level[k] + log(keep[k]), 1.0, blur, deep[k] / keep[k])
            _, fall, other = into_or_out(level[k] - u, -1.0, blur, deep[k])
            spring[k] = curve + other
            push += rise - fall
            total += rise + fall
            bent += spring[k]
        if push > 0.0:
            high = u
        else:
            low = u
        if abs(push) <= _NEAR * total or bent <= 0.0 or abs(push) <= _NEAR * bent:
            break
        u -= push / bent
        if not low <= u <= high:
            u = 0.5 * (low + high)
    gain, taken, stiff = 0.0, 0.0, 0.0
    for k in range(n):
        into, rise, curve = into_or_out(u - level[k] + log(keep[k]), 1.0, blur, deep[k] / keep[k])
        out, fall, other = into_or_out(level[k] - u, -1.0, blur, deep[k])
        gain += into + out
        slope = into - rise + out + fall
        taken -= min(slope, 0.0)
        flow.slope[baskets.token[start + k]] += slope
        flow.moved[start + k] = slope / worth[baskets.token[start + k]]
        spring[k] = curve + other
        stiff += spring[k]
    for k in range(n):
        for m in range(k + 1, n):
            if stiff > 0.0:
                flow.spring[pair] = spring[k] * spring[m] / stiff
            pair += 1
    return gain, taken


def into_or_out(lead: float, sign: float, blur: float, deep: float) -> tuple[float, float, float]:
    """
    Return what a token gains by going into an invariant (sign 1) or out of it (-1), and how that grows with its lead,
    once and twice: ``a exp(a) - exp(a) + 1`` of a balance, where a is the lead with the sign.
    """
    part, bent = 1.0, 0.0
    if blur > 0.0:
        lead, _, part, bent = blurred(lead, min(blur / deep, WIDEST))
    elif lead <= 0.0:
        return 0.0, 0.0, 0.0
    a = sign * lead
    grown = exp(a)
    rise = lead * grown
    return deep * _gain(a), deep * rise * part, deep * ((1.0 + a) * grown * part * part + rise * bent)


def _trade_stable(baskets: Baskets, p: int, price: Array, over: float, flow: Flow, pair: int) -> float:
    """
    Balances are parts of the invariant D, so that ``bend * sum(x) - c / prod(x)`` may not fall, where c is n**-n.
    """
    start, end = baskets.first[p], baskets.first[p + 1]
    n, bend = end - start, baskets.bend[p]
    held = baskets.held[start:end]
    product = _product(held)
    dear, cheap, keep, lead = np.empty(n), np.empty(n), np.empty(n), np.zeros(n)
    low, high, unit = inf, -inf, baskets.worth[start]
    for k in range(n):
        keep[k] = baskets.keep_in[start + k] * exp(over)
        worth = baskets.worth[start + k] / unit * exp(price[baskets.token[start + k]])
        dear[k], cheap[k] = worth / keep[k], worth
        slope = bend + product / held[k]
        low, high = min(low, dear[k] / slope), max(high, cheap[k] / slope)
    u, grown = _balance(held, dear, cheap, bend, product, 0.5 * (log(low) + log(high)), lead)
    gain = product * _gain(grown)
    for k in range(n):
        given = -held[k] * expm1(lead[k])
        if lead[k] > 0.0:
            gain += held[k] * (dear[k] / exp(u) - bend) * _gain(lead[k])
            flow.moved[start + k] = baskets.worth[start + k] / keep[k] * given
        elif lead[k] < 0.0:
            gain += held[k] * (cheap[k] / exp(u) - bend) * _gain(lead[k])
            flow.moved[start + k] = baskets.worth[start + k] * given
    _write_springs(held, lead, bend, product * exp(grown), unit * exp(u), flow.spring, pair)
    return float(gain * unit * exp(u))


def _balance(
    held: Array, dear: Array, cheap: Array, bend: float, product: float, start: float, lead: Array
) -> tuple[float, float]:
    """
    Find log(u) at which the best trade keeps the invariant; return it and by which logarithm ``c / prod(x)`` grows, and
    write the same of each balance. By how much the invariant is missed rises with u.
    """
    n = held.size
    most = inf
    for k in range(n):
        most = min(most, log(dear[k] / bend))
    low, high, u = -inf, most, min(start, most - 1e-9)
    grown = 0.0
    for _ in range(_ROUNDS):
        grown = _best_balances(held, dear, cheap, bend, product, u, lead)
        after = product * exp(grown)
        missed, scale, active, bent = -product * expm1(grown), product * abs(grown), 0, 0.0
        for k in range(n):
            if lead[k] != 0.0:
                more = bend * held[k] * expm1(lead[k])
                missed += more
                scale += abs(more)
                active += 1
                bent += 1.0 + bend * held[k] * exp(lead[k]) / after
        if missed > 0.0:
            high = u
        else:
            low = u
        if abs(missed) <= _NEAR * scale:
            break
        sink = bent / (1.0 + active)
        slope = sink * after
        for k in range(n):
            if lead[k] != 0.0:
                x = held[k] * exp(lead[k])
                slope += bend * x * (1.0 + bend * x / after - sink)
        step = u - missed / slope if slope > 0.0 else inf
        if not low < step < high:
            step = u - 1.0 if low == -inf else 0.5 * (low + high)
        if abs(step - u) <= _NEAR:
            break
        u = step
    return u, grown


def _best_balances(
    held: Array, dear: Array, cheap: Array, bend: float, product: float, log_u: float, lead: Array
) -> float:
    """
    Write by which logarithms the balances of the best trade grow when the invariant costs u, and return the same of
    ``c / prod(x)``.

    Each balance is that product over how far its price over u exceeds the bend: the logarithm of the product is the
    root of what is piecewise linear and rises.
    """
    n, u = held.size, exp(log_u)
    least, most = np.empty(n), np.empty(n)
    for k in range(n):
        into, out = dear[k] / u - bend, cheap[k] / u - bend
        least[k] = log(into * held[k] / product) if into > 0.0 else -inf
        most[k] = log(out * held[k] / product) if out > 0.0 else -inf
    v, low, high = 0.0, -inf, inf
    for _ in range(_ROUNDS):
        missed, slope = v, 1.0
        for k in range(n):
            if v > least[k]:
                missed += v - least[k]
                slope += 1.0
            elif v < most[k]:
                missed += v - most[k]
                slope += 1.0
        if missed > 0.0:
            high = v
        else:
            low = v
        step = v - missed / slope
        if abs(step - v) <= 0.1 * _NEAR:
            break
        if not low < step < high:
            step = 0.5 * (low + high)
        v = step
    for k in range(n):
        lead[k] = v - least[k] if v > least[k] else min(v - most[k], 0.0)
    return v


def _gain(a: float) -> float:
    """``a exp(a) - exp(a) + 1``: a square at first, above and below zero."""
    if abs(a) < 1e-2:
        return a * a * (1 / 2 + a * (1 / 3 + a * (1 / 8 + a * (1 / 30 + a * (1 / 144 + a / 840)))))
    return a * exp(a) - expm1(a)


def _write_springs(held: Array, lead: Array, bend: float, product: float, u: float, spring: Array, at: int) -> None:
    """
    How the trade answers to prices: from the second derivatives of the invariant on its surface.

    Args:
        lead: By which logarithm each balance grew.
        product: ``c / prod(x)`` after the trade.
    """
    n, active, part, total = held.size, 0, 0.0, 0.0
    x, slope, pull = np.zeros(n), np.zeros(n), np.zeros(n)
    for k in range(n):
        if lead[k] != 0.0:
            x[k] = held[k] * exp(lead[k])
            slope[k] = bend + product / x[k]
            active += 1
            part += slope[k] * x[k]
    part /= 1.0 + active
    for k in range(n):
        if lead[k] != 0.0:
            pull[k] = (slope[k] * x[k] - part) * x[k] / product
            total += slope[k] * pull[k]
    for k in range(n):
        for m in range(k + 1, n):
            if lead[k] != 0.0 and lead[m] != 0.0 and total > 0.0:
                bound = x[k] * x[m] / ((1.0 + active) * product) + pull[k] * pull[m] / total
                spring[at] = u * slope[k] * slope[m] * bound
            at += 1
