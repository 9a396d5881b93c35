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

# What a route may start from and gain, as numbers; zero where there is none.
_PROFIT_TOKENS: immutable(uint256[MAX_PROFIT_TOKENS])


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
    _PROFIT_TOKENS = listed


@external
@view
def profit_tokens() -> DynArray[address, MAX_PROFIT_TOKENS]:
    """
    @notice What a route may start from and gain.
    """
    listed: DynArray[address, MAX_PROFIT_TOKENS] = []
    for token: uint256 in _PROFIT_TOKENS:
        if token != 0:
            listed.append(convert(token, address))
    return listed


@internal
def _take(token: uint256, before: uint256, minimum: uint256):
    """
    @dev Throws unless the balance grew by `minimum`; sends the treasury all that it grew by.
    """
    after: uint256 = erc20._balance(token)
    assert after >= before + minimum, "profit: below minimum"
    erc20._transfer(token, TREASURY, unsafe_sub(after, before))
