# pragma version 0.4.3
"""
@title Chainlink feed stand-in
@notice A price that is always fresh, under the ABI of AggregatorV3Interface.
"""


decimals: public(uint8)
description: public(String[32])
latestAnswer: public(int256)

# Who may change the answer.
_owner: address


@deploy
def __init__(decimals_: uint8, description_: String[32], answer: int256):
    """
    @param decimals_ Decimals of the answer.
    @param description_ What is priced in what, "ETH / USD".
    @param answer The first answer.
    """
    self.decimals = decimals_
    self.description = description_
    self.latestAnswer = answer
    self._owner = msg.sender


@external
def set_answer(answer: int256):
    """
    @notice Changes the answer.
    @param answer The price from now on.
    """
    assert msg.sender == self._owner, "feed: caller is not the owner"
    self.latestAnswer = answer


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice Returns the round, the answer, when it began and was updated, and the round that answered.
    """
    return 1, self.latestAnswer, block.timestamp, block.timestamp, 1
