"""
Asks the mathematics of StableSwap NG and of twocrypto NG themselves for what curvesim rounds otherwise, and writes the
answers beside this file.

Their code may be read and compiled by anybody, but not given on: it is not here. Take CurveStableSwapNGMath.vy of
curvefi/stableswap-ng (commit 3ab3e37) and CurveCryptoMathOptimized2.vy of curvefi/twocrypto-ng (commit 04538be), both
from contracts/main, and compile them in an environment of its own:

    python -m venv /tmp/vyper && /tmp/vyper/bin/pip install vyper==0.3.10
    /tmp/vyper/bin/vyper CurveStableSwapNGMath.vy > /tmp/stableswap.hex
    /tmp/vyper/bin/vyper CurveCryptoMathOptimized2.vy > /tmp/twocrypto.hex
    .venv/bin/python tests/vectors/record_curve_math.py /tmp/stableswap.hex /tmp/twocrypto.hex

The answers that are here were recorded from ``get_D`` and ``get_y`` of these files and the functions that they call,
compiled without the rest. Each is the invariant, or the balance of the coin that is bought; null where the contract
reverts.
"""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
sys.path[:0] = [str(_FOLDER.parents[1]), str(_FOLDER)]

from curve_cases import cryptoswaps, stableswaps  # noqa: E402
from eth_abi.abi import encode  # noqa: E402
from eth_utils.crypto import keccak  # noqa: E402
from pyrevm import EVM  # noqa: E402

_CALLER = "0x" + "d0" * 20

_Ask = Callable[[Iterable[Any]], int | None]


def _deployed(hex_file: str, name: str, types: list[str]) -> _Ask:
    """A function of a contract that is alone in its world: the first word of what it answers."""
    evm = EVM(spec_id="CANCUN")
    contract = evm.deploy(_CALLER, bytes.fromhex(Path(hex_file).read_text().strip().removeprefix("0x")))
    selector = keccak(text=f"{name}({','.join(types)})")[:4]

    def ask(arguments: Iterable[Any]) -> int | None:
        try:
            answer = evm.message_call(_CALLER, contract, selector + encode(types, list(arguments)))
        except RuntimeError:
            return None
        return int.from_bytes(bytes(answer)[:32])

    return ask


def _write(name: str, answers: Iterable[int | None]) -> None:
    lines = ",\n".join(map(json.dumps, answers))
    (_FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n")


def main(stableswap: str, twocrypto: str) -> None:
    get_D = _deployed(stableswap, "get_D", ["uint256[]", "uint256", "uint256"])
    _write("curve_stableswap_ng_d", (get_D((case.xp(), 100 * case.A, len(case.balances))) for case in stableswaps()))
    get_y = _deployed(twocrypto, "get_y", ["uint256", "uint256", "uint256[2]", "uint256", "uint256"])
    invariants = [D for D, *_ in json.loads((_FOLDER / "curve_twocrypto.json").read_text())]
    _write(
        "curve_twocrypto_ng",
        (
            get_y((case.ANN, case.gamma, case.xp_after(), D, case.j))
            for case, D in zip(cryptoswaps(2), invariants, strict=True)
        ),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
