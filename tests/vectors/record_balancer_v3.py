"""
Asks balancer-maths for the answers that the models of Balancer V3 are compared with, and writes them beside this file.

It is an implementation that nobody here wrote, and runs in an environment of its own:

    python -m venv /tmp/balancer && /tmp/balancer/bin/pip install balancer-maths==0.1.2
    PYTHONPATH=. /tmp/balancer/bin/python -m tests.vectors.record_balancer_v3

Each answer is what the swap gives or asks, or null where balancer-maths refuses it.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

# The package calls itself by the name that its folder had before it was one.
_SPEC = find_spec("balancer_maths")
assert _SPEC is not None
sys.modules["src"] = ModuleType("src")
sys.modules["src"].__path__ = list(_SPEC.submodule_search_locations or ())

from src.common.types import SwapInput, SwapKind  # noqa: E402
from src.pools.stable.stable_data import map_stable_state  # noqa: E402
from src.pools.weighted.weighted_data import map_weighted_state  # noqa: E402
from src.vault.vault import Vault  # noqa: E402

from tests.vectors.balancer_v3_cases import VaultSwap, vault_swaps  # noqa: E402


def _answer(case: VaultSwap, stable: bool) -> int | None:
    if not case.exact_in and case.amount > case.balances[case.j]:
        return None  # numbers below zero, with which it goes on where a contract cannot
    pool = {
        "poolType": "STABLE" if stable else "WEIGHTED",
        "poolAddress": "0x0",
        "tokens": [str(k) for k in range(len(case.balances))],
        "scalingFactors": case.scaling_factors,
        "tokenRates": case.rates,
        "balancesLiveScaled18": case.live(),
        "swapFee": case.swap_fee,
        "aggregateSwapFee": case.aggregate_swap_fee,
        "totalSupply": 10**18,
        "weights": case.weights,
        "amp": case.amp,
    }
    state = map_stable_state(pool) if stable else map_weighted_state(pool)
    kind = SwapKind.GIVENIN if case.exact_in else SwapKind.GIVENOUT
    swap = SwapInput(amount_raw=case.amount, token_in=str(case.i), token_out=str(case.j), swap_kind=kind)
    try:
        answer = int(Vault().swap(swap_input=swap, pool_state=state))
    except (SystemError, ValueError, RuntimeError, ZeroDivisionError, OverflowError):
        return None
    return answer if answer >= 0 else None


if __name__ == "__main__":
    for name, stable in (("weighted", False), ("stable", True)):
        lines = ",\n".join(json.dumps(_answer(case, stable)) for case in vault_swaps())
        (Path(__file__).parent / f"balancer_v3_{name}.json").write_text(f"[\n{lines}\n]\n")
