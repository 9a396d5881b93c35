# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Profit
@license MIT
@notice What a route may start from and gain, and where all gains go.
@dev A gain is a difference of the executor's own balance, so that tokens it happens to hold hide no loss.
"""

import erc20

MAX_PROFIT_TOKENS: constant(uint256) = 8

# Where all gains go.
TREASURY: public(immutable(address))

# What a route may start from and gain, as numbers; zero where there is none. Single words are read for less than a list.
_TOKEN0: immutable(uint256)
_TOKEN1: immutable(uint256)
_TOKEN2: immutable(uint256)
_TOKEN3: immutable(uint256)
_TOKEN4: immutable(uint256)
_TOKEN5: immutable(uint256)
_TOKEN6: immutable(uint256)
_TOKEN7: immutable(uint256)


@deploy
def __init__(treasury: address, tokens: DynArray[address, MAX_PROFIT_TOKENS]):
    """
    @param treasury Where all gains go, for good.
    @param tokens What a route may start from; a program names them by their place in this list.
    """
    assert treasury not in [empty(address), self], "profit: bad treasury"
    TREASURY = treasury
    listed: uint256[MAX_PROFIT_TOKENS] = empty(uint256[MAX_PROFIT_TOKENS])
    for i: uint256 in range(len(tokens), bound=MAX_PROFIT_TOKENS):
        assert tokens[i].is_contract, "profit: token has no code"
        listed[i] = convert(tokens[i], uint256)
    _TOKEN0 = listed[0]
    _TOKEN1 = listed[1]
    _TOKEN2 = listed[2]
    _TOKEN3 = listed[3]
    _TOKEN4 = listed[4]
    _TOKEN5 = listed[5]
    _TOKEN6 = listed[6]
    _TOKEN7 = listed[7]


@external
@view
def profit_tokens() -> DynArray[address, MAX_PROFIT_TOKENS]:
    """
    @notice What a route may start from and gain.
    """
    listed: DynArray[address, MAX_PROFIT_TOKENS] = []
    for i: uint256 in range(MAX_PROFIT_TOKENS):
        token: uint256 = self._token_or_zero(i)
        if token != 0:
            listed.append(convert(token, address))
    return listed


@internal
@view
def _token(place: uint256) -> uint256:
    """
    @dev Throws unless a token is listed there.
    """
    token: uint256 = self._token_or_zero(place)
    assert token != 0, "profit: token is not listed"
    return token


@internal
@view
def _token_or_zero(place: uint256) -> uint256:
    if place == 0:
        return _TOKEN0
    if place == 1:
        return _TOKEN1
    if place == 2:
        return _TOKEN2
    if place == 3:
        return _TOKEN3
    if place == 4:
        return _TOKEN4
    if place == 5:
        return _TOKEN5
    if place == 6:
        return _TOKEN6
    if place == 7:
        return _TOKEN7
    return 0


@internal
def _take(token: uint256, before: uint256, minimum: uint256):
    """
    @dev Throws unless the balance grew by `minimum`; sends the treasury all that it grew by.
    """
    after: uint256 = erc20._balance(token)
    assert after >= before + minimum, "profit: below minimum"
    erc20._transfer(token, TREASURY, unsafe_sub(after, before))
