# pragma version 0.4.3
"""
@title NodeInterface stand-in
@notice The gas estimates of the virtual contract at 0xC8, under its ABI.
@dev A Nitro node compresses the transaction with Brotli; here every byte counts in full, as if it did not compress.
"""


interface IArbGasInfo:
    def getL1BaseFeeEstimate() -> uint256: view
    def getMinimumGasPrice() -> uint256: view


# Where the price of L1 data is read: 0x6C, or the place of its stand-in.
_GAS_INFO: immutable(address)


_UNITS_PER_BYTE: constant(uint256) = 16
_SIMPLE_TX_BYTES: constant(uint256) = 140
_MAX_DATA: constant(uint256) = 131_072


@deploy
def __init__(gas_info: address):
    """
    @param gas_info The contract that tells the prices.
    """
    _GAS_INFO = gas_info


@external
@payable
def gasEstimateL1Component(to: address, contractCreation: bool, data: Bytes[_MAX_DATA]) -> (uint64, uint256, uint256):
    """
    @notice Returns the gas that pays for L1 data, the base fee and the price of a unit of L1 data.
    """
    base_fee: uint256 = self._base_fee()
    price: uint256 = staticcall IArbGasInfo(_GAS_INFO).getL1BaseFeeEstimate()
    return self._l1_gas(len(data), price, base_fee), base_fee, price


@external
@payable
def gasEstimateComponents(
    to: address, contractCreation: bool, data: Bytes[_MAX_DATA]
) -> (uint64, uint64, uint256, uint256):
    """
    @notice Returns all gas of a call, its part for L1 data, the base fee and the price of a unit of L1 data.
    """
    base_fee: uint256 = self._base_fee()
    price: uint256 = staticcall IArbGasInfo(_GAS_INFO).getL1BaseFeeEstimate()
    l1_gas: uint64 = self._l1_gas(len(data), price, base_fee)
    before: uint256 = msg.gas
    if not contractCreation:
        raw_call(to, data, value=msg.value)
    l2_gas: uint256 = before - msg.gas + 21_000 + 16 * len(data)
    return l1_gas + convert(l2_gas, uint64), l1_gas, base_fee, price


@internal
@view
def _base_fee() -> uint256:
    """
    @dev An `eth_call` without a gas price may see a base fee of zero.
    """
    return max(block.basefee, staticcall IArbGasInfo(_GAS_INFO).getMinimumGasPrice())


@internal
@pure
def _l1_gas(size: uint256, price: uint256, base_fee: uint256) -> uint64:
    return convert((size + _SIMPLE_TX_BYTES) * _UNITS_PER_BYTE * price // base_fee, uint64)
