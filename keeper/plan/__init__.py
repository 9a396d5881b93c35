"""
Routes to the executor's calldata, and back.

Usual routes go to a short entry point (``short``), all else to the general program (``bundle``); ``calldata`` chooses.
The executor derives pools where it can; so do these modules, and they refuse a plan that names another one.
"""

from keeper.plan.calldata import decode, encode
from keeper.plan.dexes import DEXES, pool_address
from keeper.plan.model import (
    BalancerV2Detail,
    BalancerV3Detail,
    CurveDetail,
    FlashPool,
    Funding,
    Group,
    Guard,
    Hop,
    Loan,
    Plan,
    Program,
    Route,
    UniswapV4Detail,
)
from keeper.plan.short import SELECTORS
from keeper.plan.words import VERSION

__all__ = [
    "DEXES",
    "SELECTORS",
    "VERSION",
    "BalancerV2Detail",
    "BalancerV3Detail",
    "CurveDetail",
    "FlashPool",
    "Funding",
    "Group",
    "Guard",
    "Hop",
    "Loan",
    "Plan",
    "Program",
    "Route",
    "UniswapV4Detail",
    "decode",
    "encode",
    "pool_address",
]
