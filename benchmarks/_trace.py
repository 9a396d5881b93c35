"""
What the executor's own frames took of a transaction, from two traces of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_CALLS = {"CALL", "STATICCALL", "DELEGATECALL", "CALLCODE"}
#: Vyper looks whether there is code before it calls, unless it is told not to: then this is the first touch.
_LOOK = "EXTCODESIZE"
_TRANSIENT = {"TLOAD", "TSTORE"}


def split(steps: Sequence[Mapping[str, Any]], frames: Mapping[str, Any], executor: str) -> dict[str, int]:
    """
    Return what the executor's frames took by themselves, in all; of it the price of the calls that they make (the first
    touch of an account is the toucher's), without what the called take; and of it transient storage.

    A frame took what it had at its first step less what it had after its last.

    Args:
        steps: Of every frame, as ``debug_traceCall`` tells them.
        frames: The same transaction's calls, as its ``callTracer`` tells them.

    Raises:
        RuntimeError: The traces do not agree.
    """
    addresses = _addresses(frames)
    ours = executor.lower()
    open_frames = [_Frame(next(addresses) == ours, int(steps[0]["gas"]))]
    own = access = transient = 0
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        frame = open_frames[-1]
        if frame.ours and step["op"] in _TRANSIENT:
            transient += int(step["gasCost"])
        elif frame.ours and step["op"] == _LOOK:
            access += int(step["gasCost"])
        depth = following["depth"] if following else steps[0]["depth"] - 1
        if following and depth > step["depth"]:
            frame.called_at = int(step["gas"])
            open_frames.append(_Frame(next(addresses) == ours, int(following["gas"])))
        elif depth < step["depth"]:
            open_frames.pop()
            took = frame.start - int(step["gas"]) + int(step["gasCost"])
            own += took if frame.ours else 0
            if open_frames and following and open_frames[-1].ours:
                own -= took
                access += open_frames[-1].called_at - int(following["gas"]) - took
        elif frame.ours and step["op"] in _CALLS and following:
            # Nobody is there, or a precompile.
            access += int(step["gas"]) - int(following["gas"])
    if next(addresses, None) is not None:
        raise RuntimeError("the trace of the calls has more frames than that of the steps")
    return {"overhead": own, "access": access, "transient": transient}


class _Frame:
    def __init__(self, ours: bool, start: int) -> None:
        self.ours = ours
        self.start = start
        self.called_at = 0


def _addresses(frame: Mapping[str, Any]) -> Iterator[str]:
    """Yield whose code runs, frame after frame."""
    yield str(frame["to"]).lower()
    for inner in frame.get("calls", []):
        yield from _addresses(inner)
