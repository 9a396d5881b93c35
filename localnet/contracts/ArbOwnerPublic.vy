# pragma version 0.4.3
"""
@title ArbOwnerPublic stand-in
@notice What the keeper and its tests read of Arbitrum's precompile at 0x6b, under its ABI.
@dev Nothing can be set by a transaction: the harness writes the storage slots directly.
"""


# Whether the sequencer keeps tips, that is orders by them.
_collect_tips: bool

# The quality at which Brotli compresses what is posted on L1.
_brotli_level: uint64

# Who receives the base fee.
_network_fee_account: address

# Who receives the part of the base fee below the floor.
_infra_fee_account: address


@external
@view
def getCollectTips() -> bool:
    """
    @notice Returns whether tips are collected.
    """
    return self._collect_tips


@external
@view
def getBrotliCompressionLevel() -> uint64:
    """
    @notice Returns the level at which L1 data is compressed.
    """
    return self._brotli_level


@external
@view
def getNetworkFeeAccount() -> address:
    """
    @notice Returns who receives the base fee.
    """
    return self._network_fee_account


@external
@view
def getInfraFeeAccount() -> address:
    """
    @notice Returns who receives the base fee's part below the floor.
    """
    return self._infra_fee_account


@external
@view
def isChainOwner(addr: address) -> bool:
    """
    @notice Returns whether *addr* may change the chain's parameters: nobody may.
    """
    return False


@external
@view
def getAllChainOwners() -> DynArray[address, 1]:
    """
    @notice Returns who may change the chain's parameters: nobody.
    """
    return []
