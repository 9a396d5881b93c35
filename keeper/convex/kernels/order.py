"""
In which order prices are eliminated: always the token next that is joined with the fewest others, which then are joined
with each other.
"""

from heapq import heapify, heappop, heappush

import numpy as np

from keeper.routes.kernels.tables import Array

#: How many tokens one word of a set has.
WORD = 64

_ONE = np.uint64(1)


def degrees_of(order: Array, near: Array, degree: Array) -> None:
    """
    Write the tokens in their order, and of each with how many it is joined when its turn comes.

    Args:
        near: With which each token is joined, as a set of bits; what is left is that set at its turn.
    """
    tokens, words = near.shape
    done = np.zeros(tokens, np.bool_)
    queue = [(np.int64(0), np.int64(0))]
    queue.clear()
    for each in range(tokens):
        degree[each] = _size(near[each])
        queue.append((degree[each], np.int64(each)))
    heapify(queue)
    members = np.empty(tokens, np.int64)
    at = 0
    while len(queue) > 0:
        joined, token = heappop(queue)
        if done[token] or joined != degree[token]:
            continue
        done[token] = True
        order[at] = token
        at += 1
        n = list_members(near[token], members)
        for i in range(n):
            other = members[i]
            for w in range(words):
                near[other, w] |= near[token, w]
            near[other, other // WORD] &= ~(_ONE << np.uint64(other % WORD))
            near[other, token // WORD] &= ~(_ONE << np.uint64(token % WORD))
            degree[other] = _size(near[other])
            heappush(queue, (degree[other], other))


def join(near: Array, one: Array, other: Array) -> None:
    """
    Add pairs to the sets of both their tokens.
    """
    for i in range(one.size):
        a, b = one[i], other[i]
        near[a, b // WORD] |= _ONE << np.uint64(b % WORD)
        near[b, a // WORD] |= _ONE << np.uint64(a % WORD)


def list_members(bits: Array, members: Array) -> int:
    """
    Write the members of a set, and return how many they are.
    """
    n = 0
    for w in range(bits.size):
        rest, token = bits[w], w * WORD
        while rest:
            if rest & _ONE:
                members[n] = token
                n += 1
            rest >>= _ONE
            token += 1
    return n


def list_rows(order: Array, near: Array, first: Array, row: Array) -> None:
    """
    Write for each token, in their order, those that it is joined with at its turn.
    """
    for j in range(order.size):
        list_members(near[order[j]], row[first[j] : first[j + 1]])


def _size(bits: Array) -> int:
    n = 0
    for word in bits:
        rest = word
        while rest:
            rest &= rest - _ONE
            n += 1
    return n
