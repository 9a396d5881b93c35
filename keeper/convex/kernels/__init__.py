"""
The inner loops of the convex problem, compiled in place like those of the search.
"""

from functools import cache
from pathlib import Path

import keeper.routes.kernels as routes
from keeper.convex.kernels import baskets, flows, order, prices, springs

_PACKAGES = (Path(__file__).parent, Path(routes.__file__).parent)


@cache
def compile_kernels() -> bool:
    """
    Have numba compile the kernels, each when it is first called; return whether numba is there.
    """
    routes.compile_kernels()
    return routes.compile_modules((baskets, flows, order, prices, springs), _PACKAGES)
