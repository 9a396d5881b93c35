"""
Which entry point runs a plan.
"""

from keeper.errors import PlanError
from keeper.plan import bundle, short
from keeper.plan.model import Plan, Program
from keeper.types import Address


def encode(plan: Plan | Program) -> bytes:
    """
    Return the calldata that makes the executor run the plan, of the entry point that costs least.

    Raises:
        PlanError: The executor would refuse the plan, or it names a pool that is not the DEX's own.
    """
    if isinstance(plan, Program):
        return bundle.encode(plan)
    for route in plan.routes:
        if not route.hops or len(route.hops) < 2:
            raise PlanError(f"plan: a route has 2 to {bundle.MAX_HOPS} hops, not {len(route.hops)}")
        if route.profit_token not in plan.profit_tokens:
            raise PlanError(f"plan: the executor does not list {route.profit_token} as a profit token")
        if route.amount_in == 0:
            raise PlanError("plan: nothing goes into the route")
    return short.encode(plan) if short.fits(plan) else bundle.encode(bundle.program_of(plan))


def decode(calldata: bytes, profit_tokens: tuple[Address, ...]) -> Plan | Program:
    """
    Return what the calldata makes the executor run: the inverse of ``encode``.

    Raises:
        PlanError: The executor would refuse the calldata.
    """
    words = [int.from_bytes(calldata[i : i + 32]) for i in range(4, len(calldata), 32)]
    if len(calldata) % 32 == 4:
        if calldata[:4] == bundle.SELECTOR:
            return bundle.decode(words, profit_tokens)
        if short.SELECTORS.get(len(words) - 3) == calldata[:4]:
            return short.decode(words, profit_tokens)
    raise PlanError("plan: the calldata is not a call of the executor")
