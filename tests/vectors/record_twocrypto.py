"""
Asks the mathematics of twocrypto NG themselves for the balances that their model is compared with, and writes them
beside this file.

Their code may be read and compiled by anybody, but not given on: it is not here. From curvefi/twocrypto-ng, commit
04538be, take contracts/main/CurveCryptoMathOptimized2.vy and compile it in an environment of its own:

    python -m venv /tmp/vyper && /tmp/vyper/bin/pip install vyper==0.3.10
    /tmp/vyper/bin/vyper CurveCryptoMathOptimized2.vy > /tmp/math.hex
    PYTHONPATH=. .venv/bin/python tests/vectors/record_twocrypto.py /tmp/math.hex

Each answer is the balance of the coin that is bought, or null where the contract reverts.
"""

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from curve_cases import cryptoswaps  # noqa: E402
from eth_abi.abi import decode, encode  # noqa: E402
from eth_utils.crypto import keccak  # noqa: E402
from pyrevm import EVM  # noqa: E402

_CALLER = "0x" + "d0" * 20
_GET_Y = keccak(text="get_y(uint256,uint256,uint256[2],uint256,uint256)")[:4]


def main(creation: bytes) -> None:
    folder = Path(__file__).parent
    evm = EVM(spec_id="CANCUN")
    contract = evm.deploy(_CALLER, creation)
    invariants = [D for D, *_ in json.loads((folder / "curve_twocrypto.json").read_text())]
    answers: list[int | None] = []
    for case, D in zip(cryptoswaps(2), invariants, strict=True):
        arguments = (case.ANN, case.gamma, case.xp_after(), D, case.j)
        types = ["uint256", "uint256", "uint256[2]", "uint256", "uint256"]
        try:
            answer = bytes(evm.message_call(_CALLER, contract, _GET_Y + encode(types, arguments)))
        except RuntimeError:
            answers.append(None)
            continue
        answers.append(decode(["uint256[2]"], answer)[0][0])
    lines = ",\n".join(map(json.dumps, answers))
    (folder / "curve_twocrypto_ng.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main(bytes.fromhex(Path(sys.argv[1]).read_text().strip().removeprefix("0x")))
