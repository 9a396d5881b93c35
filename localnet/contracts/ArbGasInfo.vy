# pragma version 0.4.3
"""
@title ArbGasInfo stand-in
@notice What the keeper and its tests read of Arbitrum's precompile at 0x6C, under its ABI.
@dev Nothing can be set by a transaction: the harness writes the storage slots directly.
"""


# Wei that one unit of L1 data costs; a byte that does not compress is 16 units.
_price_per_unit: uint256

# The floor of the L2 base fee, in wei.
_minimum_gas_price: uint256


# Units of a byte of L1 data, and the bytes that a transaction without calldata is taken to have.
_UNITS_PER_BYTE: constant(uint256) = 16
_SIMPLE_TX_BYTES: constant(uint256) = 140
_STORAGE_GAS: constant(uint256) = 20_000


@external
@view
def getL1BaseFeeEstimate() -> uint256:
    """
    @notice Returns the price of a unit of L1 data, in wei.
    """
    return self._price_per_unit


@external
@view
def getL1GasPriceEstimate() -> uint256:
    """
    @notice Returns the price of a unit of L1 data, in wei; the older name.
    """
    return self._price_per_unit


@external
@view
def getMinimumGasPrice() -> uint256:
    """
    @notice Returns the floor of the base fee, in wei.
    """
    return self._minimum_gas_price


@external
@view
def getPricesInWei() -> (uint256, uint256, uint256, uint256, uint256, uint256):
    """
    @notice Returns the prices of a transaction, of a byte of L1 data, of a storage slot and of gas (base, congestion,
            total), in wei.
    """
    per_byte: uint256 = self._price_per_unit * _UNITS_PER_BYTE
    total: uint256 = self._gas_price()
    base: uint256 = min(total, self._minimum_gas_price)
    return per_byte * _SIMPLE_TX_BYTES, per_byte, total * _STORAGE_GAS, base, total - base, total


@external
@view
def getPricesInArbGas() -> (uint256, uint256, uint256):
    """
    @notice Returns the prices of a transaction, of a byte of L1 data and of a storage slot, in gas.
    """
    per_byte: uint256 = self._price_per_unit * _UNITS_PER_BYTE // self._gas_price()
    return per_byte * _SIMPLE_TX_BYTES, per_byte, _STORAGE_GAS


@external
@view
def getCurrentTxL1GasFees() -> uint256:
    """
    @notice Returns what the current transaction pays for L1 data: nothing, since the localnet does not charge it.
    """
    return 0


@external
@view
def getGasBacklog() -> uint64:
    """
    @notice Returns how much gas above the target is still to be worked off: none.
    """
    return 0


@internal
@view
def _gas_price() -> uint256:
    """
    @dev An `eth_call` without a gas price may see a base fee of zero.
    """
    return max(block.basefee, self._minimum_gas_price)
