# pragma version 0.4.3
"""
@title PancakeV3PoolDeployer stand-in
@notice Creates pools for PancakeSwap's real factory, from the real pool's init code and with the real salt: they come
        out at their real addresses.
@dev No package ships the deployer itself.
"""


struct Parameters:
    factory: address
    token0: address
    token1: address
    fee: uint24
    tickSpacing: int24


# The init code of the pools, as an ERC-5202 blueprint.
_BLUEPRINT: immutable(address)

factoryAddress: public(address)

# What the pool that is being created reads in its constructor.
parameters: public(Parameters)


@deploy
def __init__(blueprint: address):
    """
    @param blueprint Where the init code of the pools is kept.
    """
    _BLUEPRINT = blueprint


@external
def setFactoryAddress(factory: address):
    """
    @notice Binds the deployer to its factory, once.
    """
    assert self.factoryAddress == empty(address), "deployer: factory is set"
    self.factoryAddress = factory


@external
def deploy(factory: address, token0: address, token1: address, fee: uint24, tickSpacing: int24) -> address:
    """
    @notice Creates a pool.
    """
    assert msg.sender == self.factoryAddress, "deployer: caller is not the factory"
    self.parameters = Parameters(factory=factory, token0=token0, token1=token1, fee=fee, tickSpacing=tickSpacing)
    pool: address = create_from_blueprint(_BLUEPRINT, salt=keccak256(abi_encode(token0, token1, fee)))
    self.parameters = empty(Parameters)
    return pool
