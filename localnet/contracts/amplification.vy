# pragma version 0.4.3
"""
@title Amplification
@notice Curve's A, which can move linearly from one value to another.
"""


event RampA:
    old_A: uint256
    new_A: uint256
    initial_time: uint256
    future_time: uint256

event StopRampA:
    A: uint256
    t: uint256


# Both with two decimals, and the times between which A moves.
initial_A: public(uint256)
future_A: public(uint256)
initial_A_time: public(uint256)
future_A_time: public(uint256)


A_PRECISION: constant(uint256) = 100


@deploy
def __init__(A_: uint256):
    """
    @param A_ The first value, without decimals.
    """
    self.initial_A = A_ * A_PRECISION
    self.future_A = A_ * A_PRECISION


@external
@view
def A() -> uint256:
    """
    @notice Returns the amplification, without decimals.
    """
    return self._current() // A_PRECISION


@external
@view
def A_precise() -> uint256:
    """
    @notice Returns the amplification, with two decimals.
    """
    return self._current()


@internal
def _ramp(future_A: uint256, future_time: uint256):
    """
    @notice Moves A to future_A (without decimals) until future_time.
    """
    assert future_time > block.timestamp, "stableswap: ramp ends in the past"
    self.initial_A = self._current()
    self.future_A = future_A * A_PRECISION
    self.initial_A_time = block.timestamp
    self.future_A_time = future_time
    log RampA(old_A=self.initial_A, new_A=self.future_A, initial_time=block.timestamp, future_time=future_time)


@internal
def _stop():
    """
    @notice Keeps A where it is.
    """
    amp: uint256 = self._current()
    self.initial_A = amp
    self.future_A = amp
    self.initial_A_time = block.timestamp
    self.future_A_time = block.timestamp
    log StopRampA(A=amp, t=block.timestamp)


@internal
@view
def _current() -> uint256:
    """
    @notice Returns A at this moment, with two decimals.
    """
    if block.timestamp >= self.future_A_time:
        return self.future_A
    elapsed: uint256 = block.timestamp - self.initial_A_time
    duration: uint256 = self.future_A_time - self.initial_A_time
    if self.future_A > self.initial_A:
        return self.initial_A + (self.future_A - self.initial_A) * elapsed // duration
    return self.initial_A - (self.initial_A - self.future_A) * elapsed // duration
