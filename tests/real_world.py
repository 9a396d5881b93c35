"""
The executor on a localnet, as the tests want it.
"""

from collections.abc import Sequence

import pytest

from benchmarks._executor import (
    FACTS,
    FOREVER,
    OPERATOR,
    OWNER,
    PROFIT_TOKENS,
    STRANGER,
    TREASURY,
    Step,
    World,
    flash_pool,
    gained,
    plan,
    route,
    start,
)
from keeper.plan import Funding
from localnet import pins

_OPTIONAL = {"uniswap_v4": "v4", "balancer_v3": "balancer-v3", "morpho": "morpho"}


def need(steps: Sequence[Step], *fundings: Funding) -> None:
    """
    Skip the test where the localnet has not all that the route needs.
    """
    for dex in {step[0].split()[0] for step in steps} | {*fundings}:
        if dex in _OPTIONAL and not pins.provided(_OPTIONAL[dex]):
            pytest.skip(f"needs python -m localnet build --with {_OPTIONAL[dex]}")


__all__ = [
    "FACTS",
    "FOREVER",
    "OPERATOR",
    "OWNER",
    "PROFIT_TOKENS",
    "STRANGER",
    "TREASURY",
    "Step",
    "World",
    "flash_pool",
    "gained",
    "need",
    "plan",
    "route",
    "start",
]
