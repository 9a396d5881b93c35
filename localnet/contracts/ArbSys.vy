# pragma version 0.4.3
"""
@title ArbSys stand-in
@notice The read-only part of Arbitrum's precompile at 0x64, under its ABI.
@dev The localnet has one block number where Arbitrum has two: here `block.number` and `arbBlockNumber` agree.
"""


# ArbOS 61; the precompile adds 55.
_ARBOS_VERSION: constant(uint256) = 61


@external
@view
def arbBlockNumber() -> uint256:
    """
    @notice Returns the number of the current block of Arbitrum.
    """
    return block.number


@external
@view
def arbBlockHash(arbBlockNum: uint256) -> bytes32:
    """
    @notice Returns the hash of one of the last 256 blocks.
    """
    return blockhash(arbBlockNum)


@external
@view
def arbChainID() -> uint256:
    """
    @notice Returns the chain id.
    """
    return chain.id


@external
@view
def arbOSVersion() -> uint256:
    """
    @notice Returns the version of ArbOS, counted from 55.
    """
    return 55 + _ARBOS_VERSION
