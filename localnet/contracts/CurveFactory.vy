# pragma version 0.4.3
"""
@title Stand-in of Curve's factories
@notice The list that Curve's factories keep of their pools. It makes none: its owner adds what stands already.
"""


event PlainPoolDeployed:
    coins: address[4]
    A: uint256
    fee: uint256
    deployer: address


# How many pools there are, and where.
pool_count: public(uint256)
pool_list: public(address[64])

# Who may add a pool.
_owner: address


@deploy
def __init__():
    self._owner = msg.sender


@external
def add(pool: address, coins: address[4], amplification: uint256, fee: uint256):
    """
    @notice Adds a pool to the list, and says so as Curve's first factory does.
    @param pool Where it is.
    @param coins Its coins, and zeros after the last.
    @param amplification As in the event.
    @param fee As in the event, in 1e-10.
    """
    assert msg.sender == self._owner, "curve factory: caller is not the owner"
    self.pool_list[self.pool_count] = pool
    self.pool_count += 1
    log PlainPoolDeployed(coins=coins, A=amplification, fee=fee, deployer=msg.sender)


@external
@view
def is_meta(pool: address) -> bool:
    """
    @notice Returns whether a pool has another pool's share among its coins: none has.
    @param pool Where it is.
    """
    return False
